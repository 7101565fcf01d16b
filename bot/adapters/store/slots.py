"""Samples by slots of time, as rows that every store keeps alike; knows no database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.adapters.store import clean
from bot.flow import memory_ports


def slotted(samples: Sequence[memory_ports.Sample], *, slot: timedelta) -> list[dict[str, Any]]:
    """Return a row a container and slot; no statement may touch a row twice."""
    length = max(int(slot.total_seconds()), 1)
    made: dict[tuple[int, str, str, str], dict[str, Any]] = {}
    for one in sorted(samples, key=lambda sample: sample.at):
        at = second(one.at)
        key = (
            at - at % length,
            clean.text(one.node),
            clean.text(one.workload),
            clean.text(one.pod_uid),
        )
        before = made.get(key)
        made[key] = {
            "slot": key[0],
            "node": key[1],
            "workload": key[2],
            "uid": key[3],
            "at": at,
            "newest": one.working_set,
            "highest": max(one.working_set, before["highest"] if before else 0),
            "memory_limit": one.limit,
        }
    return list(made.values())


def gathered(
    found: Iterable[tuple[str, int, int, int, int | None]],
    newest: dict[str, tuple[int, int]],
) -> list[memory_ports.Series]:
    """Make series of (node, begin, typical, highest, limit), ordered by node and begin."""
    points: dict[str, list[memory_ports.Point]] = {}
    limits: dict[str, list[tuple[datetime, int | None]]] = {}
    for node, begins, typical, highest, limit in found:
        at = moment(begins)
        points.setdefault(node, []).append(memory_ports.Point(at, typical, highest))
        known = limits.setdefault(node, [])
        if not known or known[-1][1] != limit:
            known.append((at, limit))
    return [
        memory_ports.Series(
            node=node,
            points=tuple(held),
            newest=newest[node][1],
            newest_at=moment(newest[node][0]),
            limits=tuple(limits[node]),
        )
        for node, held in points.items()
        if node in newest
    ]


def second(at: datetime) -> int:
    """Return whole seconds since 1970."""
    return int(at.timestamp())


def moment(seconds: int) -> datetime:
    """Return the moment of whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
