"""One look at a node, judged once: drift from what is expected, and what a restart would do.

A look does not change, so what it shows is judged when it arrives and kept, and not its tables
over and over: a thousand nodes with a thousand peers are a million routes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain import snapshot
from bot.flannel import discovery, fleet, inspection
from bot.flannel import drift as drifts
from bot.flannel import outlook as outlooks


@dataclass(frozen=True, slots=True)
class Study:
    """What a look at one node shows, by what all nodes announced at that time.

    `drift` is None where the look is flannel's log alone, which holds no tables.
    """

    node: str
    taken_at: datetime
    way: inspection.Way
    outlook: outlooks.Outlook
    drift: drifts.Judgement | None = None
    links: bool = False
    """Whether its NICs were read."""
    tables: bool = False
    """Whether all tables by which its backend reaches peers were read."""
    subnet_env: bool = False
    """Whether subnet.env was looked for."""


def of(
    seen: inspection.Inspection,
    node: snapshot.Node,
    flannel: discovery.Flannel,
    all_nodes: fleet.Fleet,
    *,
    private: tuple[str, ...] = (),
    settling: Collection[str] = (),
    departed: Mapping[str, str] | None = None,
) -> Study:
    """Judge a look; `settling` and `departed` as `drift.judge` takes them, at the look's time."""
    ahead = outlooks.of(seen, node, flannel, conf=all_nodes.conf)
    if seen.way is inspection.Way.LOG:
        return Study(node=node.name, taken_at=seen.taken_at, way=seen.way, outlook=ahead)
    here = seen.kernel
    judged = drifts.judge(
        all_nodes,
        node.name,
        here,
        private=private,
        nic=seen.log.chosen if seen.log else "",
        direct=seen.log.direct_routing if seen.log else None,
        settling=settling,
        departed=departed,
    )
    lease = all_nodes.leases.get(node.name)
    backend = lease.backend if lease else ""
    families = [version for version, _ in lease.sides] if lease else [4]
    parts: list[object] = [here.table(version) for version in families]
    if backend == "vxlan":
        parts += [here.neighbours, here.fdb]
    if backend == "wireguard":
        parts.append(here.wireguard)
    return Study(
        node=node.name,
        taken_at=seen.taken_at,
        way=seen.way,
        outlook=ahead,
        drift=judged,
        links=here.links is not None,
        tables=here.links is not None and all(part is not None for part in parts),
        subnet_env=here.subnet is not None or here.subnet_missing,
    )
