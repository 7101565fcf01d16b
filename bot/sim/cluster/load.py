"""What weighs on every flannel alike: the size of the cluster and kube-proxy's rules."""

from __future__ import annotations

from collections.abc import Callable


class Load:
    """Two numbers and who wants to know when they change."""

    def __init__(self, *, nodes: int) -> None:
        self.nodes = nodes
        """Node objects each flannel caches."""
        self.rules = 1.0
        """How many times the ordinary number of kube-proxy rules there are."""
        self._listeners: list[Callable[[], None]] = []

    def listen(self, callback: Callable[[], None]) -> None:
        """Call back after every change."""
        self._listeners.append(callback)

    def set_nodes(self, nodes: int) -> None:
        """The cluster has another size now."""
        if nodes != self.nodes:
            self.nodes = nodes
            self._tell()

    def set_rules(self, rules: float) -> None:
        """There are so many times the ordinary rules now."""
        if rules != self.rules:
            self.rules = rules
            self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._listeners):
            callback()
