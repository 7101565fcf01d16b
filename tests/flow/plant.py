"""A small cluster that reacts: patches roll out, evicted pods go, in the loop's virtual time.

It is the flow's `Actuator` and `Mirror` at once. A `Gate` stands before and after everything that
a process does to it or to the store, and can end that process there for good.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain import errors, patch
from bot.domain.drain import NodePod
from bot.domain.patch import Patch
from bot.domain.snapshot import ControllerRevision, Gap, Pod, Snapshot
from bot.domain.target import Target
from bot.domain.verification import NodeLook
from bot.flow import actuation, hands, ports
from bot.flow.actuation import Live, NodeState, PodState
from tests.checks import worlds
from tests.flow.fakes import LoopClock

NAMESPACE, NAME = "kube-system", worlds.FLANNEL.name
OLD, NEW = "--iface-regex=eth1|bond1", "--iface-regex=^(?:eth1|bond1)$"


class Gate:
    """Counts what a process does, and ends it at the instant it is told."""

    def __init__(self, kill_at: int = 0) -> None:
        self.kill_at = kill_at
        self.instants = 0
        self.dead = asyncio.Event()

    async def pass_(self) -> None:
        self.instants += 1
        if self.instants == self.kill_at:
            self.dead.set()
        if self.dead.is_set():
            # What a killed process was about to do never happens.
            await asyncio.Event().wait()


@dataclass
class _Pod:
    node: str
    uid: str
    template: str
    created_at: datetime
    ready_at: datetime


@dataclass
class Plant:
    """Everything that a test may bend."""

    clock: LoopClock
    count: int = 3
    strategy: str = "RollingUpdate"
    pace: timedelta = timedelta(seconds=2)
    starts_in: timedelta = timedelta(seconds=1)
    crashes: Callable[[str], bool] = lambda _args: False
    """Whether a pod with that template crashes."""
    nic: Callable[[str, str], str] = lambda _node, _args: "eth1"
    """The NIC that flannel takes on a node with that template."""
    budget_until: dict[str, datetime] = field(default_factory=dict)
    faults: list[tuple[str, Callable[[], Exception | None]]] = field(default_factory=list)
    """(verb, error): raised once at that verb's next call; `lost` raises after it was done."""
    lost: list[str] = field(default_factory=list)
    cluster: str = "prod"
    patches: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    gaps: tuple[Gap, ...] = ()
    grace: timedelta = timedelta(0)
    """How long an evicted pod takes to go."""
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    """Every call of the actuator by its verb, and when it came."""

    def __post_init__(self) -> None:
        now = self.clock.now()
        self.document: dict[str, Any] = {
            "metadata": {"uid": worlds.FLANNEL.uid, "generation": 1, "annotations": {}},
            "spec": {
                "template": {"spec": {"containers": [{"name": "kube-flannel", "args": [OLD]}]}}
            },
        }
        self.moved_at = now
        self.made = 0
        names = [f"n{i}" for i in range(1, self.count + 1)]
        self.nodes = {name: NodeState(uid=f"uid-{name}", unschedulable=False) for name in names}
        past = now - timedelta(hours=1)
        self.pods = {name: _Pod(name, f"old-{name}", OLD, past, past) for name in names}
        self.apps: dict[str, NodePod] = {}
        self.leaving: dict[str, datetime] = {}

    @property
    def args(self) -> str:
        return str(self.document["spec"]["template"]["spec"]["containers"][0]["args"][0])

    def _advance(self) -> None:
        now = self.clock.now()
        for name in [name for name, at in self.leaving.items() if at <= now]:
            del self.leaving[name], self.apps[name]
        while self.strategy == "RollingUpdate" and now - self.moved_at >= self.pace:
            self.moved_at += self.pace
            new = [one for one in self.pods.values() if one.template == self.args]
            old = [one for one in self.pods.values() if one.template != self.args]
            # One after the other, as maxUnavailable 1 has it.
            busy = any(p.ready_at > self.moved_at or self.crashes(p.template) for p in new)
            if old and not busy:
                self._renew(old[0].node, self.moved_at)

    def _renew(self, node: str, at: datetime) -> None:
        self.made += 1
        uid = f"new-{self.made}-{node}"
        self.pods[node] = _Pod(node, uid, self.args, at, at + self.starts_in)

    # The mirror.

    def snapshot(self) -> Snapshot:
        self._advance()
        now = self.clock.now()
        generation = self.document["metadata"]["generation"]
        new = [p for p in self.pods.values() if p.template == self.args]
        ready = [
            p for p in self.pods.values() if p.ready_at <= now and not self.crashes(p.template)
        ]
        things: list[object] = [
            worlds.daemonset(
                desired=self.count,
                updated=len(new),
                available=len(ready),
                generation=generation,
                spec=worlds.flannel_spec(self.args),
                strategy=self.strategy,
            ),
            *(
                worlds.node(
                    name, unschedulable=one.unschedulable, uid=one.uid, allocatable_memory=2**30
                )
                for name, one in self.nodes.items()
            ),
            *(self._seen(one, now) for one in self.pods.values()),
        ]
        revisions = {OLD: 1, NEW: 2} if self.args == NEW else {NEW: 2, OLD: 3}
        things += [
            ControllerRevision(
                NAMESPACE, f"rev-{number}", number, worlds.FLANNEL, args, worlds.LONG_AGO
            )
            for args, number in revisions.items()
        ]
        return worlds.world(*things, taken=now, gaps=self.gaps)

    def _seen(self, one: _Pod, now: datetime) -> Pod:
        broken = self.crashes(one.template)
        held = worlds.container()
        if broken:
            held = worlds.container(
                restarts=3, state=worlds.waiting("CrashLoopBackOff"), last=worlds.oom(now)
            )
        return worlds.pod(
            f"flannel-{one.uid}",
            held,
            node=one.node,
            uid=one.uid,
            created=one.created_at,
            ready=one.ready_at <= now and not broken,
            labels={"controller-revision-hash": one.template},
        )

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def relist(self) -> None: ...

    def ages(self) -> Sequence[ports.ResourceAge]:
        return ()

    # The actuator.

    def _fails(self, verb: str) -> None:
        self._advance()
        self.asked.append((verb, self.clock.now()))
        for i, (which, error) in enumerate(self.faults):
            if which in (verb, "*"):
                del self.faults[i]
                raised = error()
                if raised is not None:
                    raise raised
                return

    def _answer_lost(self, verb: str) -> None:
        if verb in self.lost:
            self.lost.remove(verb)
            raise actuation.Unsettled("the connection was dropped after sending")

    async def daemonset(self, namespace: str, name: str) -> Live:
        self._fails("daemonset")
        held = self.document["metadata"]
        return Live(held["uid"], held["generation"], copy.deepcopy(self.document))

    async def patch_daemonset(
        self, target: Target, change: Patch, *, operation: str, dry_run: bool = False
    ) -> Live:
        self._fails("dry run" if dry_run else "patch")
        try:
            after = patch.apply(change, self.document)
        except patch.Mismatch as error:
            raise errors.Conflict(str(error)) from error
        if not dry_run:
            changed = after["spec"] != self.document["spec"]
            after["metadata"]["annotations"][hands.OPERATION] = operation
            after["metadata"]["generation"] += changed
            self.document = after
            self.moved_at = self.clock.now()
            self.patches.append(operation)
            self._answer_lost("patch")
        return await self.daemonset(NAMESPACE, NAME)

    async def node(self, name: str) -> NodeState:
        self._fails("node")
        return self.nodes[name]

    async def cordon(
        self, name: str, *, uid: str, operation: str, dry_run: bool = False
    ) -> NodeState:
        self._fails("dry run" if dry_run else "cordon")
        before = self.nodes[name]
        if not before.unschedulable and not dry_run:
            self.nodes[name] = replace(before, unschedulable=True, cordoned_by=operation)
            self._answer_lost("cordon")
        return before

    async def uncordon(self, name: str, *, uid: str, operation: str) -> bool:
        self._fails("uncordon")
        before = self.nodes[name]
        if before.cordoned_by != operation:
            return False
        self.nodes[name] = replace(before, unschedulable=False, cordoned_by="")
        self._answer_lost("uncordon")
        return True

    async def pods_on(self, node: str) -> list[NodePod]:
        self._fails("pods_on")
        own = self.pods[node]
        flannel = NodePod(
            NAMESPACE, f"flannel-{own.uid}", own.uid, node, owner=f"DaemonSet/{NAME}",
            host_network=True, labels={"controller-revision-hash": own.template},
        )  # fmt: skip
        return [flannel, *(pod for pod in self.apps.values() if pod.node == node)]

    async def all_pods(self) -> list[NodePod]:
        return list(self.apps.values())

    async def pod(self, namespace: str, name: str) -> PodState | None:
        self._fails("pod")
        for one in self.pods.values():
            if f"flannel-{one.uid}" == name:
                return PodState(one.uid, deleting=False, node=one.node)
        found = self.apps.get(name)
        return PodState(found.uid, deleting=False, node=found.node) if found else None

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> bool:
        self._fails("dry run" if dry_run else "evict")
        found = self.apps.get(name)
        if found is None or found.uid != uid:
            return False
        if self.clock.now() < self.budget_until.get(name, self.clock.now()) and not dry_run:
            raise actuation.Blocked("budget shop/web allows no disruption now")
        if not dry_run:
            self.leaving[name] = self.clock.now() + self.grace
            self._advance()
            self.evicted.append(name)
            self._answer_lost("evict")
        return True

    async def delete_pod(
        self, namespace: str, name: str, *, uid: str, dry_run: bool = False
    ) -> bool:
        self._fails("dry run" if dry_run else "delete")
        for node, one in self.pods.items():
            if f"flannel-{one.uid}" == name and one.uid == uid:
                if dry_run:
                    return True
                self._renew(node, self.clock.now())
                self._answer_lost("delete")
                return True
        return False

    async def tell(
        self, target: Target, *, uid: str, reason: str, text: str, warning: bool = False
    ) -> None:
        self.told.append(f"{reason}: {text}")

    # Looks.

    async def look(self, nodes: Sequence[str], *, max_age: timedelta) -> Mapping[str, NodeLook]:
        self._advance()
        return {
            name: NodeLook(
                self.clock.now(), self.nic(name, self.pods[name].template), complete=True
            )
            for name in nodes
        }


class Gated:
    """Anything, with a gate before and after each of its coroutines."""

    def __init__(self, inner: object, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def gated(*args: object, **more: object) -> object:
            await self._gate.pass_()
            answer = await found(*args, **more)
            await self._gate.pass_()
            return answer

        return gated


class GatedStore:
    """A store whose transactions pass the gate before they begin, commit, and return."""

    def __init__(self, inner: ports.Store, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[ports.Unit]:
        await self._gate.pass_()
        async with self._inner.unit() as unit:
            yield unit
            await self._gate.pass_()
        await self._gate.pass_()
