"""Many nodes summed up: those where something is wrong, by what is wrong; the rest as numbers.

A hundred nodes with one trouble are one group with one cause and one cure, since that is how
they are mended.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.finding import Severity
from bot.flannel.faults import FACTS, Deviation, Fault
from bot.flannel.outlook import Outlook, Verdict

NIC_FAULTS = frozenset(
    {
        Fault.WRONG_NIC,
        Fault.PUBLIC_IP_DUPLICATE,
        Fault.PUBLIC_IP_FOREIGN,
        Fault.NIC_MISSING,
        Fault.NIC_DOWN,
        Fault.NIC_NO_CARRIER,
        Fault.NIC_LOOPBACK,
        Fault.NIC_LOST_ADDRESS,
        Fault.NIC_CHANGED_ADDRESS,
        Fault.LOCAL_DIFFERS,
    }
)
"""What is wrong with the NIC under flannel, whatever its tables hold."""


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a group, and what is wrong there in its own case."""

    node: str
    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes with one trouble. `what` is a few words, `cause` and `cure` are sentences."""

    what: str
    severity: Severity
    members: tuple[Member, ...]
    cause: str = ""
    cure: str = ""


def by_fault(
    deviations: Iterable[Deviation], *, only: Collection[Fault] | None = None
) -> tuple[Group, ...]:
    """Group deviations of many nodes by their fault, the worst and most frequent first."""
    found: dict[Fault, list[Member]] = {}
    for one in deviations:
        if only is None or one.fault in only:
            member = Member(one.node, one.summary, one.evidence)
            found.setdefault(one.fault, []).append(member)
    return ordered(
        Group(
            what=title(fault),
            severity=FACTS[fault].severity,
            members=tuple(sorted(members, key=lambda member: member.node)),
            cause=FACTS[fault].cause,
            cure=FACTS[fault].cure,
        )
        for fault, members in found.items()
    )


_SPELT = {"nic": "NIC", "mac": "MAC", "mtu": "MTU", "ip": "IP", "fdb": "FDB", "cidr": "CIDR"}


def title(fault: Fault) -> str:
    """Return a fault's name as a person would write it."""
    words = [_SPELT.get(word, word) for word in fault.value.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def ordered(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Sort groups: the worst first, of equals the larger."""
    return tuple(sorted(groups, key=lambda one: (-one.severity.rank, -len(one.members), one.what)))


_FAILS = (
    "The next restart of flannel there (an OOM kill, an update, a reboot) ends in a crash loop.",
    "Until then, set flags that find the NIC: an anchored `--iface-regex` or ordered `--iface`.",
)
_CHANGES = (
    "The next restart of flannel there takes another NIC and resets the node's data path.",
    "If the new NIC is not the intended one, set flags that name it; `simulate` tries them.",
)
_ON_PODS = (
    "flannel sits on a pod's NIC: when that pod goes, the node's tunnel goes with it.",
    "Set flags that name a NIC of the host, and restart flannel there.",
)
_UNKNOWN = (
    "What is known of the node does not tell what a restart would choose.",
    "Look at the node by itself: `nics` with its name.",
)


def of_outlooks(outlooks: Iterable[Outlook]) -> tuple[Group, ...]:
    """Group what a restart would do to nodes; those that it leaves as they are, are left out."""
    found: dict[tuple[str, Severity, tuple[str, str]], list[Member]] = {}
    for one in outlooks:
        if one.on_pods_nic:
            key = "On a pod's NIC now", Severity.CRITICAL, _ON_PODS
            best = one.present.best
            member = Member(one.node, best.text if best else "", (one.risk, *one.doubts))
        elif one.verdict is Verdict.FAILS:
            key = "Would crash-loop at a restart", Severity.CRITICAL, _FAILS
            member = Member(one.node, one.risk, one.doubts)
        elif one.verdict is Verdict.CHANGES:
            key = "Would change its NIC at a restart", Severity.WARNING, _CHANGES
            member = Member(one.node, one.risk, one.doubts)
        elif one.verdict is Verdict.UNKNOWN and one.failed is not None:
            why = one.failed
            key = "Failed at its last start", Severity.CRITICAL, (why.cause, why.cure)
            member = Member(one.node, why.line, one.doubts)
        elif one.verdict is Verdict.UNKNOWN:
            key = "Cannot be told", Severity.INFO, _UNKNOWN
            member = Member(one.node, one.risk, one.doubts)
        else:
            continue
        found.setdefault(key, []).append(member)
    return ordered(
        Group(what, severity, tuple(members), cause=said[0], cure=said[1])
        for (what, severity, said), members in found.items()
    )


@dataclass(frozen=True, slots=True)
class Rest:
    """The nodes where nothing is wrong: how many, and on which NICs flannel runs there.

    `near` counts those where a pattern hits a pod's NIC too, behind the one that flannel takes.
    """

    nodes: int
    nics: Mapping[str, int] = field(default_factory=dict)
    near: int = 0


def rest(outlooks: Iterable[Outlook], groups: Iterable[Group]) -> Rest:
    """Count the nodes that are in no group."""
    told = {member.node for group in groups for member in group.members}
    fine = [one for one in outlooks if one.node not in told]
    nics = Counter(one.present.nic or "unknown" for one in fine)
    return Rest(len(fine), dict(nics.most_common()), sum(bool(one.hits) for one in fine))


def cures(ahead: Outlook, safer: Sequence[str]) -> tuple[str, ...]:
    """Return what to do on one node about what a restart would do there, in sentences.

    `safer` are flags that give this node its NIC; of other nodes they prove nothing.
    """
    found = []
    if ahead.verdict is Verdict.UNCHANGED and ahead.hits:
        found.append(
            "That holds only as long as the pods' NICs stand behind the host's in this order."
        )
    bad = ahead.verdict in (Verdict.FAILS, Verdict.CHANGES) or ahead.on_pods_nic
    if safer and (bad or ahead.hits):
        flags = " ".join(safer)
        found.append(
            f"Replace the pattern by `{flags}`, which gives this node its NIC. `simulate` tells "
            "whether it does so on all nodes."
        )
    elif bad:
        found.append("Find flags that give every node its NIC: `simulate` tries them.")
    if ahead.verdict is Verdict.FAILS and ahead.takes_pods_nic and ahead.hits:
        pod = next((one.pod for one in ahead.hits if one.pod), "")
        whose = f"pod {pod}" if pod else "the pod whose NIC it takes"
        found.append(f"Until then, {whose} moved off the node lets flannel start there.")
    return tuple(found)
