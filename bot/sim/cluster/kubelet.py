"""One node's kubelet: which pods it runs, its heartbeats, and its silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import (
    ailments,
    context,
    errors,
    flannel,
    hosts,
    load,
    logs,
    nodeobject,
    podstatus,
    podworker,
    store,
    timing,
)

Object = dict[str, Any]

HEARTBEAT = 300.0
"""Seconds between two writes of an unchanged node status."""

MIRROR = "kubernetes.io/config.mirror"


@dataclass
class FlannelRecord:
    """What has happened to flannel on this node since the simulation began."""

    oom_kills: int = 0
    restarts: int = 0
    last_error: str = ""
    last_exit: int | None = None


class Kubelet:
    """Runs the pods bound to one node."""

    def __init__(
        self,
        *,
        ctx: context.Context,
        host: hosts.Host,
        book: logs.LogBook,
        ailing: ailments.Ailments,
        burden: load.Load,
    ) -> None:
        self.ctx = ctx
        self.host = host
        self.book = book
        self.ailing = ailing
        self.workers: dict[str, podworker.Worker] = {}
        self.flannel = FlannelRecord()
        self.images: set[str] = set()
        """What was pulled to this node."""
        self.silent = False
        self.held = False
        """Whether pod status is held back although the node is well."""
        self.contact = 0.0
        """When the control plane last heard of it, in seconds of the simulation."""
        self._burden = burden
        self._deferred: list[Callable[[], None]] = []
        self._rng = ctx.rng("kubelet", host.name)

    def start(self) -> None:
        """Begin to beat; the first beat comes at a random moment of the period."""
        self.ctx.clock.every(
            HEARTBEAT,
            self.heartbeat,
            first=self._rng.random() * HEARTBEAT,
            what=f"heartbeat of {self.host.name}",
        )

    def observe(self, change: store.Change) -> None:
        """A pod of this node has changed in the API."""
        pod = change.object
        uid = pod["metadata"]["uid"]
        worker = self.workers.get(uid)
        if worker is None and change.old is None and _runs(pod):
            # It has been running since before anybody asked: taken over when it matters.
            return
        if worker is None and change.old is not None and _runs(change.old):
            worker = self.adopt(change.old)
        if change.type == "DELETED":
            if worker is not None:
                del self.workers[uid]
                worker.abandon()
                self.book.drop(worker.namespace, worker.name)
            if MIRROR in (pod["metadata"].get("annotations") or {}):
                self._mirror_again(pod)
            return
        if worker is None:
            if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
                return
            worker = self.workers[uid] = podworker.Worker(self, pod)
            worker.begin()
        worker.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self.after(podworker.SYNC, worker.terminate, what=f"end of {worker.name}")

    def adopt(self, pod: Object) -> podworker.Worker:
        """Take over a pod that already runs here."""
        worker = self.workers[pod["metadata"]["uid"]] = podworker.Worker(self, pod)
        worker.adopt()
        return worker

    def find(self, pod: Object) -> podworker.Worker | None:
        """What runs a pod here, if anything does."""
        worker = self.workers.get(pod["metadata"]["uid"])
        return self.adopt(pod) if worker is None and _runs(pod) else worker

    def after(self, seconds: float, action: Callable[[], None], *, what: str) -> timing.Timer:
        """Do something later; what falls due while the node is silent is done when it is back."""

        def due() -> None:
            if self.silent:
                self._deferred.append(action)
            else:
                action()

        return self.ctx.clock.after(seconds, due, what=f"{self.host.name}: {what}")

    def can_report(self) -> bool:
        """Whether pod status reaches the API."""
        return not (self.silent or self.held)

    def heartbeat(self) -> None:
        """Write the node status with fresh times."""
        if self.silent or self.ctx.api.store.get("nodes", "", self.host.name) is None:
            return
        node = self.ctx.api.get("nodes", "", self.host.name)
        now = timing.stamp(self.ctx.clock.now())
        beats = nodeobject.heartbeat(node["status"].get("conditions") or (), now)
        self.ctx.api.patch(
            "nodes",
            "",
            self.host.name,
            {"status": {"conditions": beats}},
            kind="strategic",
            subresource="status",
        )

    def fall_silent(self) -> None:
        """Stop: nothing is written, nothing on the node moves."""
        if not self.silent:
            self.silent = True
            self.contact = self.ctx.clock.elapsed()

    def speak(self) -> None:
        """Come back: report at once, do what was left undone."""
        if not self.silent:
            return
        self.silent = False
        self.contact = self.ctx.clock.elapsed()
        self.heartbeat()
        deferred, self._deferred = self._deferred, []
        for action in deferred:
            action()
        self.catch_up(everything=True)

    def hold(self, *, held: bool) -> None:
        """Hold pod status back, or let it flow again."""
        self.held = held
        self.catch_up()

    def catch_up(self, *, everything: bool = False) -> None:
        """Write the status of pods that could not be reported, or of all."""
        if self.can_report():
            for worker in tuple(self.workers.values()):
                if everything or worker.stale:
                    worker.report()

    def recheck(self) -> None:
        """Somebody's will has changed: probe what runs, retry what waits for an image."""
        for worker in tuple(self.workers.values()):
            worker.probe()

    def program(
        self, worker: podworker.Worker, container: podstatus.Container
    ) -> podworker.Program:
        """What runs in a container: a flanneld, or something that idles."""
        run = worker.runs[container.name]
        if is_flannel(container.spec):
            limits = (container.spec.get("resources") or {}).get("limits") or {}
            changed = limits.get("memory") != self._burden.limit
            return flannel.Flanneld(
                run,
                ctx=self.ctx,
                host=self.host,
                burden=self._burden,
                container=container.spec,
                rng=self.ctx.rng("flanneld", worker.uid, container.id),
                leak=self._burden.leak if changed else 0.0,
            )
        command = [str(word) for word in container.spec.get("command") or ()]
        if command[:1] == ["sleep"] and len(command) == 2 and command[1].isdigit():
            return flannel.Sleeper(run, seconds=float(command[1]))
        return flannel.Idle(run, greeting=f"{container.name} started on {self.host.name}")

    def flanneld(self) -> flannel.Flanneld | None:
        """The running flanneld, if there is one."""
        for worker in self.workers.values():
            for program in worker.programs.values():
                if isinstance(program, flannel.Flanneld):
                    return program
        return None

    def flannel_container(self) -> tuple[podworker.Worker, podstatus.Container] | None:
        """Flannel's container and pod on this node; the one that is not terminating, if two."""
        found: tuple[podworker.Worker, podstatus.Container] | None = None
        for worker in self.workers.values():
            for container in worker.containers:
                if is_flannel(container.spec) and (found is None or not worker.terminating):
                    found = (worker, container)
        return found

    def ended(
        self,
        worker: podworker.Worker,
        container: podstatus.Container,
        program: podworker.Program | None,
        *,
        code: int,
        reason: str,
    ) -> None:
        """Keep account of flannel's ends; a stop of a deleted pod is none."""
        if not is_flannel(container.spec) or worker.terminating:
            return
        self.flannel.last_exit = code
        if isinstance(program, flannel.Flanneld):
            self.flannel.last_error = program.last_error or f"exit {code}"
        if code == 137 and reason == "OOMKilled":
            self.flannel.oom_kills += 1

    def restarted(self, container: podstatus.Container) -> None:
        """Keep account of flannel's restarts."""
        if is_flannel(container.spec):
            self.flannel.restarts += 1

    def gone(self, worker: podworker.Worker) -> None:
        """The pod has been let go."""
        self.workers.pop(worker.uid, None)

    def _mirror_again(self, pod: Object) -> None:
        """A static pod cannot be deleted: its mirror is made anew."""

        def create() -> None:
            metadata = {
                key: value
                for key, value in pod["metadata"].items()
                if key in {"name", "namespace", "labels", "annotations", "ownerReferences"}
            }
            try:
                self.ctx.api.create(
                    "pods", metadata["namespace"], {"metadata": metadata, "spec": pod["spec"]}
                )
            except errors.StatusError as refusal:
                if refusal.code != 409:
                    raise

        self.after(1.0, create, what=f"mirror of {pod['metadata']['name']}")


def _runs(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("phase") == "Running")


def is_flannel(container: Object) -> bool:
    """Whether a container runs flanneld."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return container["name"] == "kube-flannel" or any("flanneld" in str(word) for word in words[:1])
