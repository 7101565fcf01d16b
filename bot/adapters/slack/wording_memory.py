"""The sentences of answers about flannel's memory; rules as in `wording`."""

import sys
from collections.abc import Mapping

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count, duration

NOW = "Now"
PEAK = "Peak"
LIMIT = "Limit"
MARK = "Kernel's mark"
KILLS = "OOM kills"
FORECAST = "Forecast"
NEAR = "Near the limit"
SEEN = "Seen"
NOT_SEEN = "Not seen"
NOTE = "Note"
RESTARTS = "Restarts"
NO_LIMIT = "none: only the node's own memory bounds it"
NOTHING_KNOWN = "Nothing is known of what it uses."
TOO_SHORT = "none yet: too little is known of the present run"
NOBODY_NEAR = "no node has used more than 80 % of its limit"
NO_FORECAST = "none yet: too little is known of any node"
NOBODY_GROWS = "no node grows towards its limit"
SHORTER_THAN_SAMPLES = (
    "It was killed though no sample came near the limit: what kills lasts shorter than the time "
    "between two samples, a burst of the daemon or an iptables program beside it. Size the limit "
    "by the kills, not by this curve."
)
PICTURE_TITLE = "flannel's memory"
WORKING_SET = "working set"
HIGHEST_NODE = "highest node"
P50 = "half of the nodes below"
P90 = "90 % of them below"

_MI = 2**20


def size(bytes_: float) -> str:
    """Memory as people compare it: MiB, with a digit behind the point where that says something."""
    shown = bytes_ / _MI
    text = f"{shown:.0f}" if abs(shown) >= 99.95 else f"{shown:.1f}".removesuffix(".0")
    return f"{text} MiB"


def share(part: float) -> str:
    """A share of the limit; never rounded up to all of it."""
    return f"{min(part * 100, 99.4) if part < 1 else part * 100:.0f} %"


def title(
    whose: str, *, kills: int, part: float | None, grows: bool, known: bool, limited: bool
) -> str:
    """Title of an answer about one node, the worst first."""
    return f"{whose} · memory · {_state(kills, part, grows, known, limited)}"


def _state(
    kills: int, part: float | None, grows: bool, known: bool, limited: bool
) -> str:  # one title's facts
    if kills:
        return f"🔴 OOM-killed {count(kills, 'time', 'times')}"
    if part is not None and part > 0.8:
        return f"🟠 has used {share(part)} of its limit"
    if grows:
        return "🟠 grows towards its limit"
    if not known:
        return "⚪ not known"
    if not limited:
        return "🟢 without a limit"
    return f"🟢 {share(part or 0)} of its limit at most"


def fleet_title(
    cluster: str, *, kills: int, killed: int, near: int, grows: int, known: int, population: int
) -> str:
    """Title of `memory`, the worst first."""
    if kills:
        on = count(killed, "node", "nodes")
        state = f"🔴 {count(kills, 'OOM kill', 'OOM kills')} on {on}"
    elif near:
        state = f"🟠 {count(near, 'node', 'nodes')} near the limit"
    elif grows:
        state = f"🟠 {count(grows, 'node grows', 'nodes grow')} towards the limit"
    elif not known:
        state = "⚪ not known"
    elif known < population:
        unseen = count(population - known, "node", "nodes")
        state = f"⚪ nothing wrong seen, {unseen} not seen"
    else:
        state = "🟢 far from the limit on all nodes"
    return f"{cluster} · memory · {state}"


def now(used: int, limit: int | None, ago: float) -> str:
    """The newest value and how old it is."""
    told = size(used)
    if limit:
        told += f" of {size(limit)} ({share(used / limit)})"
    return f"{told}, {duration(ago)} ago"


def peak(used: int, limit: int | None, over: float) -> str:
    """The highest value of the time told, and what it leaves."""
    told = f"{size(used)} in {duration(over)}"
    if not limit:
        return told
    left = limit - used
    room = f"{size(left)} below the limit" if left >= 0 else f"{size(-left)} above the limit of now"
    return f"{told} ({share(used / limit)}), {room}"


