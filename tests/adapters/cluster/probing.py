"""A pretend cluster over the wire with one node whose flannel crash-loops, and who looks at it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot import checks
from bot.adapters.cluster import client, looking, mirror, options, reader
from bot.adapters.cluster import probing as adapter
from bot.adapters.store import memory
from bot.domain import probe
from bot.flannel import discovery
from bot.flow import inspect, probe_ports, probes
from bot.sim.cluster import backoff, http_access, serve
from tests.adapters.cluster.conftest import FAST, Clock, Telemetry
from tests.adapters.cluster.scripted import eventually

NAMESPACE, NODE = "kube-system", "vm-1"
SPEED = 20.0
NEVER = timedelta()


@dataclass
class Bot:
    """What of the bot looks at nodes, as `bot.watched` builds it."""

    api: client.Client
    mirror: mirror.Mirror
    store: memory.MemoryStore
    inspector: inspect.Inspector
    probes: probes.Probes
    prober: adapter.Prober
    looker: looking.Looker

    async def deeds(self) -> list[tuple[str, str]]:
        return [(one.kind, one.text) for one in await self.store.remedy.latest_deeds(100)]

    async def made(self, **changes: Any) -> probe_ports.Probe:
        """Make a pod, and look after it no further."""
        pods = checks.Context(snapshot=self.mirror.snapshot()).flannel_pods
        wanted = probe_ports.Wanted(NAMESPACE, NODE, pods[NODE].name, "kube-flannel", lasts=60)
        return await self.prober.create(replace(wanted, **changes))


@dataclass
class Place:
    """One pretend cluster that a test may break."""

    cluster: serve.SimulatedCluster
    kubeconfig: Path
    began: int = 0
    store: memory.MemoryStore = field(default_factory=memory.MemoryStore)

    def pods(self) -> list[dict[str, Any]]:
        """The probe pods that exist."""
        return [
            pod
            for pod in self.cluster.registry.store.list("pods")
            if (pod["metadata"].get("labels") or {}).get(probe.LABEL) == probe.VALUE
        ]

    def running(self) -> bool:
        return any(pod["status"]["phase"] == "Running" for pod in self.pods())

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of all that was asked to change something."""
        return [
            (one["method"], one["path"])
            for one in self.cluster.requests.since(self.began)
            if one["method"] != "GET"
        ]

    def forbid(self, verb: str, resource: str) -> None:
        """Take one right away from everybody; whoever may exec may still do that."""

        def authorizer(question: http_access.Question) -> bool:
            found = question.target
            asked = (question.verb, found.row.plural, found.subresource) if found else ()
            return asked != (verb, resource, "")

        api = self.cluster.api
        api._context = replace(api._context, authorizer=authorizer)

    async def gone(self) -> None:
        await eventually(lambda: not self.pods(), why="(no probe pod is left)")

    @contextlib.asynccontextmanager
    async def bot(
        self, *, on: bool = True, within: float = 5.0, exec_in_pods: bool = False, **bounds: Any
    ) -> AsyncIterator[Bot]:
        clock, telemetry = Clock(), Telemetry()
        wanted: options.Options = replace(
            FAST, kubeconfig=self.kubeconfig, request_timeout=5.0, discover=True
        )
        async with client.Client(wanted, clock=clock, telemetry=telemetry) as api:
            seen = mirror.Mirror(
                api,
                clock=clock,
                telemetry=telemetry,
                is_flannel=lambda one: discovery.container_of(one) is not None,
            )
            watching = asyncio.create_task(seen.run())
            looker = looking.Looker(api)
            bounds = {
                "poll": timedelta(seconds=0.02),
                "starts_within": timedelta(seconds=5),
            } | bounds
            probed = probes.Probes(
                adapter.Prober(api),
                looker,
                self.store,
                cluster="test",
                clock=clock,
                within=timedelta(seconds=within),
                options=replace(probes.Options(), **bounds),
            )
            looks = inspect.Inspector(
                seen,
                looker,
                reader.Logs(api),
                clock=clock,
                options=inspect.Options(
                    within=timedelta(seconds=within), exec_in_pods=exec_in_pods
                ),
                probes=probed if on else None,
            )
            try:
                await eventually(lambda: _looping(seen), why="(the crash loop is seen)")
                yield Bot(api, seen, self.store, looks, probed, adapter.Prober(api), looker)
            finally:
                await looks.close()
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)


def _looping(seen: mirror.Mirror) -> bool:
    if seen.snapshot().gaps:
        return False
    return any(
        c.state is not None and c.state.reason == "CrashLoopBackOff"
        for pod in seen.snapshot().pods.values()
        for c in pod.containers
        if pod.node == NODE
    )


@contextlib.asynccontextmanager
async def crash_looping(directory: Path) -> AsyncIterator[Place]:
    """A cluster of four nodes, on one of which flannel is in a long back-off."""
    kubeconfig = directory / "kubeconfig"
    cluster = serve.SimulatedCluster(
        serve.ClusterOptions(
            nodes=4, seed=3, speed=SPEED, scenario="healthy", write_kubeconfig=kubeconfig
        )
    )
    await cluster.start()
    try:
        found = cluster.world.kubelets[NODE].flannel_container()
        assert found
        # As after many crashes: the kubelet waits for longer than any test.
        found[1].crashes.tried(0.0, cluster.clock.elapsed())
        found[1].crashes.delay = backoff.LONGEST
        cluster.faults.set("flannel_crash", nodes=[NODE])
        await eventually(lambda: found[1].waiting == "CrashLoopBackOff")
        yield Place(cluster, kubeconfig, began=cluster.requests.last)
    finally:
        await cluster.stop()
