"""The sentences of answers about NICs and routes; rules as in `wording`."""

import sys
from collections.abc import Mapping, Sequence

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count, duration
from bot.domain import finding
from bot.flannel import inspection, roles
from bot.flannel.outlook import Verdict

# Looks

NOW = "Now"
BEFORE = "Before"
STOPPED = "🔴 flannel does not run"
LAST_WORDS = "flannel's last words"
OUTLOOK = "Outlook"
WHY = "Why"
RISK = "Risk"
WORDS = "flannel would say"
NICS = "NICs"
IN_ORDER = "in the order in which flannel takes them"
CAUSE = "Cause"
DO = "Do"
SEEN = "Seen"
NOT_SEEN = "Not seen"
FLANNEL = "flannel"
BUT = "But"
NOTE = "Note"
CAREFUL = "Careful"
UNSAFE_CURE = (
    "a restart of flannel would not be safe there, or cannot be judged; `nics` with a node's name "
    "tells why."
)
EVIDENCE = "Evidence"
EXAMPLE = "Such as"
NOT_KNOWN = "not known"
NICS_NOT_READ = "Its NICs could not be read."

VERDICT = {
    Verdict.UNCHANGED: "🟢 stays as it is at a restart",
    Verdict.CHANGES: "🟠 would change at a restart",
    Verdict.FAILS: "🔴 would crash-loop at a restart",
    Verdict.UNKNOWN: "⚪ cannot be told",
}
FOR_NOW = "🟡 stays as it is at a restart, for now"
WAY = {
    inspection.Way.EXEC: "by exec into its flannel pod",
    inspection.Way.PROBE: "by a probe pod",
    inspection.Way.LOG: "by flannel's log only",
}
BY = {
    inspection.Way.EXEC: "by exec",
    inspection.Way.PROBE: "by probe pods",
    inspection.Way.LOG: "by flannel's log only",
}
STATE = {
    roles.State.UP: "up",
    roles.State.NO_LINK: "no link",
    roles.State.DOWN: "down",
    roles.State.UNKNOWN: "state not known",
}
ROLE = {
    roles.Role.FLANNEL: "flannel's NIC",
    roles.Role.DEFAULT_ROUTE: "default route",
    roles.Role.DEVICE: "flannel's device",
    roles.Role.BRIDGE: "pods' bridge",
    roles.Role.BOND: "bond",
    roles.Role.SLAVE: "bond slave",
    roles.Role.VIRTUAL: "virtual",
}


def stopped(pod: str) -> str:
    """Of a node where flannel does not run."""
    return f"flannel does not run: {pod}"


def seen_ago(seconds: float) -> str:
    """Age of a look."""
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"


def part_of(master: str) -> str:
    """Of a NIC in a bond or bridge."""
    return f"part of {master}"


def mtu(size: int) -> str:
    """Of a NIC."""
    return f"MTU {size}"


def more(number: int) -> str:
    """After what is listed."""
    return f" and {number:,} more"


def pods_nics(number: int) -> str:
    """The NICs of pods, summed up."""
    return count(number, "pod's NIC", "pods' NICs")


def hit_by(pattern: str, ip: str) -> str:
    """Of a pod's NIC that a pattern hits."""
    how = f" by its address {ip}" if ip else ""
    return f"hit by `{pattern}`{how}"


def of_pod(pod: str, ip: str) -> str:
    """Whose NIC it is."""
    if pod:
        return f"of pod {pod}"
    return f"of the pod with IP {ip}" if ip else "of a pod that is not known"


def idle(names: Sequence[str]) -> str:
    """NICs without an address or a role."""
    shown = ", ".join(names[:6])
    rest = more(len(names) - 6) if len(names) > 6 else ""
    return f"without address or role: {shown}{rest}"


def coverage(seen: int, population: int) -> str:
    """How many nodes an answer is about."""
    return f"{seen:,} of {count(population, 'node', 'nodes')}"


def on_nodes(number: int) -> str:
    """Before what could not be seen of so many nodes."""
    return f"on {count(number, 'node', 'nodes')}: "


