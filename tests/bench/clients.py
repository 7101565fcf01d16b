"""The clients whose first sync is compared, each a process of its own.

`python -m tests.bench.clients ours|models KUBECONFIG` reads everything once and says what that
cost, from the moment it was about to ask. Starting Python and importing libraries is left out: a
bot starts once. `ours-watching` and `official-watching` say what some seconds of watching nodes cost.
"""

import asyncio
import functools
import gc
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import children, objects


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Cost:
    """What is used between `begin` and `end`."""

    def begin(self) -> None:
        gc.collect()
        self._memory = children.memory_mib("self")
        # Linux: start the record of the highest memory anew.
        Path("/proc/self/clear_refs").write_text("5")
        self._wall, self._cpu = time.perf_counter(), _cpu()

    def end(self, **more: Any) -> None:
        wall, cpu = time.perf_counter() - self._wall, _cpu() - self._cpu
        told = {
            "wall": wall,
            "cpu": cpu,
            "growth": children.memory_mib("self") - self._memory,
            "peak": children.memory_mib("self", "VmHWM") - self._memory,
            **more,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


WATCHED = 10.0
"""Seconds of watching that are measured."""


async def ours(kubeconfig: Path, cost: Cost, *, watching: bool = False) -> None:
    """The bot's mirror, until nothing is unseen any more; or what it does from then on."""
    from bot import options, settings
    from bot.adapters import clock as clocks
    from bot.adapters import telemetry
    from bot.adapters.cluster import client, mirror

    clock, numbers = clocks.SystemClock(), telemetry.PrometheusTelemetry("bench")
    where = options.cluster(settings.Settings(), settings.Cluster(kubeconfig=kubeconfig))
    async with client.Client(where, clock=clock, telemetry=numbers) as api:
        await api.verify()
        mirrored = mirror.Mirror(api, clock=clock, telemetry=numbers, is_flannel=options.is_flannel)
        cost.begin()
        running = asyncio.create_task(mirrored.run())
        while mirrored.snapshot().gaps:
            await mirrored.changed()
        seen = mirrored.snapshot()
        if watching:
            cost.begin()
            await asyncio.sleep(WATCHED)
        cost.end(nodes=len(seen.nodes), pods=len(seen.pods))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def models(kubeconfig: Path, cost: Cost) -> None:
    """The official client's typed lists, in pages of 500 as kubectl asks for them."""
    from kubernetes.aio import client, config

    await config.load_kube_config(str(kubeconfig))
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        await core.list_node(limit=1)
        await core.list_namespaced_pod(objects.SYSTEM, limit=1)
        cost.begin()
        nodes = await _paged(core.list_node)
        pods = await _paged(core.list_namespaced_pod, objects.SYSTEM)
        cost.end(nodes=len(nodes), pods=len(pods))


async def official(kubeconfig: Path, cost: Cost) -> None:
    """The official Watch of nodes, into the official models."""
    from kubernetes.aio import client, config, watch

    await config.load_kube_config(str(kubeconfig))
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        listed = await core.list_node(limit=1)
        seen = 0
        cost.begin()
        until = time.perf_counter() + WATCHED
        version = listed.metadata.resource_version
        async for _ in watch.Watch().stream(core.list_node, resource_version=version):
            seen += 1
            if time.perf_counter() > until:
                break
        cost.end(events=seen)


async def _paged(ask: Any, *where: str) -> list[Any]:
    found: list[Any] = []
    token = ""
    while True:
        page = await ask(*where, limit=500, **({"_continue": token} if token else {}))
        found.extend(page.items)
        token = page.metadata._continue
        if not token:
            return found


if __name__ == "__main__":
    which = {
        "ours": ours,
        "models": models,
        "ours-watching": functools.partial(ours, watching=True),
        "official-watching": official,
    }[sys.argv[1]]
    asyncio.run(which(Path(sys.argv[2]), Cost()))
