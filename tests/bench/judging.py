"""Cycles over generated objects, timed: `python -m tests.bench.judging NODES CYCLES [INCIDENTS]`.

The bot's own cycle with its database; before each but the first, one pod changes, and before the
last, every flannel is OOM-killed. With INCIDENTS, so many workloads of one pod each were killed
before the later cycles.
"""

import asyncio
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bot import options, settings
from bot.adapters import clock as clocks
from bot.adapters import telemetry
from bot.adapters.cluster import kinds, shelf
from bot.adapters.store import migrate, sql
from bot.adapters.store import options as store_options
from bot.domain import snapshot
from bot.flow import cycle
from tests.bench import objects

KINDS = {kind.resource: kind for kind in kinds.ALL}


class Shown:
    """A mirror whose objects are put there: implements what a cycle needs of one."""

    cluster = "bench"

    def __init__(self) -> None:
        self._shelves = shelf.Shelves(self.cluster)
        self._pods: list[dict[str, Any]] = []
        self._single: list[dict[str, Any]] = []

    def put(self, resource: str, obj: dict[str, Any]) -> None:
        kind = KINDS[resource]
        value = kind.translate(kind.items.decode(msgspec.json.encode(obj)))
        meta = obj["metadata"]
        key = kind.key(meta.get("namespace", ""), meta["name"])
        self._shelves.of(kind).put(meta.get("namespace", ""), key, value)

    def fill(self, nodes: int, single: int) -> None:
        for resource, obj in objects.cluster(nodes, deployments=single):
            self.put(resource, obj)
            if resource == "pods" and obj["metadata"]["name"].startswith("service-"):
                self._single.append(obj)
            if resource == "pods" and len(self._pods) < 100:
                self._pods.append(obj)

    def change(self, number: int) -> None:
        pod = self._pods[number % len(self._pods)]
        told = pod["status"]["containerStatuses"]
        turned = [{**told[0], "ready": number // len(self._pods) % 2 == 1}]
        self.put("pods", {**pod, "status": {**pod["status"], "containerStatuses": turned}})

    def trouble(self) -> None:
        """Have each single pod killed, which is an incident each."""
        for pod in self._single:
            self.put("pods", objects.killed(pod, at=_now()))

    def storm(self, nodes: int) -> None:
        """Have every flannel killed at once."""
        workload = objects.Workload(objects.AGENTS[0])
        now = _now()
        for number in range(nodes):
            self.put("pods", objects.killed(workload.pod(number), at=now))

    def snapshot(self) -> snapshot.Snapshot:
        return self._shelves.snapshot(taken_at=datetime.now(UTC), gaps=())

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def relist(self) -> None:
        """Nothing is listed here."""

    def ages(self) -> list[Any]:
        return []


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def run(nodes: int, cycles: int, incidents: int = 0) -> dict[str, Any]:
    shown = Shown()
    shown.fill(nodes, incidents)
    given = settings.Settings()
    with tempfile.TemporaryDirectory() as directory:
        where = store_options.Options(url=f"sqlite+aiosqlite:///{Path(directory) / 'bench.db'}")
        await migrate.ensure(where)
        async with sql.opened(where) as store:
            judged = cycle.Cycle(
                shown,
                store,
                clock=clocks.SystemClock(),
                telemetry=telemetry.PrometheusTelemetry("bench"),
                options=options.judging(given, settings.Cluster(channel="C0BENCH")),
            )
            seconds = [(await judged.once()).seconds]
            if incidents:
                shown.trouble()
                told = len((await judged.once()).notices)
                assert told >= incidents, f"{told} of {incidents} incidents"
            for number in range(cycles):
                seconds.append((await judged.once()).seconds)
                shown.change(number)
            shown.storm(nodes)
            storm = (await judged.once()).seconds
    return {"first": seconds[0], "later": seconds[1:], "storm": storm}


if __name__ == "__main__":
    told = asyncio.run(run(*map(int, sys.argv[1:])))
    sys.stdout.write(json.dumps(told) + "\n")
