"""The status a kubelet writes for a pod, from what it knows of the containers.

Pure but for the conditions' memory of when they last changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import backoff, names

Object = dict[str, Any]

FINAL = frozenset({"Succeeded", "Failed"})
"""Phases a pod does not leave."""

EXPIRED = (
    "DeadlineExceeded",
    "Pod was active on the node longer than the specified deadline",
)
"""Reason and message of a pod that the kubelet has ended at its `activeDeadlineSeconds`."""


@dataclass
class Container:
    """One container as its kubelet sees it.

    All times in seconds of the simulation, the states carry stamps of wall time.
    """

    name: str
    spec: Object
    init: bool = False
    state: Object = field(default_factory=dict)
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    id: str = ""
    ready: bool = False
    launched_at: float = 0.0
    failed_at: float = 0.0
    failures: int = 0
    """Ends in a row without a run of `STABLE` seconds between them."""
    crashes: backoff.Backoff = field(default_factory=backoff.Backoff)
    pulls: backoff.Backoff = field(default_factory=backoff.Backoff)

    @property
    def running(self) -> bool:
        """Whether a process lives in it."""
        return "running" in self.state

    @property
    def waiting(self) -> str:
        """The reason it waits, or an empty text."""
        return str(self.state.get("waiting", {}).get("reason", ""))

    def failed(self, now: float) -> None:
        """Book the end of a run."""
        self.failures = 1 if now - self.launched_at >= REMEMBERED else self.failures + 1
        self.failed_at = now

    def crash_looping(self, now: float) -> bool:
        """Whether it died again and again, and the kubelet still remembers it for that."""
        if self.failures < 2:
            return False
        return not self.running or now - self.launched_at < REMEMBERED

    def status(self) -> Object:
        """Its entry in ``containerStatuses``."""
        image = self.spec["image"]
        entry: Object = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": image,
            "imageID": f"{image.rpartition(':')[0]}@{names.digest(image)}" if self.id else "",
        }
        if self.id:
            entry["containerID"] = self.id
        entry["started"] = self.running
        return entry


NEVER_STARTED: Object = {
    "terminated": {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was deleted",
        "startedAt": None,
        "finishedAt": None,
    }
}
"""The state of a container whose pod was deleted before it ran."""


def ended(
    container_id: str, *, code: int = 0, reason: str = "", began: str | None, ended: str
) -> Object:
    """The state of a container that has run; without a reason it is the code's usual one."""
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": began,
            "finishedAt": ended,
            "containerID": container_id,
        }
    }


REMEMBERED = 2 * backoff.LONGEST
"""A run of so many seconds ends a series of failures: the kubelet has forgotten its back-off."""


class Conditions:
    """A pod's conditions with their transition times."""

    def __init__(self, known: Sequence[Object] = ()) -> None:
        self._known: dict[str, Object] = {item["type"]: item for item in known}

    def rewrite(
        self, wanted: Sequence[Object], *, present: Sequence[Object], now: str
    ) -> list[Object]:
        """The list to write: the wanted ones, then those of others, times kept where unchanged.

        Args:
            wanted: type, status, and reason and message where there are any.
            present: what the API has; the scheduler's condition is among it.
            now: stamp for those that change.
        """
        mine = {item["type"] for item in wanted}
        result = [item for item in present if item["type"] not in mine]
        for item in wanted:
            before = self._known.get(item["type"])
            same = before is not None and before["status"] == item["status"]
            entry = {
                **item,
                "lastProbeTime": None,
                "lastTransitionTime": before["lastTransitionTime"] if same and before else now,
            }
            self._known[item["type"]] = entry
            result.append(entry)
        return result


def conditions(
    containers: Sequence[Container],
    *,
    phase: str,
    initialized: bool,
    sandbox: bool,
    generation: int,
) -> list[Object]:
    """What a kubelet says of a pod: sandbox, initialised, ready, containers ready."""
    unready = [one.name for one in containers if not one.ready]
    reason: Object = {}
    if phase in FINAL:
        reason = {"reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    elif unready:
        reason = {
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{' '.join(unready)}]",
        }
    ready = "False" if reason else "True"

    def entry(kind: str, value: str, extra: Object) -> Object:
        return {"type": kind, "observedGeneration": generation, "status": value, **extra}

    return [
        entry("PodReadyToStartContainers", "True" if sandbox else "False", {}),
        entry("Initialized", "True" if initialized else "False", {}),
        entry("Ready", ready, reason),
        entry("ContainersReady", ready, reason),
    ]


def phase(containers: Sequence[Container], *, final: bool) -> str:
    """A pod's phase, from its containers; `final`: nothing of it will be started again."""
    if final and not any(one.running for one in containers):
        codes = [one.state.get("terminated", {}).get("exitCode", 1) for one in containers]
        return "Failed" if any(codes) else "Succeeded"
    begun = any(one.running or one.last_state or "terminated" in one.state for one in containers)
    return "Running" if begun else "Pending"


def build(
    inits: Sequence[Container],
    containers: Sequence[Container],
    *,
    phase: str,
    conditions: list[Object],
    generation: int,
    began: str,
    host_ip: str,
    pod_ip: str,
    verdict: tuple[str, str] | None = None,
) -> Object:
    """The whole status; without an address while there is no sandbox."""
    status: Object = {
        "observedGeneration": generation,
        "phase": phase,
        "conditions": conditions,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "startTime": began,
        "containerStatuses": [one.status() for one in containers],
    }
    if verdict is not None:
        status |= {"reason": verdict[0], "message": verdict[1]}
    if inits:
        status["initContainerStatuses"] = [one.status() for one in inits]
    if pod_ip:
        status |= {"podIP": pod_ip, "podIPs": [{"ip": pod_ip}]}
    return status