def mark(used: int) -> str:
    """The kernel's high-water mark, which is no working set."""
    return f"{size(used)} at most since it started, page cache included, which kills nobody"


def kills(number: int, over: float) -> str:
    """How many, before their moments."""
    return f"{number:,} in {duration(over)}: " if number else f"none in {duration(over)}"


def earlier(number: int) -> str:
    """Kills whose moments are not listed."""
    return f"{number:,} earlier, "


def unseen(number: int) -> str:
    """Restarts that nobody saw."""
    return f"{count(number, 'more restart', 'more restarts')} whose cause nobody saw"


def slope(a_day: float, low: float, high: float) -> str:
    """Growth with its uncertainty."""
    return f"{signed(a_day)} a day (95 %: {signed(low)} to {signed(high)})"


def signed(bytes_: float) -> str:
    """A change of memory."""
    told = size(abs(bytes_))
    return told if told == "0 MiB" else f"{'−' if bytes_ < 0 else '+'}{told}"


def no_growth(trend: str) -> str:
    """Where no growth can be told from wobble."""
    return f"no growth: {trend}"


def far(trend: str, horizon: float) -> str:
    """Where it grows, and the limit is far."""
    return f"{trend}: the limit is not met within {duration(horizon)}"


def grows(trend: str) -> str:
    """Where it grows and there is no limit to be met."""
    return f"{trend}"


def reaches(trend: str, ahead: float, earliest: float, latest: float | None) -> str:
    """Where it grows and would meet the limit."""
    end = f" and {duration(latest)}" if latest is not None else " and much later"
    return f"{trend}: meets the limit in {duration(ahead)}, between {duration(earliest)}{end}, at "


def quantiles(p50: int, p90: int, highest: int) -> str:
    """All nodes at one moment."""
    return (
        f"half of the nodes at most {size(p50)}, 90 % at most {size(p90)}, highest {size(highest)}"
    )


def limits(given: Mapping[int | None, int]) -> str:
    """Which limits are in force on how many nodes."""
    told = [
        f"{'none' if limit is None else size(limit)} on {count(nodes, 'node', 'nodes')}"
        for limit, nodes in given.items()
    ]
    return ", ".join(told)


def source(name: str, step: float, over: float) -> str:
    """Where the numbers come from."""
    return f"{name}, a point every {duration(step)} of {duration(over)}"


def known(number: int, population: int) -> str:
    """Of how many nodes something is known."""
    return f"{number:,} of {count(population, 'node', 'nodes')}, "


def gaps(number: int, longest: float) -> str:
    """Stretches of which nothing is known."""
    spans = count(number, "stretch", "stretches")
    return f"{spans} without any value, the longest {duration(longest)}"


def begins(ago: float) -> str:
    """Where less is known than was asked for."""
    return f"anything before {duration(ago)} ago"


def used(part: float, peak_: int) -> str:
    """Of one node near its limit."""
    return f"{share(part)} ({size(peak_)})"


def soon(ahead: float) -> str:
    """Of one node that grows."""
    return f"in {duration(ahead)}"


def over_limit(number: int) -> str:
    """Before nodes near their limit."""
    return f"{count(number, 'node has', 'nodes have')} used more than 80 % of it: "


def growing(number: int) -> str:
    """Before nodes that grow towards their limit."""
    return f"{count(number, 'node grows', 'nodes grow')} towards it: "


def too_short(number: int) -> str:
    """Nodes without a trend."""
    return f"of {count(number, 'node', 'nodes')} too little is known for a trend"


def kills_on(number: int) -> str:
    """Of one node's kills in a list."""
    return f" ×{number:,}" if number > 1 else ""


def highest_in(step: float) -> str:
    """Name of the curve of peaks."""
    return f"highest in {duration(step)}"


sys.modules[__name__].__class__ = catalogue.Words
