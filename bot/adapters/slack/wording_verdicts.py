"""The sentences of answers that simulate, read logs and verify; rules as in `wording`."""

import sys
from collections.abc import Mapping

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count
from bot.flannel import aspects, logs
from bot.flannel.outlook import Verdict

# Simulation

IN_QUESTION = "In question"
IN_FORCE = "In force"
MIXED = "Mixed"
SAFER = "Safer"
NO_SAFER = "No safe form"
NOTHING_CHANGED = "Nothing was changed."

EFFECT = {
    Verdict.UNCHANGED: "🟢 Unchanged",
    Verdict.CHANGES: "🟠 Changes",
    Verdict.FAILS: "🔴 Fails",
    Verdict.UNKNOWN: "⚪ Cannot be told",
}


def simulation_title(cluster: str, counts: Mapping[Verdict, int]) -> str:
    """Title of `simulate`."""
    told = [f"{EFFECT[verdict]} {number:,}" for verdict, number in counts.items() if number]
    return f"{cluster} · simulation · {' · '.join(told) or 'no node was seen'}"


def malformed_title(cluster: str) -> str:
    """Title where a pattern is no pattern."""
    return f"{cluster} · simulation · 🔴 flannel could not read that"


def malformed(pattern: str, error: str) -> str:
    """Of a pattern that does not compile, in flannel's words."""
    return f"`{pattern}` is no pattern: {error}"


MALFORMED_ENDS = "flannel would fail with it on every node that gets to it. No node was asked."


def verdicts(counts: Mapping[Verdict, int]) -> str:
    """What the flags in force would do."""
    words = {
        Verdict.UNCHANGED: "unchanged",
        Verdict.CHANGES: "changes",
        Verdict.FAILS: "fails",
        Verdict.UNKNOWN: "cannot be told",
    }
    return ", ".join(f"{counts[one]:,} {words[one]}" for one in words if counts.get(one))


def anyway(number: int) -> str:
    """Nodes to which it happens by the flags in force too."""
    return f"{number:,} of them by the flags in force too"


def becomes(was: str, then: str) -> str:
    """A NIC and the one after it."""
    return f"{was or 'not known'} → {then}" if then else f"{was or 'not known'} → none"


# Logs

LOG_OUTCOME = {
    logs.Outcome.RUNNING: "🟢 runs",
    logs.Outcome.FAILED: "🔴 failed",
    logs.Outcome.WAITING: "🟠 waits",
    logs.Outcome.STARTING: "⚪ was starting",
    logs.Outcome.STOPPED: "🟢 was stopped",
    logs.Outcome.UNKNOWN: "⚪ cannot be told",
}
LOG_TITLE = "flannel's log"
SAYS = "It says"
ALSO = "Also"
POD = "Pod"
NO_LOG = "No log of it could be read."


def no_failure(read: int, *, unread: bool) -> str:
    """Of runs that did not fail; `unread` is whether there is another that is not known."""
    if read > 1:
        return "Neither of its last two runs failed."
    return "The run that could be read did not fail." if unread else "Its only run has not failed."


def run_line(title: str, outcome: logs.Outcome) -> str:
    """One run and how it went."""
    return f"{title[:1].upper()}{title[1:]} {LOG_OUTCOME[outcome]}"


def used(nic: str, address: str) -> str:
    """The NIC that a run chose."""
    return f", on {nic} with {address}" if nic else ""


def times(number: int) -> str:
    """How often a line came."""
    return f" ({number:,} times)" if number > 1 else ""


# Verification

POINT = {
    aspects.State.RIGHT: "🟢",
    aspects.State.WRONG: "🔴",
    aspects.State.UNSEEN: "⚪",
    aspects.State.NONE: "➖",
}
ASPECT = {one: one.value for one in aspects.Aspect}
POINT_WORD = {
    aspects.State.RIGHT: "right",
    aspects.State.WRONG: "wrong",
    aspects.State.UNSEEN: "not seen",
    aspects.State.NONE: "not used",
}


def verify_title(what: str, wrong: int, unseen: int) -> str:
    """Title of `verify`."""
    if wrong:
        return f"{what} · verification · 🔴 {count(wrong, 'point', 'points')} wrong"
    if unseen:
        return f"{what} · verification · ⚪ {count(unseen, 'point', 'points')} not seen"
    return f"{what} · verification · 🟢 all right"


def tally(right: int, wrong: int, unseen: int) -> str:
    """One point over all nodes."""
    parts = [f"{right:,} right"]
    parts += [f"{wrong:,} wrong"] if wrong else []
    parts += [f"{unseen:,} not seen"] if unseen else []
    return ", ".join(parts)


def all_right(right: int, population: int) -> str:
    """Nodes without any wrong or unseen point."""
    return f"{right:,} of {count(population, 'node', 'nodes')} right in every point"


sys.modules[__name__].__class__ = catalogue.Words
