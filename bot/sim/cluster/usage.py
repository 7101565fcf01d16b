"""How much memory and CPU the world's containers use, as metrics-server and kubelets tell it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import flannel, kubelet, memory, names, podstatus, podworker, world

Object = dict[str, Any]
_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One running container: bytes, milli-CPUs, and what cAdvisor writes beside them."""

    namespace: str
    pod: str
    uid: str
    node: str
    name: str
    image: str
    id: str
    labels: Mapping[str, str] = field(default_factory=dict)
    cpu: int
    working_set: int
    max_usage: int
    limit: int
    """0 for none, as cAdvisor has it."""


class Source:
    """Measures a world. Implements `http_metrics.Source`."""

    def __init__(self, of: world.World) -> None:
        self._world = of
        self._rng = names.stream(of.seed, "usage")

    def nodes(self) -> list[str]:
        """The machines whose kubelets answer, by name."""
        return [name for name, one in self._world.kubelets.items() if not one.silent]

    def labels(self, node: str) -> Mapping[str, str]:
        """Of a Node object; none if there is none."""
        found = self._world.api.store.get("nodes", "", node)
        return {} if found is None else found["metadata"].get("labels") or {}

    def machine(self, node: str) -> tuple[int, int]:
        """Milli-CPUs and bytes that a whole machine uses."""
        containers = list(self.containers(node))
        host = self._world.host(node)
        used = sum(one.working_set for one in containers) + 900 * _MIB + host.index % 50 * _MIB
        return 120 + sum(one.cpu for one in containers), used

    def containers(self, node: str) -> Iterator[Container]:
        """What runs on a node whose kubelet answers."""
        one = self._world.kubelets.get(node)
        if one is None or one.silent:
            return
        for worker in tuple(one.workers.values()):
            for container in worker.containers:
                if container.running:
                    yield self._container(one, worker, container)

    def pods(self) -> list[Object]:
        """Every pod, as the API has it."""
        return self._world.api.store.list("pods")

    def _container(
        self, one: kubelet.Kubelet, worker: podworker.Worker, container: podstatus.Container
    ) -> Container:
        program = worker.programs.get(container.name)
        if isinstance(program, flannel.Flanneld):
            # The heap grows until it is collected, so two looks never show quite the same.
            now = program.usage() * (1.0 + 0.08 * self._rng.random())
            highest = max(program.highest(), now)
        else:
            now = 12.0 + zlib.crc32(f"{worker.namespace}/{worker.name}".encode()) % 200
            highest = now * 1.3
        limit = memory.limit_mib(container.spec.get("resources") or {})
        if limit is not None:
            now, highest = min(now, limit), min(highest, limit)
        return Container(
            namespace=worker.namespace,
            pod=worker.name,
            uid=worker.uid,
            node=one.host.name,
            name=container.name,
            image=str(container.spec["image"]),
            id=container.id.rpartition("/")[2],
            labels=worker.pod["metadata"].get("labels") or {},
            cpu=3,
            working_set=int(now * _MIB) // 4096 * 4096,
            max_usage=int(highest * _MIB) // 4096 * 4096,
            limit=0 if limit is None else int(limit * _MIB),
        )
