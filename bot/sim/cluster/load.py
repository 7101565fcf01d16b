"""What weighs on every flannel alike: how many Node objects it has to keep."""

from __future__ import annotations

from collections.abc import Callable


class Load:
    """The size of the cluster, and who wants to know when it changes."""

    def __init__(self, *, nodes: int, leak: float = 0.0, limit: str = "") -> None:
        self.nodes = nodes
        """Node objects each flannel caches."""
        self.leak = leak
        """MiB a second that flannel loses under any other memory limit than `limit`."""
        self.limit = limit
        self._listeners: list[Callable[[], None]] = []

    def listen(self, callback: Callable[[], None]) -> None:
        """Call back after every change."""
        self._listeners.append(callback)

    def set_nodes(self, nodes: int) -> None:
        """The cluster has another size now."""
        if nodes != self.nodes:
            self.nodes = nodes
            for callback in tuple(self._listeners):
                callback()
