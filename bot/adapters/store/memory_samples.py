"""Samples of memory and OOM kills, in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.store import slots
from bot.flow import memory_ports


class MemorySamples:
    """Samples and kills in two dictionaries. Implements `memory_ports.Samples`."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int, str, str, str], dict[str, Any]] = {}
        self._kills: set[tuple[str, int, str]] = set()

    async def keep(
        self,
        cluster: str,
        samples: Sequence[memory_ports.Sample],
        *,
        slot: timedelta,
        kills: Collection[memory_ports.Kill],
    ) -> None:
        """Keep samples, those of one container within a slot as one, and kills, each once."""
        for value in slots.slotted(samples, slot=slot):
            key = (cluster, value["slot"], value["node"], value["workload"], value["uid"])
            before = self._rows.get(key)
            if before is None:
                self._rows[key] = value
                continue
            newer, older = (value, before) if value["at"] >= before["at"] else (before, value)
            self._rows[key] = {**newer, "highest": max(newer["highest"], older["highest"])}
        self._kills |= {(cluster, slots.second(one.at), one.node) for one in kills}

    async def series(
        self, cluster: str, workload: str, *, since: datetime, step: timedelta, node: str = ""
    ) -> list[memory_ports.Series]:
        """Return what was kept, by node."""
        length = max(int(step.total_seconds()), 1)
        bins: dict[tuple[str, int], list[dict[str, Any]]] = {}
        newest: dict[str, tuple[int, int]] = {}
        for (of, slot, name, whose, _), value in self._rows.items():
            if of != cluster or whose != workload or slot < slots.second(since):
                continue
            if node and name != node:
                continue
            bins.setdefault((name, slot - slot % length), []).append(value)
            newest[name] = max(newest.get(name, (0, 0)), (value["at"], value["newest"]))
        found = []
        for (name, begins), held in sorted(bins.items()):
            typical = round(sum(one["newest"] for one in held) / len(held))
            highest = max(one["highest"] for one in held)
            known = [one["memory_limit"] for one in held if one["memory_limit"] is not None]
            found.append((name, begins, typical, highest, max(known, default=None)))
        return slots.gathered(found, newest)

    async def kills(
        self, cluster: str, *, since: datetime, node: str = ""
    ) -> list[memory_ports.Kill]:
        """Return OOM kills, oldest first."""
        return [
            memory_ports.Kill(slots.moment(at), name)
            for of, at, name in sorted(self._kills)
            if of == cluster and at >= slots.second(since) and name == (node or name)
        ]

    async def prune(self, cluster: str, *, before: datetime) -> None:
        """Forget what is older."""
        oldest = slots.second(before)
        self._rows = {k: v for k, v in self._rows.items() if k[0] != cluster or k[1] >= oldest}
        self._kills = {one for one in self._kills if one[0] != cluster or one[1] >= oldest}
