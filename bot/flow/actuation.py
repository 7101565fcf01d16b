"""What remediation needs of a cluster, as a protocol: every write that the bot can make.

There is no other way to change anything, but for probe pods (`bot.flow.probe_ports`). Each write
names the object's uid, so that what was replaced by another of the same name is never touched, and
the operation (RUN-3) it is done for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain import errors
from bot.domain.drain import NodePod
from bot.domain.patch import Patch
from bot.domain.target import Target


class Blocked(errors.Unavailable):
    """An eviction that a PodDisruptionBudget does not allow now; the text names the budget.

    `reason` is the text without whose eviction it was.
    """

    def __init__(self, reason: str, *, what: str = "") -> None:
        super().__init__(f"{what}: {reason}" if what else reason)
        self.reason = reason


class NoDryRun(errors.Unavailable):
    """A dry run that the cluster does not make, as an admission webhook there cannot."""


class Unsettled(errors.Unavailable):
    """Sent, perhaps: the answer was lost, so whether it was done has to be looked at."""


@dataclass(frozen=True, slots=True)
class Live:
    """An object as the API server has it now. `document` is all of it, as JSON decodes."""

    uid: str
    generation: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node, as far as cordoning goes. `cordoned_by` is the operation in our own annotation."""

    uid: str
    unschedulable: bool
    cordoned_by: str = ""


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod, as far as deleting it goes."""

    uid: str
    deleting: bool
    node: str = ""


class Actuator(Protocol):
    """One cluster's writes, and the fresh reads that come right before them.

    Every method raises Unavailable (nothing was done), Unsettled (perhaps it was), Conflict (the
    object is gone, was replaced or does not pass a patch's test; nothing was done), Refused (the
    API server says no for good: forbidden, invalid, an admission policy) and Misconfigured.
    """

    @property
    def cluster(self) -> str:
        """The cluster's name in the settings."""

    async def daemonset(self, namespace: str, name: str) -> Live:
        """Read a DaemonSet now, past all caches. Raises Conflict if there is none."""

    async def patch_daemonset(
        self, target: Target, change: Patch, *, operation: str, dry_run: bool = False
    ) -> Live:
        """Apply a guarded JSON patch and return what the object became.

        The operation's id is put into the object's annotation in the same request.
        """

    async def node(self, name: str) -> NodeState:
        """Read a node now. Raises Conflict if there is none."""

    async def cordon(
        self, name: str, *, uid: str, operation: str, dry_run: bool = False
    ) -> NodeState:
        """Make a node unschedulable and mark that as ours; return the state it was in before.

        One that is unschedulable already is left as it is, without our mark.
        """

    async def uncordon(self, name: str, *, uid: str, operation: str) -> bool:
        """Lift a cordon of that operation; False, and nothing done, where it is not ours."""

    async def pods_on(self, node: str) -> list[NodePod]:
        """List the pods of a node now, of all namespaces, with what a drain asks of them."""

    async def all_pods(self) -> list[NodePod]:
        """List the pods of the whole cluster, by pages; for whether others have room."""

    async def pod(self, namespace: str, name: str) -> PodState | None:
        """Read a pod now; None if there is none."""

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> bool:
        """Ask for an eviction; False if that pod is gone already. Raises Blocked by a budget.

        A dry run asks the budgets and consumes nothing.
        """

    async def delete_pod(
        self, namespace: str, name: str, *, uid: str, dry_run: bool = False
    ) -> bool:
        """Delete a pod; False if it is gone already."""

    async def tell(
        self, target: Target, *, uid: str, reason: str, text: str, warning: bool = False
    ) -> None:
        """Leave a Kubernetes Event on an object. Best effort; raises nothing but Misconfigured."""
