"""What a restart of flannel does besides what it is for, in sentences."""

from collections.abc import Iterator, Sequence

from bot.domain import units
from bot.domain.finding import Severity
from bot.flannel import hazards, versions, veth
from bot.flannel.discovery import Flannel
from bot.runbooks.case import Case

_TOLD_ELSEWHERE = frozenset({"restart_drops_masquerade", "limit_50mi"})
"""Hazards that `hazards.restart` tells already, or that a plan is there to end."""


def of_restart(
    case: Case, flannels: Sequence[Flannel], *, moved: Sequence[str] = ()
) -> Iterator[str]:
    """Yield what stopping and starting means for traffic; `moved` are nodes that change NIC."""
    told: list[str] = []
    for flannel in flannels:
        version, nodes = versions.parse(flannel.image), set(flannel.serves)
        told += hazards.restart(version, flannel.backend)
        if nodes & set(moved):
            told += hazards.restart(version, flannel.backend, new_nic=True)[:1]
        around = hazards.Surroundings(
            backend=flannel.backend,
            nodes=len(case.snapshot.nodes),
            patterns=flannel.flags.iface_regex,
            public_ip=bool(flannel.flags.last("public-ip")),
            memory_limit=flannel.memory_limit,
        )
        told += [
            one.text
            for one in hazards.of(version, around)
            if one.severity is Severity.WARNING and one.name not in _TOLD_ELSEWHERE
        ]
    yield from dict.fromkeys(told)


def of_prone(patterns: Sequence[str]) -> Iterator[str]:
    """Yield what stays dangerous where patterns also match pods' NICs."""
    for pattern, name in veth.prone(patterns):
        yield (
            f"`--iface-regex={pattern}` stays as it is and also matches pods' NICs such as {name}: "
            "all is well by the NICs of this moment, and each later restart is a gamble again"
        )


def listed(nodes: Sequence[str]) -> str:
    """Write some of these nodes."""
    return units.listing(list(nodes), most=5)


def of_others(names: Sequence[str]) -> Iterator[str]:
    """Yield that other installations of flannel are left alone."""
    if names:
        yield f"Another installation of flannel is left alone: {', '.join(names)}."
