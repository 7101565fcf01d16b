"""How much memory flannel needs, with the reasons.

Two things use it: the daemon, which holds every Node object and for a moment twice over when it
lists them, and the iptables programs that it starts every few seconds within its own limit,
which grow with the rules that kube-proxy keeps, that is with Services. A mean over minutes sees
neither, so only peaks and kills count.

Measured with Node objects of 13 KB: 30 to 40 MiB of peak at 100 nodes, 75 to 98 MiB at 1,000
(v0.10 to v0.16). Reported: 100Mi still killed at ten nodes with many Services, 256Mi not (flannel
#963).
"""

from dataclasses import dataclass

from bot.domain import units

MI = 2**20
LEAST = 256 * MI
"""What ended the kills in flannel #963 where 100Mi did not."""

CAP = 1024 * MI
"""The most that is proposed without a person naming another bound: beyond it look for a leak."""

_BASE = 64 * MI
_PER_NODE = 0.3 * MI
"""Above the 0.06 MiB measured, since Node objects differ and a relist holds them twice."""

_RULES_PER_SERVICE = 12
"""kube-proxy in iptables mode: some four rules a Service and four an endpoint, two endpoints."""

_CHILD = 8 * MI
_PER_RULE = 4 * 1024
"""An estimate: tens of MiB at ten thousand rules, as reported (zalando kubernetes-on-aws #3668)."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """A limit and how it came about. `wish` is what the rule asks for, `limit` within the cap.

    `raises` says whether it is more than there is now; without a limit nothing needs raising.
    """

    limit: int
    wish: int
    raises: bool
    capped: bool
    reasons: tuple[str, ...]


def memory(
    *,
    limit: int | None,
    nodes: int,
    peak: int | None = None,
    kills: int = 0,
    services: int | None = None,
    rules: int | None = None,
    cap: int = CAP,
) -> Sizing:
    """Return the memory limit that flannel should have, in bytes.

    Args:
        limit: The limit now; None where there is none.
        nodes: Nodes of the cluster, whose objects every flanneld holds.
        peak: The highest use seen on any node, in bytes; not a mean.
        kills: OOM kills seen; with them the true need is above the limit.
        services: Services of the cluster, where the rules themselves were not counted.
        rules: iptables rules on a node.
        cap: The most that may be proposed.
    """
    parts = [(LEAST, f"at least {units.memory(LEAST)}: less was reported not to be enough")]
    parts.append(_estimate(nodes, services, rules))
    if peak:
        parts.append(
            (2 * peak, f"twice the observed peak of {units.memory(_whole(peak))}, for bursts")
        )
    if kills and limit:
        killed = f"{units.count(kills, 'OOM kill')} at {units.memory(limit)}"
        parts.append(
            (2 * limit, f"twice the present limit: {killed} show that the need is above it")
        )
    wish = _rounded(max(size for size, _ in parts))
    reasons = [text for _, text in sorted(parts, key=lambda part: -part[0])]
    found = min(wish, cap)
    if limit is None:
        reasons.insert(0, "there is no memory limit now, so nothing has to be raised")
    elif limit >= found and not kills:
        reasons.insert(0, f"the present limit of {units.memory(limit)} is enough")
    if wish > cap:
        reasons.append(
            f"bounded by the cap of {units.memory(cap)}, below the {units.memory(wish)} that these "
            "ask for: look for what uses so much before going beyond"
        )
    return Sizing(
        limit=found,
        wish=wish,
        raises=limit is not None and found > limit,
        capped=wish > cap,
        reasons=tuple(reasons),
    )


def _estimate(nodes: int, services: int | None, rules: int | None) -> tuple[int, str]:
    daemon = _BASE + int(_PER_NODE * max(nodes, 0))
    text = f"{units.memory(_BASE)} and 0.3Mi for each of {units.count(nodes, 'node')}"
    known = rules if rules is not None else (services or 0) * _RULES_PER_SERVICE
    if rules is None and services is None:
        return daemon, f"{text}; Services were not counted"
    child = _CHILD + known * _PER_RULE
    by = f"{known:,} iptables rules" if rules is not None else f"{services:,} Services"
    total = daemon + child
    return total, f"{text}, and {units.memory(_whole(child))} for iptables with {by}"


def headroom(*, limit: int | None, peak: int | None) -> float | None:
    """Return the peak's share of the limit; None where either is not known or not set."""
    if not limit or peak is None:
        return None
    return peak / limit


def _rounded(size: int) -> int:
    """Round up to what people write: steps of 64Mi, of 256Mi from 1Gi on."""
    step = 64 * MI if size <= 1024 * MI else 256 * MI
    return -(-size // step) * step


def _whole(size: int) -> int:
    """Round up to whole MiB, so that a number reads as one."""
    return -(-size // MI) * MI
