"""Hands: how each kind of step is done, taken back, and found done or not after a crash.

One step at a time, told by the plan alone. What a step needs is read fresh right before it, and
every write names the uid that the plan was bound to; a write whose answer was lost is looked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from bot.domain import errors, patch
from bot.domain.drain import NodePod
from bot.domain.plan import Step, StepKind
from bot.domain.run import Seen, StepState
from bot.flow import actuation, ports
from bot.flow.heldup import Hold

T = TypeVar("T")

OPERATION = "flannel-bot.io/operation-id"
"""The annotation that says which run wrote an object last."""

_HASH = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended. `facts` are kept in its journal."""

    state: StepState
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What the cluster says of a step whose end is not known."""

    seen: Seen
    text: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """Patience."""

    tries: int = 4
    """Tries of a write that the API server did not take for a passing fault."""
    again: timedelta = timedelta(seconds=2)
    """Between them, doubling."""
    blocked: timedelta = timedelta(seconds=5)
    """Between tries of an eviction that a budget forbids; kubectl's own pace."""
    poll: timedelta = timedelta(seconds=1)
    """Between looks whether a pod is gone."""
    looks: int = 20
    """Such looks in that time, of all pods that are waited for: with more, each waits longer."""
    at_once: int = 4
    """Evictions and looks asked at a time: others of this process ask the same server."""


Stop = Callable[[], bool]
"""Whether the run was cancelled, so that waiting ends."""

Patience = Callable[[], int]
"""How often people have asked so far for as much time again."""

Held = Callable[[Hold], None]
"""Told what holds a step up, which people may prolong."""


