"""One pod on its node, as the kubelet runs it: start, restart with back-off, stop, report."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from bot.sim.cluster import (
    ailments,
    backoff,
    context,
    errors,
    flannel,
    hosts,
    imagepull,
    logs,
    names,
    podstatus,
    timing,
)

Object = dict[str, Any]

SYNC = 0.3
"""Seconds from seeing a pod to working on it."""

CREATE = 0.7
"""Seconds it takes to set up a sandbox and create the containers."""

SEEN = 0.5
"""Seconds until the kubelet sees that a container runs; one that dies sooner was never Ready."""

NOTICE = 1.0
"""Seconds after which the kubelet notices that a container has ended and acts on it."""

STOP = 0.6
"""Seconds a well-behaved program needs to stop."""

PROBE = 1.5
"""Seconds until the first readiness probe has succeeded."""


class Program(Protocol):
    """What runs in a container."""

    def start(self) -> None:
        """Begin."""


class Kubelet(Protocol):
    """What a pod needs of its node's kubelet."""

    ctx: context.Context
    host: hosts.Host
    book: logs.LogBook
    ailing: ailments.Ailments
    images: set[str]

    def after(self, seconds: float, action: Callable[[], None], *, what: str) -> timing.Timer:
        """Do something later; while the node is silent it waits."""

    def can_report(self) -> bool:
        """Whether pod status can be written now."""

    def program(self, worker: Worker, container: podstatus.Container) -> Program:
        """Make what runs in a container."""

    def ended(
        self,
        worker: Worker,
        container: podstatus.Container,
        program: Program | None,
        *,
        code: int,
        reason: str,
    ) -> None:
        """Hear of the end of a container's run, and of what ran."""

    def restarted(self, container: podstatus.Container) -> None:
        """Hear of a restart."""

    def gone(self, worker: Worker) -> None:
        """Hear that a pod is gone."""


class Run:
    """The environment of one run of one container; dies with it."""

    def __init__(self, worker: Worker, container: podstatus.Container) -> None:
        self._worker = worker
        self._container = container
        self.alive = True

    @property
    def ailment(self) -> ailments.Ailment | None:
        """The crash somebody has willed upon it."""
        kubelet = self._worker.kubelet
        return kubelet.ailing.find("crash", kubelet.host.name, self._worker.pod)

    def after(self, seconds: float, action: Callable[[], None]) -> timing.Timer:
        """Do something later if the run still goes on."""

        def guarded() -> None:
            if self.alive:
                action()

        return self._worker.kubelet.after(seconds, guarded, what=f"{self._worker.name} program")

    def print(self, line: str) -> None:
        """Write to the container's log."""
        kubelet = self._worker.kubelet
        kubelet.book.write(self._worker.place(self._container), kubelet.ctx.clock.now(), line)

    def exit(self, code: int, reason: str = "") -> None:
        """End the run."""
        if self.alive:
            self.alive = False
            self._worker.exited(self._container, code, reason)


