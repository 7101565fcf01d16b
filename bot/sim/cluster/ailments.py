"""What is wrong with containers by somebody's will: the switches that kubelets and programs ask.

Faults set and clear them; nobody else does. Everything else that goes wrong in the cluster
follows from its own causes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Object = dict[str, Any]
Kind = Literal["crash", "pull", "unready"]


@dataclass(frozen=True)
class Ailment:
    """One switch that is on.

    Attributes:
        kind: the container exits soon after its start, its image cannot be had, or its readiness
            probe fails.
        nodes: where; empty for everywhere.
        app: which pods: the value of their label `k8s-app`, `app` or `component`.
        exit_code: of a crash.
        after: seconds of the simulation a crashing container lives.
        lines: what it prints before it ends.
    """

    kind: Kind
    app: str
    nodes: frozenset[str] = frozenset()
    exit_code: int = 1
    after: float = 0.5
    lines: tuple[str, ...] = ()

    def strikes(self, node: str, pod: Object) -> bool:
        """Whether this pod on this node suffers from it."""
        return (not self.nodes or node in self.nodes) and app_of(pod) == self.app


class Ailments:
    """All switches that are on, by the name of the fault that set them."""

    def __init__(self) -> None:
        self._active: dict[str, Ailment] = {}
        self._listeners: list[Callable[[], None]] = []

    def set(self, name: str, ailment: Ailment) -> None:
        """Switch on, in place of the same fault's earlier one."""
        self._active[name] = ailment
        self._tell()

    def clear(self, name: str) -> None:
        """Switch off; harmless if it was not on."""
        if self._active.pop(name, None) is not None:
            self._tell()

    def find(self, kind: Kind, node: str, pod: Object) -> Ailment | None:
        """What a pod on a node suffers from."""
        return next((one for one in self._of(kind) if one.strikes(node, pod)), None)

    def listen(self, callback: Callable[[], None]) -> None:
        """Call back after every switch."""
        self._listeners.append(callback)

    def _of(self, kind: Kind) -> Iterator[Ailment]:
        return (one for one in self._active.values() if one.kind == kind)

    def _tell(self) -> None:
        for callback in tuple(self._listeners):
            callback()


def app_of(pod: Object) -> str:
    """What a pod is, by its labels, such as ``flannel``, ``kube-proxy``, ``kube-dns``, ``etcd``."""
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get("k8s-app") or labels.get("app") or labels.get("component") or "")
