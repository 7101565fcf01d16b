"""Once: look at every node a single time, for a pass that has no memory and no other chance."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import checks
from bot.domain import snapshot, units
from bot.flannel import discovery, inspection
from bot.flow import desk, ports

_FORBIDDEN = "403"


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. `gaps` hide it from nobody: they say that all of it could not be had."""

    seen: desk.Seen = field(default_factory=desk.Seen)
    gaps: tuple[snapshot.Gap, ...] = ()
    notes: tuple[str, ...] = ()


async def look(
    inspections: ports.Inspections,
    taken: snapshot.Snapshot,
    *,
    within: timedelta,
    now: datetime,
) -> Sight:
    """Look at the nodes that flannel serves, for at most `within` altogether."""
    flannels = discovery.find(taken)
    names = sorted({node for one in flannels for node in one.serves if node in taken.nodes})
    late = inspection.Unseen(now, f"its turn did not come within {units.duration(within)}")
    told: set[str] = set()
    try:
        async with asyncio.timeout(within.total_seconds()):
            told = set(await inspections.nodes(names, max_age=timedelta(0)))
    except TimeoutError:
        pass
    seen, unseen = inspections.latest(), dict(inspections.unseen())
    for name in names:
        if name not in seen and name not in told:
            unseen.setdefault(name, late)
    confs = {
        namespace: conf
        for namespace in sorted({one.namespace for one in flannels if one.serves})
        if (conf := await inspections.net_conf(namespace)) is not None
    }
    gaps: tuple[snapshot.Gap, ...] = ()
    notes: tuple[str, ...] = ()
    refused = [one.why for one in unseen.values() if _FORBIDDEN in one.why]
    deep = any(one.way is not inspection.Way.LOG for one in seen.values())
    if refused and len(refused) == len(unseen) and not deep:
        # One missing right, and not as many nodes in trouble.
        gaps = (snapshot.Gap("networks of nodes", refused[0], now),)
        notes = without("no node could be looked at")
        unseen = {}
    return Sight(desk.Seen(inspections=seen, unseen=unseen, net_confs=confs), gaps, notes)


def without(why: str) -> tuple[str, ...]:
    """Return notes on what was not judged, where nodes were not looked at."""
    return (f"{why}, so these checks saw nothing: {', '.join(_BY_LOOKS)}",)


NO_MEMORY = (
    "memory_headroom saw nothing: it needs flannel's memory over time, which a single pass has not"
)

_BY_LOOKS = tuple(name for name in checks.SIGHT if name != "memory_headroom")
