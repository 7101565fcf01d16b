"""Which pods a drain would move, which stay, and what forbids it: decided as kubectl decides.

But for the bot's own probe pods: a drain is drafted right after a look by one.

Source: kubectl's pkg/drain/filters.go. The filters are asked in their order, and the first that
says no is the answer for a pod; any pod that forbids means that nothing is moved at all.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.domain import probe


@dataclass(frozen=True, slots=True)
class NodePod:
    """A pod of a node, with what a drain asks of it. Requests are in bytes and millicores.

    `owner` is its controller as "Kind/name", empty without one; `owner_missing` if that is a
    DaemonSet that no longer exists.
    """

    namespace: str
    name: str
    uid: str
    node: str
    owner: str = ""
    owner_missing: bool = False
    mirror: bool = False
    finished: bool = False
    deleting: bool = False
    empty_dir: bool = False
    host_network: bool = False
    ip: str = ""
    memory_request: int = 0
    cpu_request: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """What people say: namespace/name."""
        return f"{self.namespace}/{self.name}"

    @property
    def of_daemonset(self) -> bool:
        """Whether a DaemonSet owns it."""
        return self.owner.startswith("DaemonSet/")

    @property
    def holds_veth(self) -> bool:
        """Whether the host has a NIC for it: every running pod with a network of its own."""
        return not self.host_network and not self.finished


class Answer(enum.StrEnum):
    """What becomes of a pod."""

    EVICT = "evict"
    STAYS = "stays"
    FORBIDS = "forbids"


@dataclass(frozen=True, slots=True)
class Judged:
    """One pod's answer and why."""

    pod: NodePod
    answer: Answer
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a drain would do. `forbids` not being empty means that nothing is evicted."""

    evict: tuple[Judged, ...] = ()
    stays: tuple[Judged, ...] = ()
    forbids: tuple[Judged, ...] = ()

    @property
    def veths_left(self) -> tuple[NodePod, ...]:
        """Pods that stay and hold a veth: a drain alone does not free the node of them."""
        return tuple(one.pod for one in self.stays if one.pod.holds_veth)


def decide(pods: Iterable[NodePod], *, delete_empty_dir: bool = False) -> Decision:
    """Judge the pods of one node as `kubectl drain --ignore-daemonsets` does, never with --force.

    `delete_empty_dir` is the requester's tick, kubectl's --delete-emptydir-data.
    """
    judged = [
        _judged(pod, delete_empty_dir=delete_empty_dir)
        for pod in sorted(pods, key=lambda one: (one.namespace, one.name))
    ]
    by: dict[Answer, list[Judged]] = {answer: [] for answer in Answer}
    for one in judged:
        by[one.answer].append(one)
    return Decision(
        evict=tuple(by[Answer.EVICT]),
        stays=tuple(by[Answer.STAYS]),
        forbids=tuple(by[Answer.FORBIDS]),
    )


def _judged(pod: NodePod, *, delete_empty_dir: bool) -> Judged:
    if pod.of_daemonset and not pod.finished:
        if pod.owner_missing:
            return Judged(pod, Answer.FORBIDS, f"its {pod.owner} no longer exists")
        return Judged(pod, Answer.STAYS, f"belongs to {pod.owner}")
    if pod.mirror:
        return Judged(pod, Answer.STAYS, "is a static pod")
    if pod.finished:
        return Judged(pod, Answer.EVICT, "has finished")
    if pod.empty_dir and not delete_empty_dir:
        return Judged(pod, Answer.FORBIDS, "keeps data in an emptyDir, which would be lost")
    if pod.host_network and probe.marked(pod.labels):
        return Judged(pod, Answer.STAYS, "is the bot's own look at the node, and soon removed")
    if not pod.owner:
        return Judged(pod, Answer.FORBIDS, "has no controller that would start it elsewhere")
    warning = "its emptyDir's data is lost" if pod.empty_dir else ""
    return Judged(pod, Answer.EVICT, warning)