class Worker:
    """A pod's containers and what was told about them."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self.kubelet = kubelet
        self.pod = pod
        metadata, spec = pod["metadata"], pod["spec"]
        self.name: str = metadata["name"]
        self.namespace: str = metadata["namespace"]
        self.uid: str = metadata["uid"]
        self.inits = [
            podstatus.Container(item["name"], item, init=True)
            for item in spec.get("initContainers") or ()
        ]
        self.containers = [podstatus.Container(item["name"], item) for item in spec["containers"]]
        self.programs: dict[str, Program] = {}
        self.runs: dict[str, Run] = {}
        self.terminating = False
        self.sandbox = False
        self.veth = ""
        self.pod_ip = ""
        self.stale = False
        """Whether there is something to report that could not be told yet."""
        self._began = ""
        self._verdict: tuple[str, str] | None = None
        """Why the kubelet ended the whole pod: reason and message."""
        self._conditions = podstatus.Conditions()
        self._rng: random.Random = kubelet.ctx.rng("pod", self.uid)

    def place(self, container: podstatus.Container) -> logs.Place:
        """Where a container's log is kept."""
        return (self.namespace, self.name, container.name)

    def begin(self) -> None:
        """Start a pod that has just been bound here."""
        self._began = timing.stamp(self.kubelet.ctx.clock.now())
        reason = "PodInitializing" if self.inits else "ContainerCreating"
        for container in (*self.inits, *self.containers):
            container.state = {"waiting": {"reason": reason}}
        self.kubelet.after(SYNC, self._accepted, what=f"{self.name} sync")
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        if deadline is not None:
            self.kubelet.after(deadline, self._expired, what=f"{self.name} deadline")

    def adopt(self) -> None:
        """Take over a pod whose status says that it runs."""
        status = self.pod["status"]
        self._began = status["startTime"]
        self._conditions = podstatus.Conditions(status.get("conditions") or ())
        self.sandbox = True
        self.pod_ip = status.get("podIP", "")
        self._plug()
        now = self.kubelet.ctx.clock.elapsed()
        for key, mine in (
            ("initContainerStatuses", self.inits),
            ("containerStatuses", self.containers),
        ):
            for container, entry in zip(mine, status.get(key) or (), strict=True):
                container.state, container.last_state = entry["state"], entry["lastState"]
                container.restarts, container.id = entry["restartCount"], entry["containerID"]
                container.ready, container.launched_at = entry["ready"], now - 86_400.0
        for container in self.containers:
            self.kubelet.images.add(container.spec["image"])
            self.kubelet.book.begin(self.place(container))
            self.runs[container.name] = Run(self, container)
            program = self.kubelet.program(self, container)
            self.programs[container.name] = program
            if isinstance(program, flannel.Flanneld):
                program.adopt()

    def exited(self, container: podstatus.Container, code: int, reason: str) -> None:
        """A container's run has ended by itself or by the kernel."""
        now = self.kubelet.ctx.clock.elapsed()
        container.failed(now)
        container.ready = False
        container.state = podstatus.ended(
            container.id,
            code=code,
            reason=reason,
            began=container.state.get("running", {}).get("startedAt"),
            ended=timing.stamp(self.kubelet.ctx.clock.now()),
        )
        program = self.programs.pop(container.name, None)
        self.runs.pop(container.name, None)
        self.kubelet.book.end(self.place(container))
        self.kubelet.ended(self, container, program, code=code, reason=reason)
        if self.terminating:
            return
        self.report()
        self.kubelet.after(NOTICE, lambda: self._decide(container), what=f"{self.name} restart")

    def kill(self, container: podstatus.Container, code: int, reason: str = "") -> None:
        """End a container's run from outside; harmless when it does not run."""
        run = self.runs.get(container.name)
        if run is not None:
            run.exit(code, reason)

    def retry_now(self) -> None:
        """Forget all back-off and try again at once what is waiting."""
        for container in (*self.inits, *self.containers):
            container.crashes.reset()
            container.pulls.reset()
            container.failures = min(container.failures, 1)
            if container.waiting in {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull"}:
                self.again(container)

    def probe(self) -> None:
        """Look at the readiness of what runs, and report a change."""
        changed = False
        for container in self.containers:
            if container.running and container.ready != self._healthy():
                container.ready = self._healthy()
                changed = True
                if not container.ready:
                    self.event(
                        container,
                        "Unhealthy",
                        "Readiness probe failed: HTTP probe failed with statuscode: 503",
                        warning=True,
                    )
        if changed:
            self.report()

    def terminate(self) -> None:
        """The pod has been deleted: stop what runs, report the end, let it go."""
        if self.terminating:
            return
        self.terminating = True
        for container in self.containers:
            if container.running:
                self.event(container, "Killing", f"Stopping container {container.name}")
        grace = float(self.pod["metadata"].get("deletionGracePeriodSeconds", STOP))
        deaf = any(getattr(one, "deaf", False) for one in self.programs.values())
        self.kubelet.after(grace if deaf else STOP, self._stopped, what=f"{self.name} stop")

    def abandon(self) -> None:
        """The pod's object is gone: stop without a word."""
        self.terminating = True
        for container in self.containers:
            self.kill(container, 137)
        self._unplug()

    def report(self) -> None:
        """Write the status, or remember that it is to be written."""
        if not self.kubelet.can_report():
            self.stale = True
            return
        self.stale = False
        try:
            self.kubelet.ctx.api.patch(
                "pods",
                self.namespace,
                self.name,
                {"metadata": {"uid": self.uid}, "status": self._status()},
                kind="merge",
                subresource="status",
            )
        except errors.StatusError as refusal:
            # The pod was deleted, or replaced by a namesake: its change will tell.
            if refusal.code not in {404, 409, 422}:
                raise

    def _accepted(self) -> None:
        if self.terminating or self._verdict:
            return
        self.report()
        self.kubelet.after(CREATE, self._launch_all, what=f"{self.name} start")

    def _launch_all(self) -> None:
        if self.terminating or self._verdict:
            return
        self.sandbox = True
        self._plug()
        if self.inits and self._unpullable():
            imagepull.failed(self, self.inits[0])
            return
        now = timing.stamp(self.kubelet.ctx.clock.now())
        for container in self.inits:
            container.id = names.container_id(self._rng)
            container.ready = True
            container.state = podstatus.ended(container.id, began=now, ended=now)
        for container in self.containers:
            self._launch(container)

    def again(self, container: podstatus.Container) -> None:
        """Restart a container that has ended, or try its image once more."""
        if self.terminating or self._verdict or container.running:
            return
        if container.init:
            self._launch_all()
            return
        if not container.waiting.startswith(("ErrImage", "ImagePull")):
            container.crashes.tried(container.failed_at, self.kubelet.ctx.clock.elapsed())
            ended = container.state.get("terminated")
            if ended is not None:
                container.last_state = {"terminated": ended}
            container.restarts += 1
            self.kubelet.restarted(container)
        self._launch(container)

    def _launch(self, container: podstatus.Container) -> None:
        image = container.spec["image"]
        if container.spec["imagePullPolicy"] == "Never" and image not in self.kubelet.images:
            imagepull.not_present(self, container)
            return
        if self._unpullable():
            imagepull.failed(self, container)
            return
        self.kubelet.images.add(image)
        self.event(container, "Pulled", f'Container image "{image}" already present on machine')
        container.id = names.container_id(self._rng)
        container.launched_at = self.kubelet.ctx.clock.elapsed()
        container.state = {"running": {"startedAt": timing.stamp(self.kubelet.ctx.clock.now())}}
        self.event(container, "Created", f"Created container: {container.name}")
        self.event(container, "Started", f"Started container {container.name}")
        self.kubelet.book.begin(self.place(container))
        run = self.runs[container.name] = Run(self, container)
        container.ready = False
        program = self.programs[container.name] = self.kubelet.program(self, container)
        program.start()

        def seen() -> None:
            if run.alive:
                if container.spec.get("readinessProbe"):
                    self.kubelet.after(PROBE, self.probe, what=f"{self.name} probe")
                else:
                    container.ready = self._healthy()
                self.report()

        self.kubelet.after(SEEN, seen, what=f"{self.name} running")

    def _decide(self, container: podstatus.Container) -> None:
        """A container has ended: restart it, or wait and say so."""
        if self.terminating or "terminated" not in container.state:
            return
        if self.pod["spec"].get("restartPolicy", "Always") != "Always":
            return
        now = self.kubelet.ctx.clock.elapsed()
        failed_at = container.failed_at
        until = container.crashes.waits_until(failed_at)
        if until is None or until <= now:
            self.again(container)
            return
        message = (
            f"back-off {backoff.spoken(container.crashes.delay)} restarting failed "
            f"container={container.name} pod={self.name}_{self.namespace}({self.uid})"
        )
        container.last_state = {"terminated": container.state["terminated"]}
        container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self.event(
            container,
            "BackOff",
            f"Back-off restarting failed container {container.name} in pod "
            f"{self.name}_{self.namespace}({self.uid})",
            warning=True,
        )
        self.report()

        def again() -> None:
            if container.waiting == "CrashLoopBackOff" and container.failed_at == failed_at:
                self.again(container)

        self.kubelet.after(until - now, again, what=f"{self.name} back-off")

    def _stopped(self) -> None:
        for container in self.containers:
            if container.running:
                # Programs end cleanly at SIGTERM, flannel among them.
                deaf = getattr(self.programs.get(container.name), "deaf", False)
                self.kill(container, 137 if deaf else 0)
            elif "terminated" in container.last_state and "waiting" in container.state:
                container.state = container.last_state
            elif "waiting" in container.state:
                container.state = podstatus.NEVER_STARTED
            container.ready = False
        self.sandbox = False
        self._unplug()
        self.report()
        self.kubelet.after(0.3, self._let_go, what=f"{self.name} removal")

    def _expired(self) -> None:
        """It has been active for longer than it may: end it, and leave it there as failed."""
        if self.terminating or self._over():
            return
        self._verdict = podstatus.EXPIRED
        self.kubelet.ctx.events.emit(
            self.pod, *podstatus.EXPIRED, component="kubelet", host=self.kubelet.host.name
        )
        for container in self.containers:
            self.kill(container, 137)
        self.sandbox = False
        self._unplug()
        self.report()

    def _over(self) -> bool:
        """Whether nothing of it will ever run again."""
        never = self.pod["spec"].get("restartPolicy") == "Never"
        return never and all("terminated" in one.state for one in self.containers)

    def _let_go(self) -> None:
        try:
            self.kubelet.ctx.api.delete(
                "pods", self.namespace, self.name, grace_seconds=0, uid=self.uid
            )
        except errors.StatusError as refusal:
            if refusal.code not in {404, 409}:
                raise
        self.kubelet.gone(self)

    def _unpullable(self) -> bool:
        return self.kubelet.ailing.find("pull", self.kubelet.host.name, self.pod) is not None

    def _healthy(self) -> bool:
        return self.kubelet.ailing.find("unready", self.kubelet.host.name, self.pod) is None

    def _plug(self) -> None:
        host = self.kubelet.host
        if self.pod["spec"].get("hostNetwork"):
            self.pod_ip = host.private_ip
        elif not self.veth:
            self.veth = host.veth_of(self.pod_ip) or host.add_veth(self._rng)
            self.pod_ip = host.pod_ips[self.veth]

    def _unplug(self) -> None:
        if self.veth:
            self.kubelet.host.remove_veth(self.veth)
            self.veth = ""

    def _status(self) -> Object:
        final = self.terminating or self._over()
        phase = "Failed" if self._verdict else podstatus.phase(self.containers, final=final)
        present = self.kubelet.ctx.api.store.get("pods", self.namespace, self.name) or self.pod
        generation = present["metadata"].get("generation", 1)
        wanted = podstatus.conditions(
            self.containers,
            phase=phase,
            initialized=all(one.ready for one in self.inits),
            sandbox=self.sandbox,
            generation=generation,
        )
        known = (present.get("status") or {}).get("conditions") or ()
        now = timing.stamp(self.kubelet.ctx.clock.now())
        return podstatus.build(
            self.inits,
            self.containers,
            phase=phase,
            conditions=self._conditions.rewrite(wanted, present=known, now=now),
            generation=generation,
            began=self._began,
            host_ip=self.kubelet.host.private_ip,
            pod_ip=self.pod_ip if self.sandbox or phase in podstatus.FINAL else "",
            verdict=self._verdict,
        )

    def event(
        self, container: podstatus.Container, reason: str, message: str, *, warning: bool = False
    ) -> None:
        """Tell something of a container as an Event, if it can be told now."""
        if not self.kubelet.can_report():
            return
        self.kubelet.ctx.events.emit(
            self.pod,
            reason,
            message,
            component="kubelet",
            host=self.kubelet.host.name,
            kind="Warning" if warning else "Normal",
            field_path=f"spec.containers{{{container.name}}}",
        )