def between(oldest: float, newest: float) -> str:
    """Ages of several looks."""
    if round(oldest) <= round(newest) + 1:
        return seen_ago(oldest)
    return f"{duration(newest)} to {duration(oldest)} ago"


# All nodes

SEVERITY = {
    finding.Severity.CRITICAL: "🔴",
    finding.Severity.WARNING: "🟠",
    finding.Severity.INFO: "⚪",
}


def nics_title(cluster: str, deviants: int, unseen: int) -> str:
    """Title of `nics --all`."""
    return f"{cluster} · NICs · {_state(deviants, unseen)}"


def routes_title(cluster: str, deviants: int, unseen: int) -> str:
    """Title of `routes` and `routes --all`."""
    return f"{cluster} · routes · {_state(deviants, unseen)}"


def _state(deviants: int, unseen: int) -> str:
    if deviants:
        return f"🔴 wrong on {count(deviants, 'node', 'nodes')}"
    if unseen:
        return f"⚪ nothing wrong seen, {count(unseen, 'node', 'nodes')} not seen"
    return "🟢 right on all nodes"


def group_size(number: int) -> str:
    """Beside a group's name."""
    return f" · {count(number, 'node', 'nodes')}"


def near(number: int) -> str:
    """Of nodes that are right by the order of their NICs only."""
    return (
        f"On {number:,} of these the pattern hits a pod's NIC too: a restart is safe there only "
        "as long as that NIC stands behind the host's."
    )


def rest(number: int, nics: Mapping[str, int]) -> str:
    """The nodes where nothing is wrong."""
    if not number:
        return "Of no node can it be said that nothing is wrong."
    on = ", ".join(f"{nic} on {nodes:,}" for nic, nodes in nics.items())
    return f"Nothing wrong on {count(number, 'node', 'nodes')}: {on}."


# Routes


def entries(right: int, expected: int) -> str:
    """Of one node or of all."""
    return f"{right:,} of {count(expected, 'entry', 'entries')} right"


def peers(number: int) -> str:
    """How many other nodes it must reach."""
    return count(number, "peer", "peers")


ALL_RIGHT = "Routes, neighbours and forwarding entries are as they should be."
NO_TABLES = "Only flannel's log could be read, and it holds no routes: nothing can be said of them."
NOTHING_EXPECTED = "Nothing is expected here: no other node announces anything it could use."


def node_routes_title(node: str, faults: int, *, judged: bool) -> str:
    """Title of `routes <node>`."""
    if faults:
        return f"{node} · routes · 🔴 {count(faults, 'fault', 'faults')}"
    return f"{node} · routes · {'🟢 right' if judged else '⚪ cannot be told'}"


def before_restart(node: str) -> str:
    """Where the usual cure would do harm."""
    return f"Before flannel is restarted there, see what `nics {node}` says."


def settling(nodes: Sequence[str]) -> str:
    """Peers whose entries may still be on their way."""
    shown = ", ".join(nodes[:5])
    rest_of = more(len(nodes) - 5) if len(nodes) > 5 else ""
    return f"came, left or changed just now, not held against others: {shown}{rest_of}"


def peers_named(names: Sequence[str], number: int) -> str:
    """Which peers a fault is about: some of so many."""
    rest_of = more(number - len(names)) if number > len(names) else ""
    return f"{count(number, 'peer', 'peers')}: {', '.join(names)}{rest_of}"


def more_faults(number: int) -> str:
    """After the faults that are shown."""
    return f"{count(number, 'more fault is', 'more faults are')} in the whole answer."


def matrix_title(cluster: str, wrong: int, population: int) -> str:
    """Title of the picture of all nodes' entries for all peers."""
    return f"{cluster} · entries wrong on {wrong:,} of {count(population, 'node', 'nodes')}"


def matrix_alt(title: str, names: Sequence[str]) -> str:
    """The picture in words."""
    shown = ", ".join(names[:20])
    rest_of = more(len(names) - 20) if len(names) > 20 else ""
    return f"{title}: a grid with a row a node and a column a peer. Wrong: {shown}{rest_of}."


sys.modules[__name__].__class__ = catalogue.Words
