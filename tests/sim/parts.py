"""The controllers and the scheduler of the simulation by themselves, without kubelets."""

import contextlib
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from bot.sim.cluster import (
    context,
    daemonsets,
    deployments,
    disruption,
    events,
    index,
    kubelet,
    load,
    network,
    nodelifecycle,
    registry,
    replicasets,
    scheduling,
    store,
    timing,
)

NOBODY: Mapping[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Chance(context.Context):
    """A context in which chance draws for some purposes what a test wants."""

    drawn: Mapping[str, random.Random] = dataclasses.field(default_factory=dict)

    def rng(self, *purpose: object) -> random.Random:
        return self.drawn.get(str(purpose[0])) or super().rng(*purpose)


class Drawn(random.Random):
    """Draws what is given, in turn and over again; from a single one there is no choice."""

    def __init__(self, given: Sequence[Any]) -> None:
        self._given = itertools.cycle(given)
        super().__init__(1)

    def random(self) -> float:
        return float(next(self._given))

    def choice(self, seq: Any) -> Any:
        if len(seq) == 1:
            return seq[0]
        drawn = next(self._given)
        assert drawn in seq, f"{drawn} is none of {seq}"
        return drawn


class StoppedClock(timing.Timing):
    """A clock that goes on when it is told to, so that nothing depends on how long things take."""

    def __init__(self) -> None:
        super().__init__(speed=1.0)
        self._now = 0.0
        self._due: dict[timing.Timer, tuple[float, str, Callable[[], None]]] = {}

    def elapsed(self) -> float:
        return self._now

    def after(self, seconds: float, action: Callable[[], None], *, what: str) -> timing.Timer:
        timer = timing.Timer(self)
        self._due[timer] = self._now + max(0.0, seconds), what, action
        return timer

    def forget(self, timer: timing.Timer) -> None:
        self._due.pop(timer, None)

    def run(self, seconds: float) -> None:
        """Let so many seconds go by."""
        until = self._now + seconds
        while self._due:
            timer = min(self._due, key=lambda one: self._due[one][0])
            moment, _, action = self._due[timer]
            if moment > until:
                break
            del self._due[timer]
            self._now = moment
            action()
        self._now = until

    def strike(self, what: str) -> None:
        """Do what is due by this name, if anything is, before its time."""
        for timer, (_, name, action) in list(self._due.items()):
            if name == what:
                del self._due[timer]
                action()
                return


@dataclasses.dataclass
class Silence:
    """All that the node controller sees of a kubelet."""

    silent: bool = False
    contact: float = float("-inf")


def tools(
    objects: registry.Registry,
    clock: timing.Timing,
    *,
    pods: index.Index | None = None,
    drawn: Mapping[str, random.Random] = NOBODY,
) -> Chance:
    """What the parts are given; there are no kubelets, so no flannel, which nothing ever asks."""
    return Chance(
        api=objects,
        clock=clock,
        events=events.Recorder(api=objects, clock=clock),
        index=pods or index.Index(objects.store),
        network=network.Network(1, running=lambda _: False),
        seed=1,
        drawn=drawn,
    )


def _everybody(
    given: context.Context, *, scheduler: bool, kubelets: Mapping[str, Silence]
) -> tuple[Any, ...]:
    lifecycle = nodelifecycle.NodeLifecycle(
        given,
        kubelets=cast("Mapping[str, kubelet.Kubelet]", kubelets),
        burden=load.Load(nodes=0),
        pod_network="10.240.0.0/12",
    )
    if kubelets:
        lifecycle.start()
    return (
        lifecycle,
        daemonsets.DaemonSets(given),
        replicasets.ReplicaSets(given),
        deployments.Deployments(given),
        disruption.Disruptions(given),
        *([scheduling.Scheduler(given)] if scheduler else []),
    )


@contextlib.contextmanager
def controllers(
    objects: registry.Registry,
    *,
    speed: float = 4.0,
    clock: timing.Timing | None = None,
    scheduler: bool = True,
    only: Callable[[context.Context], Any] | None = None,
    kubelets: Mapping[str, Silence] = NOBODY,
    drawn: Mapping[str, random.Random] = NOBODY,
) -> Iterator[None]:
    """The controllers and the scheduler of the simulation, or one alone; without any kubelet.

    Args:
        objects: whose.
        speed: seconds of theirs in a real one.
        clock: theirs, instead of one with that speed.
        scheduler: whether there is one.
        only: makes the one that is to be there alone.
        kubelets: whose silence the node controller looks for, by node.
        drawn: what chance draws, by purpose.
    """
    clock = clock or timing.Timing(speed=speed)
    given = tools(objects, clock, drawn=drawn)
    parts = (only(given),) if only else _everybody(given, scheduler=scheduler, kubelets=kubelets)

    def changed(change: store.Change) -> None:
        if change.resource != "events":
            for part in parts:
                part.observe(change)

    unsubscribe = objects.store.subscribe(changed)
    try:
        yield
        assert clock.failures == 0
    finally:
        unsubscribe()
        given.index.unsubscribe()
        clock.close()
