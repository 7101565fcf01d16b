"""Follow: wait for what a change sets off, and see in time when it goes wrong.

A rollout is followed pod by pod. The first replaced node is the canary: it is looked at before
anything is taken for well, and so is each one after it, as they come; a crash of a new pod, or
another NIC than was predicted, ends the wait as a failure. Under RollingUpdate the controller goes
on meanwhile, so the only brake is what the run does next: the inverse patch.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain import snapshot, units, verification
from bot.domain.plan import Effect, Plan, Prediction, Step
from bot.domain.run import StepState
from bot.domain.verification import NodeLook, Rollout
from bot.flow import ports
from bot.flow.hands import Done, Stop
from bot.flow.site import Site

Report = Callable[[str], None]
"""Told what is waited for."""


@dataclass(frozen=True, slots=True)
class Options:
    """Patience, and how often is looked."""

    poll: timedelta = timedelta(seconds=1)
    """Between two glances at the mirror."""
    settle: timedelta = timedelta(seconds=30)
    """How long flannel may take after its start until a look must show it as predicted."""
    look_every: timedelta = timedelta(seconds=5)
    """Between two looks at a node that is not as it should be yet."""
    at_once: int = 8
    """Nodes looked at in one go."""


class _Watch:
    """Looks at replaced nodes until each was once seen as predicted."""

    def __init__(self, site: Site, plan: Plan, *, clock: ports.Clock, options: Options) -> None:
        self._site = site
        self._clock = clock
        self._options = options
        self._told = {
            one.node: one
            for one in plan.predictions
            if one.effect in (Effect.UNCHANGED, Effect.CHANGES)
        }
        self._well: set[str] = set()
        self._since: dict[str, datetime] = {}
        self._looked: dict[str, datetime] = {}

    def waiting(self, ready: Collection[str]) -> list[str]:
        """Return the nodes that are ready and were not seen to be well yet."""
        return [name for name in ready if name in self._told and name not in self._well]

    async def wrong(self, ready: Collection[str]) -> str:
        """Look at some of them; return what is wrong with one, once it had time to settle."""
        now = self._clock.now()
        due = [
            name
            for name in self.waiting(ready)
            if now - self._looked.get(name, datetime.min.replace(tzinfo=now.tzinfo))
            >= self._options.look_every
        ][: self._options.at_once]
        for name in due:
            self._since.setdefault(name, now)
            self._looked[name] = now
        looks = await self._site.look(due, max_age=timedelta(0))
        for name in due:
            trouble = _trouble(name, looks.get(name), self._told)
            if not trouble:
                self._well.add(name)
            elif self._clock.now() - self._since[name] >= self._options.settle:
                return trouble
        return ""


def _trouble(name: str, look: NodeLook | None, told: Mapping[str, Prediction]) -> str:
    if look is None:
        return f"{name} cannot be looked at after its restart"
    wrong = verification.off_course(told, {name: look})
    if wrong:
        return wrong[0]
    if look.complete is False:
        return f"{name}: {look.trouble or 'routes are missing'}"
    return ""


class Follower:
    """Waits on one cluster.

    Args:
        site: the cluster.
        clock: time.
        options: patience.
    """

    def __init__(self, site: Site, *, clock: ports.Clock, options: Options) -> None:
        self._site = site
        self._clock = clock
        self._options = options

    async def rollout(
        self, step: Step, plan: Plan, *, generation: int, stop: Stop, report: Report
    ) -> Done:
        """Wait until every node runs the new template, or something is wrong with one."""
        watch = _Watch(self._site, plan, clock=self._clock, options=self._options)
        began = self._clock.now()
        first: int | None = None

        def view(taken: snapshot.Snapshot) -> Rollout | None:
            return verification.rollout(taken, step.target, generation=generation)

        while True:
            now, seen = self._clock.now(), view(self._site.mirror.snapshot())
            if seen is not None:
                first = len(seen.ready) if first is None else first
                report(verification.progress(seen, began=began, now=now, before=first))
                wrong = await self._harm(seen, watch)
                if wrong:
                    return Done(StepState.FAILED, wrong)
                if seen.done and not watch.waiting(seen.ready):
                    return Done(StepState.APPLIED, f"{seen.desired} of {seen.desired} replaced")
            if stop():
                return Done(StepState.SKIPPED, "cancelled while it rolled out")
            if now - began >= step.timeout:
                return Done(StepState.FAILED, _stuck(step, seen))
            await self._clock.sleep(self._options.poll.total_seconds())

    async def _harm(self, seen: Rollout, watch: _Watch) -> str:
        if seen.crashed:
            named = [f"{node}: {why}" for node, why in sorted(seen.crashed.items())]
            return f"a new pod fails: {units.listing(named, most=3)}"
        return await watch.wrong(seen.ready)

    async def ready(
        self,
        step: Step,
        plan: Plan,
        *,
        gone: Collection[str],
        stop: Stop,
        report: Report,
    ) -> Done:
        """Wait until flannel is ready on one node, by another pod than those in `gone`."""
        watch = _Watch(self._site, plan, clock=self._clock, options=self._options)
        began = self._clock.now()
        node = step.target.node or step.target.name
        while True:
            taken = self._site.mirror.snapshot()
            pods = [
                pod
                for pod in taken.pods_of.get(step.owner, ())
                if pod.node == node and pod.deleting_since is None and pod.uid not in gone
            ]
            failing = next((why for pod in pods if (why := verification.crash(pod))), "")
            if failing and taken.sees("Pod", step.target.namespace, ""):
                return Done(StepState.FAILED, f"{node}: {failing}")
            ready = [node] if any(pod.ready for pod in pods) else []
            wrong = await watch.wrong(ready)
            if wrong:
                return Done(StepState.FAILED, wrong)
            if ready and not watch.waiting(ready):
                return Done(StepState.APPLIED, f"flannel is ready on {node}")
            report(f"waiting for flannel on {node}")
            if stop():
                return Done(StepState.SKIPPED, f"cancelled while flannel started on {node}")
            if self._clock.now() - began >= step.timeout:
                return Done(StepState.FAILED, f"flannel did not become ready on {node} in time")
            await self._clock.sleep(self._options.poll.total_seconds())


def _stuck(step: Step, seen: Rollout | None) -> str:
    if seen is None:
        return f"{step.target} could not be seen until the time was over"
    lacking = [*seen.restarting, *seen.old]
    if not lacking:
        return f"{step.target}: the new pods were not seen to be well in time"
    return f"not finished in time; lacking: {units.listing(lacking, most=8)}"
