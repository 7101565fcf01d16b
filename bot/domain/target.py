"""The object something is said about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One object of one cluster, as a person would point at it.

    `node` is where it runs, or empty. A node is its own target: kind "Node", name and node equal.
    `namespace` is empty for cluster-scoped objects.
    """

    cluster: str
    kind: str
    namespace: str
    name: str
    node: str = ""

    @property
    def key(self) -> str:
        """A stable text of the object itself, without where it happens to run."""
        return f"{self.cluster}/{self.kind}/{self.namespace}/{self.name}"

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"