class Hands:
    """Does steps on one cluster.

    Args:
        actuator: the cluster's writes.
        mirror: the cluster, for which template is the newest.
        clock: time.
        options: patience.
    """

    def __init__(
        self,
        actuator: actuation.Actuator,
        mirror: ports.Mirror,
        *,
        clock: ports.Clock,
        options: Options,
    ) -> None:
        self._actuator = actuator
        self._mirror = mirror
        self._clock = clock
        self._options = options
        self._slots = asyncio.Semaphore(options.at_once)
        self._awaited = 0

    async def do(
        self, step: Step, *, operation: str, stop: Stop, held: Held, patience: Patience
    ) -> Done | None:
        """Do one writing step to its end, which may be that it failed.

        None where the answer to a write was lost: then it has to be looked for. Raises nothing.
        """
        try:
            match step.kind:
                case StepKind.PATCH_DAEMONSET:
                    return await self._patch(step, operation)
                case StepKind.CORDON:
                    return await self._cordon(step, operation)
                case StepKind.UNCORDON:
                    return await self._uncordon(step, operation)
                case StepKind.EVICT_POD:
                    return await self._evict(step, stop, held, patience)
                case StepKind.DELETE_POD:
                    return await self._delete(step)
                case _:
                    return Done(StepState.FAILED, f"{step.kind.value} is no write")
        except actuation.Unsettled:
            return None
        except errors.BotError as error:
            return Done(StepState.FAILED, str(error))

    async def undo(self, step: Step, *, operation: str) -> Done | None:
        """Take one applied step back; ends as `do` does."""
        try:
            if step.kind is StepKind.PATCH_DAEMONSET:
                await self._patiently(
                    lambda: self._actuator.patch_daemonset(
                        step.target, step.undo, operation=undoing(operation)
                    )
                )
                return Done(StepState.APPLIED, f"{step.target} is as it was")
            if step.kind is StepKind.CORDON:
                return await self._uncordon(step, operation)
        except actuation.Unsettled:
            return None
        except errors.BotError as error:
            return Done(StepState.FAILED, str(error))
        return Done(StepState.SKIPPED, "there is nothing to take back")

    async def look(self, step: Step, *, operation: str) -> Found:
        """Find out whether a step that was begun was done. Raises Unavailable: ask again."""
        try:
            match step.kind:
                case StepKind.PATCH_DAEMONSET:
                    return await self._patched(step, step.change, step.undo, operation)
                case StepKind.CORDON:
                    return await self._cordoned(step, operation)
                case StepKind.UNCORDON:
                    node = await self._actuator.node(step.target.name)
                    return Found(Seen.DONE if not node.unschedulable else Seen.NOT_STARTED)
                case StepKind.EVICT_POD | StepKind.DELETE_POD:
                    return await self._gone(step)
                case _:
                    # Waiting changes nothing, so it is simply begun anew.
                    return Found(Seen.NOT_STARTED)
        except errors.Conflict as error:
            return Found(Seen.UNCLEAR, str(error))
        except errors.Refused as error:
            return Found(Seen.UNCLEAR, str(error))

    async def look_undo(self, step: Step, *, operation: str) -> Found:
        """Find out whether the taking back of a step was done. Raises Unavailable: ask again."""
        try:
            if step.kind is StepKind.PATCH_DAEMONSET:
                return await self._patched(step, step.undo, step.change, undoing(operation))
            node = await self._actuator.node(step.target.name)
        except (errors.Conflict, errors.Refused) as error:
            return Found(Seen.UNCLEAR, str(error))
        return Found(Seen.NOT_STARTED if node.cordoned_by == operation else Seen.DONE)

    async def _patch(self, step: Step, operation: str) -> Done:
        live = await self._patiently(
            lambda: self._actuator.patch_daemonset(step.target, step.change, operation=operation)
        )
        return Done(
            StepState.APPLIED,
            f"{step.target} is at generation {live.generation}",
            {"generation": str(live.generation)},
        )

    async def _patched(
        self, step: Step, change: patch.Patch, back: patch.Patch, operation: str
    ) -> Found:
        live = await self._actuator.daemonset(step.target.namespace, step.target.name)
        if _fits(change, live.document):
            return Found(Seen.NOT_STARTED)
        noted = (live.document.get("metadata") or {}).get("annotations") or {}
        if noted.get(OPERATION) == operation and _fits(back, live.document):
            return Found(Seen.DONE, f"{step.target} carries this run's change")
        if noted.get(OPERATION) == operation:
            return Found(Seen.UNCLEAR, f"{step.target} was changed here, and by others since")
        return Found(Seen.UNCLEAR, f"{step.target} is not as it was planned for")

    async def _cordon(self, step: Step, operation: str) -> Done:
        before = await self._patiently(
            lambda: self._actuator.cordon(step.target.name, uid=step.uid, operation=operation)
        )
        if before.unschedulable and before.cordoned_by != operation:
            return Done(StepState.SKIPPED, f"{step.target.name} was cordoned already; it stays so")
        return Done(StepState.APPLIED, f"{step.target.name} is cordoned")

    async def _cordoned(self, step: Step, operation: str) -> Found:
        node = await self._actuator.node(step.target.name)
        if step.uid and node.uid != step.uid:
            return Found(Seen.UNCLEAR, f"node {step.target.name} was replaced")
        ours = node.unschedulable and node.cordoned_by == operation
        return Found(Seen.DONE if ours else Seen.NOT_STARTED)

    async def _uncordon(self, step: Step, operation: str) -> Done:
        lifted = await self._patiently(
            lambda: self._actuator.uncordon(step.target.name, uid=step.uid, operation=operation)
        )
        if lifted:
            return Done(StepState.APPLIED, f"{step.target.name} takes pods again")
        return Done(StepState.SKIPPED, f"the cordon of {step.target.name} is not this run's")

    async def _evict(self, step: Step, stop: Stop, held: Held, patience: Patience) -> Done:
        place = f"{step.target.namespace}/{step.target.name}"
        began, at, given = self._clock.monotonic(), self._clock.now(), patience()
        while True:
            allowed = step.timeout * (1 + patience() - given)
            ends = began + allowed.total_seconds()
            try:
                there = await self._patiently(lambda: self._ask_to_go(step))
            except actuation.Blocked as error:
                held(Hold(place, error.reason, at + allowed))
                if stop():
                    return Done(StepState.SKIPPED, f"cancelled while {place} waited: {error}")
                if self._clock.monotonic() >= ends:
                    return Done(StepState.FAILED, f"{place} was not let go in time: {error}")
                await self._clock.sleep(self._options.blocked.total_seconds())
                continue
            if not there:
                return Done(StepState.SKIPPED, f"{place} was gone already")
            return await self._until_gone(step, step.uid, ends, "evicted")

    async def _ask_to_go(self, step: Step) -> bool:
        async with self._slots:
            return await self._actuator.evict(step.target.namespace, step.target.name, uid=step.uid)

    async def _delete(self, step: Step) -> Done:
        ends = self._clock.monotonic() + step.timeout.total_seconds()
        if step.uid:
            chosen = (step.target.namespace, step.target.name, step.uid)
        else:
            old = await self._patiently(lambda: self._old(step))
            if old is None:
                return Done(StepState.SKIPPED, "no pod with the old template is left there")
            chosen = (old.namespace, old.name, old.uid)
        namespace, name, uid = chosen
        if not await self._patiently(lambda: self._actuator.delete_pod(namespace, name, uid=uid)):
            return Done(StepState.SKIPPED, f"{namespace}/{name} was gone already")
        return await self._until_gone(step, uid, ends, "deleted", name=name)

    async def _until_gone(
        self, step: Step, uid: str, ends: float, verb: str, *, name: str = ""
    ) -> Done:
        # What was asked for cannot be taken back, so a cancel does not end this wait.
        name = name or step.target.name
        self._awaited += 1
        try:
            while not await self._is_gone(step.target.namespace, name, uid):
                if self._clock.monotonic() >= ends:
                    text = f"{step.target.namespace}/{name} was {verb}, but is not seen to be gone"
                    return Done(StepState.FAILED, text, {"uid": uid})
                crowd = max(1.0, self._awaited / self._options.looks)
                await self._clock.sleep(self._options.poll.total_seconds() * crowd)
        finally:
            self._awaited -= 1
        return Done(StepState.APPLIED, f"{step.target.namespace}/{name} {verb}", {"uid": uid})

    async def _is_gone(self, namespace: str, name: str, uid: str) -> bool:
        try:
            async with self._slots:
                pod = await self._actuator.pod(namespace, name)
        except errors.Unavailable:
            return False  # not seen is not gone
        return pod is None or pod.uid != uid

    async def _gone(self, step: Step) -> Found:
        if not step.uid:
            old = await self._old(step)
            return Found(Seen.DONE if old is None else Seen.NOT_STARTED)
        pod = await self._actuator.pod(step.target.namespace, step.target.name)
        gone = pod is None or pod.uid != step.uid
        return Found(Seen.DONE if gone else Seen.NOT_STARTED)

    async def _old(self, step: Step) -> NodePod | None:
        """Return the DaemonSet's pod on that node, if it does not run the newest template."""
        taken = self._mirror.snapshot()
        owner = next((one for one in taken.daemonsets.values() if one.uid == step.owner), None)
        if owner is not None:
            live = await self._actuator.daemonset(owner.namespace, owner.name)
            if live.uid != owner.uid or owner.observed_generation < live.generation:
                raise errors.Unavailable(f"the new template of {owner.name} is not seen yet")
        newest = max(
            (r for r in taken.revisions.values() if r.owner and r.owner.uid == step.owner),
            key=lambda one: one.revision,
            default=None,
        )
        if owner is None or newest is None:
            raise errors.Unavailable("which pods run the new template cannot be seen now")
        for pod in await self._actuator.pods_on(step.target.node):
            ours = pod.owner == f"DaemonSet/{owner.name}" and pod.namespace == owner.namespace
            if ours and not pod.finished and pod.labels.get(_HASH) != newest.hash:
                return pod
        return None

    async def _patiently(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat what the API server certainly did not take."""
        wait = self._options.again.total_seconds()
        for left in reversed(range(self._options.tries)):
            try:
                return await write()
            except (actuation.Blocked, actuation.Unsettled):
                raise
            except errors.Unavailable:
                if not left:
                    raise
            await self._clock.sleep(wait)
            wait *= 2
        raise AssertionError("unreachable")


def undoing(operation: str) -> str:
    """Return the operation's name by which its changes are taken back."""
    return f"{operation}-undo"


def _fits(change: patch.Patch, document: Mapping[str, object]) -> bool:
    """Whether a patch could be applied now, by its own tests; an empty one says nothing."""
    if not change:
        return False
    try:
        patch.apply(change, document)
    except patch.Mismatch:
        return False
    return True
