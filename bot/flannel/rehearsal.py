"""What other flags would do to every node, played through without touching any.

Each node's present is compared with what a start would choose by the flags in force and by those
in question: a flag that breaks what is broken already is told apart from one that breaks a node.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.flannel import anchoring, flags, kernel, logs, rewriting, selection
from bot.flannel.outlook import Outlook, Verdict
from bot.flannel.versions import Version

_SOME = 3


@dataclass(frozen=True, slots=True)
class Case:
    """One node: what a start does by the flags in force, and by those in question."""

    node: str
    before: Outlook
    after: Outlook


@dataclass(frozen=True, slots=True)
class Effect:
    """Nodes to which one thing happens. `was` and `becomes` are NICs, `error` flannel's words.

    `anyway` counts those to which it happens by the flags in force too.
    """

    verdict: Verdict
    was: str
    becomes: str
    error: str
    nodes: tuple[str, ...]
    risks: tuple[str, ...] = ()
    anyway: int = 0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All nodes together.

    `now` counts verdicts of the flags in force; `mixes` are sentences about nodes that would not
    fit together; `advice` are flags that would be safe everywhere, or why there are none.
    """

    effects: tuple[Effect, ...] = ()
    now: Mapping[Verdict, int] = field(default_factory=dict)
    mixes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    advice_refused: str = ""

    def count(self, verdict: Verdict) -> int:
        """Return how many nodes have that verdict by the flags in question."""
        return sum(len(one.nodes) for one in self.effects if one.verdict is verdict)


_ORDER = (Verdict.FAILS, Verdict.CHANGES, Verdict.UNKNOWN, Verdict.UNCHANGED)


def of(cases: Sequence[Case]) -> Rehearsal:
    """Sum up, the worst first; advice is added by `advised`."""
    found: dict[tuple[Verdict, str, str, str], list[Case]] = {}
    for case in cases:
        found.setdefault(_key(case), []).append(case)
    effects = [
        Effect(
            verdict=verdict,
            was=was,
            becomes=becomes,
            error=error,
            nodes=tuple(case.node for case in held),
            risks=tuple(dict.fromkeys(case.after.risk for case in held))[:_SOME],
            anyway=sum(case.before.verdict is verdict for case in held),
        )
        for (verdict, was, becomes, error), held in found.items()
    ]
    effects.sort(key=lambda one: (_ORDER.index(one.verdict), -len(one.nodes), one.was))
    return Rehearsal(
        effects=tuple(effects),
        now=dict(Counter(case.before.verdict for case in cases)),
        mixes=tuple(_mixes([case.after for case in cases])),
    )


def _key(case: Case) -> tuple[Verdict, str, str, str]:
    after = case.after
    # Pods' NICs have a name each; what happens is the same.
    becomes = after.choice.nic or (_took(after) if after.verdict is Verdict.FAILS else "")
    shown = "a pod's NIC" if rewriting.is_pods(becomes) else becomes
    error = _stem(after) if after.verdict is Verdict.FAILS else ""
    return after.verdict, after.present.nic, shown, error


def _took(after: Outlook) -> str:
    return next((one.took for one in reversed(after.choice.attempts) if one.took), "")


def _stem(after: Outlook) -> str:
    """Return flannel's words without what differs from node to node: NICs listed, pods' names."""
    told = next((one.error for one in reversed(after.choice.attempts) if one.error), "")
    words = logs.without_list(told or after.choice.error).split()
    return " ".join("veth…" if rewriting.is_pods(word) else word for word in words)


def _mixes(after: Iterable[Outlook]) -> Iterable[str]:
    """Say where nodes would announce addresses of different kinds, by which pairs may be cut."""
    private: list[tuple[str, str]] = []
    public: list[tuple[str, str]] = []
    for one in after:
        ip = one.choice.external or one.choice.address
        if not one.choice.chosen or not ip:
            continue
        (private if ipaddress.ip_address(ip).is_private else public).append((one.node, ip))
    if private and public:
        few, kind, many = (
            (public, "public", private)
            if len(public) <= len(private)
            else (private, "private", public)
        )
        shown = ", ".join(f"{node} {ip}" for node, ip in few[:_SOME])
        more = f" and {len(few) - _SOME} more" if len(few) > _SOME else ""
        yield (
            f"{len(few)} would announce {kind} addresses ({shown}{more}) and {len(many)} would "
            "not: such pairs may not reach each other"
        )


def advised(
    given: flags.Flags,
    hosts: Mapping[str, kernel.Kernel],
    version: Version | None,
    *,
    intended: Mapping[str, str],
) -> tuple[tuple[str, ...], str]:
    """Return flags that mean what these mean and are safe on these nodes, or why there are none.

    Nothing is returned where these are as safe already, or hold no pattern.
    """
    if not given.iface_regex or not hosts:
        return (), ""
    found = rewriting.rewrite(given, hosts, version, intended=intended)
    if isinstance(found, anchoring.Refused):
        return (), found.reason
    present = tuple(str(flag) for flag in given.in_force if flag.name in {"iface", "iface-regex"})
    return ((), "") if found.arguments == present else (found.arguments, "")


def with_advice(summed: Rehearsal, advice: tuple[str, ...], refused: str) -> Rehearsal:
    """Return the same with advice."""
    return replace(summed, advice=advice, advice_refused=refused)


@dataclass(frozen=True, slots=True)
class Asked:
    """Flags for the NIC that are played through, as somebody would give them to flannel."""

    iface: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    once: Mapping[str, str] = field(default_factory=dict)
    """Those of which flannel takes one value each, by their names."""

    @property
    def as_text(self) -> tuple[str, ...]:
        """The flags as one would type them."""
        return questioned(flags.Flags(), self).as_text


def questioned(given: flags.Flags, asked: Asked) -> flags.Flags:
    """Return the flags in force with others for the NIC.

    The rest stay, also such as --iface-can-reach: flannel would still be given it, and tries it
    after the others.
    """
    return selection.with_flags(given, iface=asked.iface, regex=asked.regex, once=asked.once)


def remarks(given: flags.Flags, asked: Asked) -> tuple[str, ...]:
    """Say what else would count beside the flags in question, and what their answer rests on."""
    others = [name for name in selection.ONCE if name not in asked.once]
    kept = [flag for flag in given.in_force if flag.name in others]
    told = []
    if kept:
        told.append(f"these stay in force beside them: `{' '.join(map(str, kept))}`")
    if questioned(given, asked).last("iface-can-reach"):
        told.append(
            "the way to --iface-can-reach is looked up in each node's main routing table; rules "
            "for other tables (`ip rule`) are not read"
        )
    return tuple(told)
