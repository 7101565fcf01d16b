"""Did it help, and does it do harm: a rollout followed pod by pod, criteria judged over time.

Pure. What is looked at is handed in as `Observed`; what is not seen is neither success nor
failure, and a deadline that passes unseen is inconclusive.
"""

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain import snapshot, units
from bot.domain.plan import Criterion, Effect, Plan, Prediction, Signal
from bot.domain.run import Check
from bot.domain.target import Target

_LOOPS = 2
"""Restarts of a new pod that are a crash loop; one may be a race at its start."""


@dataclass(frozen=True, slots=True)
class NodeLook:
    """What a deep look at one node showed: the NIC flannel uses, and whether its routes are whole.

    None where the look could not tell.
    """

    at: datetime
    nic: str | None = None
    complete: bool | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """One moment of a cluster, as far as success depends on it.

    `since` is when the run began to change things, by the bot's clock; `looks` are newer than
    the pods that they are about, or are left out. `peaks` are bytes by node, of new pods only.
    """

    now: datetime
    since: datetime
    snapshot: snapshot.Snapshot
    looks: Mapping[str, NodeLook] = field(default_factory=dict)
    peaks: Mapping[str, int] = field(default_factory=dict)


class Answer(enum.StrEnum):
    """How one criterion stands at one moment."""

    HOLDS = "holds"
    NOT_YET = "not_yet"
    UNSEEN = "unseen"
    BROKEN = "broken"
    """It can never hold any more."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer and why."""

    answer: Answer
    text: str = ""


def newest_hash(taken: snapshot.Snapshot, uid: str) -> str | None:
    """Return the pod template hash of a DaemonSet's newest revision, None where none is seen."""
    owned = [
        one for one in taken.revisions.values() if one.owner is not None and one.owner.uid == uid
    ]
    newest = max(owned, key=lambda one: one.revision, default=None)
    return newest.hash if newest is not None else None


def is_new(pod: snapshot.Pod, template_hash: str | None) -> bool:
    """Whether a pod runs the newest template."""
    return bool(template_hash) and pod.labels.get("controller-revision-hash") == template_hash


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a DaemonSet's pods are replaced. Names are nodes."""

    desired: int
    ready: tuple[str, ...]
    """With a new pod that is ready."""
    restarting: tuple[str, ...]
    """With a new pod that is not ready yet, or none at all."""
    old: tuple[str, ...]
    crashed: Mapping[str, str] = field(default_factory=dict)
    """New pods that crash, each with what is seen of it."""
    settled: bool = False
    """Whether the controller has seen the change and counts everything as new and available."""

    @property
    def done(self) -> bool:
        """As `kubectl rollout status` decides, and by the pods themselves."""
        return self.settled and not self.restarting and not self.old


def rollout(taken: snapshot.Snapshot, target: Target, *, generation: int = 0) -> Rollout | None:
    """Follow a DaemonSet; None where it cannot be told now.

    `generation` is what the change made of the object: until the mirror shows that one, nothing
    is known of the new template.
    """
    daemonset = taken.daemonsets.get((target.namespace, target.name))
    seen = all(
        taken.sees(kind, target.namespace, name)
        for kind, name in (("DaemonSet", target.name), ("Pod", ""), ("ControllerRevision", ""))
    )
    if daemonset is None or not seen or daemonset.generation < generation:
        return None
    if daemonset.observed_generation < daemonset.generation:
        return Rollout(
            daemonset.desired, (), (), tuple(_nodes(taken.pods_of.get(daemonset.uid, ())))
        )
    template_hash = newest_hash(taken, daemonset.uid)
    if template_hash is None:
        return None
    pods = [pod for pod in taken.pods_of.get(daemonset.uid, ()) if pod.deleting_since is None]
    new = [pod for pod in pods if is_new(pod, template_hash)]
    old = [pod for pod in pods if not is_new(pod, template_hash)]
    ready = {pod.node for pod in new if pod.ready}
    named = set(_nodes(pods))
    between = [
        pod.node
        for pod in taken.pods_of.get(daemonset.uid, ())
        if pod.deleting_since is not None and pod.node not in named
    ]
    return Rollout(
        desired=daemonset.desired,
        ready=tuple(sorted(ready)),
        restarting=tuple(sorted({*_nodes(pod for pod in new if not pod.ready), *between})),
        old=tuple(sorted(_nodes(old))),
        crashed={pod.node: why for pod in new if (why := crash(pod))},
        settled=daemonset.updated >= daemonset.desired and daemonset.available >= daemonset.desired,
    )


def _nodes(pods: Iterable[snapshot.Pod]) -> list[str]:
    return [pod.node for pod in pods if pod.node]


def crash(pod: snapshot.Pod) -> str:
    """Say how a pod fails since it was made; empty while it does not."""
    for container in pod.containers:
        ends = [container.state, container.last_state, *container.trail]
        if any(e is not None and e.reason == "OOMKilled" for e in ends):
            return f"{container.name} was OOM-killed"
        state = container.state
        if state is not None and state.reason == "CrashLoopBackOff":
            return f"{container.name} is in CrashLoopBackOff"
        if container.restart_count >= _LOOPS:
            return f"{container.name} restarted {container.restart_count} times"
    return ""


def off_course(predictions: Mapping[str, Prediction], looks: Mapping[str, NodeLook]) -> list[str]:
    """Name the nodes that did not become what was predicted, each with what is seen instead."""
    found = []
    for node, look in sorted(looks.items()):
        told = predictions.get(node)
        if told is not None and told.effect in (Effect.UNCHANGED, Effect.CHANGES):
            wanted = told.after or told.now
            if look.nic is not None and wanted and look.nic != wanted:
                found.append(f"{node} uses {look.nic or 'no NIC'} and not {wanted}")
    return found


def progress(done: Rollout, *, began: datetime, now: datetime, before: int = 0) -> str:
    """Say how far a rollout is: "87/120 nodes, 2 restarting, about 20 min left"."""
    parts = [f"{len(done.ready)}/{done.desired} nodes"]
    if done.restarting:
        parts.append(f"{len(done.restarting)} restarting")
    gained, left = len(done.ready) - before, done.desired - len(done.ready)
    spent = (now - began).total_seconds()
    if gained >= 2 and left > 0 and spent > 0:
        parts.append(f"about {units.duration(timedelta(seconds=spent / gained * left))} left")
    return ", ".join(parts)


def judge(criterion: Criterion, plan: Plan, seen: Observed) -> Told:
    """Answer one criterion at one moment."""
    match criterion.signal:
        case Signal.ROLLOUT_COMPLETE:
            return _rolled_out(criterion, seen)
        case Signal.NO_NEW_KILL | Signal.NO_NEW_CRASH:
            return _quiet(criterion, seen)
        case Signal.POD_READY:
            return _pod_ready(criterion, plan, seen)
        case Signal.PEAK_BELOW:
            return _peak(criterion, seen)
        case Signal.NIC_AS_PREDICTED:
            return _nics(criterion, plan, seen)
        case Signal.ROUTES_COMPLETE:
            return _routes(criterion, plan, seen)


def _daemonset(criterion: Criterion, seen: Observed) -> snapshot.DaemonSet | None:
    target = criterion.target
    return seen.snapshot.daemonsets.get((target.namespace, target.name))


def _rolled_out(criterion: Criterion, seen: Observed) -> Told:
    done = rollout(seen.snapshot, criterion.target)
    if done is None:
        return Told(Answer.UNSEEN, f"{criterion.target} cannot be seen")
    if done.done:
        return Told(Answer.HOLDS, f"all {done.desired} pods run the new template")
    lacking = [*done.restarting, *done.old]
    return Told(Answer.NOT_YET, f"not replaced or not ready on {units.listing(lacking, most=5)}")


def _quiet(criterion: Criterion, seen: Observed) -> Told:
    daemonset = _daemonset(criterion, seen)
    target = criterion.target
    if daemonset is None or not seen.snapshot.sees("Pod", target.namespace, ""):
        return Told(Answer.UNSEEN, f"the pods of {target} cannot be seen")
    node = target.node
    pods = [
        pod
        for pod in seen.snapshot.pods_of.get(daemonset.uid, ())
        if pod.created_at >= seen.since - timedelta(seconds=5) and node in ("", pod.node)
    ]
    failing = {pod.node: why for pod in pods if (why := crash(pod))}
    if criterion.signal is Signal.NO_NEW_KILL:
        failing = {name: why for name, why in failing.items() if "OOM" in why}
    if failing:
        named = [f"{name}: {why}" for name, why in sorted(failing.items())]
        return Told(Answer.BROKEN, units.listing(named, most=3))
    return Told(Answer.HOLDS, f"{units.count(len(pods), 'new pod')} without a crash")


def _pod_ready(criterion: Criterion, plan: Plan, seen: Observed) -> Told:
    node = criterion.target.node or criterion.target.name
    target = criterion.target
    workload = target if target.kind == "DaemonSet" else plan.workload
    daemonset = seen.snapshot.daemonsets.get((workload.namespace, workload.name))
    if daemonset is None or not seen.snapshot.sees("Pod", workload.namespace, ""):
        return Told(Answer.UNSEEN, f"flannel's pod on {node} cannot be seen")
    own = [pod for pod in seen.snapshot.pods_of.get(daemonset.uid, ()) if pod.node == node]
    if any(pod.ready and pod.deleting_since is None for pod in own):
        return Told(Answer.HOLDS, f"flannel is ready on {node}")
    why = next((text for pod in own if (text := crash(pod))), "it is not ready yet")
    return Told(Answer.NOT_YET, f"flannel on {node}: {why}")


def _peak(criterion: Criterion, seen: Observed) -> Told:
    daemonset = _daemonset(criterion, seen)
    if daemonset is None or not seen.peaks:
        return Told(Answer.UNSEEN, "how much memory the new pods use is not known")
    limits = [one.memory_limit for one in daemonset.template.containers if one.memory_limit]
    if not limits:
        return Told(Answer.HOLDS, "there is no limit")
    node, most = max(seen.peaks.items(), key=lambda one: one[1])
    told = f"at most {units.memory(most)} of {units.memory(limits[0])} used, on {node}"
    if most < criterion.share * limits[0]:
        return Told(Answer.HOLDS, told)
    return Told(Answer.NOT_YET, told)


def concerned(criterion: Criterion, plan: Plan) -> tuple[str, ...]:
    """Return the nodes that have to be looked at for a criterion."""
    if criterion.signal not in (Signal.NIC_AS_PREDICTED, Signal.ROUTES_COMPLETE):
        return ()
    if criterion.target.kind == "Node":
        return (criterion.target.name,)
    return plan.restarts or plan.nodes


def _nics(criterion: Criterion, plan: Plan, seen: Observed) -> Told:
    nodes = concerned(criterion, plan)
    looks = {name: seen.looks[name] for name in nodes if name in seen.looks}
    wrong = off_course({one.node: one for one in plan.predictions}, looks)
    if wrong:
        return Told(Answer.BROKEN, units.listing(wrong, most=3))
    unseen = [name for name in nodes if name not in looks or looks[name].nic is None]
    if unseen:
        return Told(Answer.UNSEEN, f"not seen on {units.listing(unseen, most=5)}")
    return Told(Answer.HOLDS, f"{units.count(len(nodes), 'node')} use the NIC that was predicted")


def _routes(criterion: Criterion, plan: Plan, seen: Observed) -> Told:
    nodes = concerned(criterion, plan)
    lacking = [
        f"{name}: {look.trouble or 'routes are missing'}"
        for name in nodes
        if (look := seen.looks.get(name)) is not None and look.complete is False
    ]
    if lacking:
        return Told(Answer.NOT_YET, units.listing(lacking, most=3))
    unseen = [name for name in nodes if name not in seen.looks or seen.looks[name].complete is None]
    if unseen:
        return Told(Answer.UNSEEN, f"not seen on {units.listing(unseen, most=5)}")
    return Told(Answer.HOLDS, f"routes are whole on {units.count(len(nodes), 'node')}")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one criterion has stood so far. `held_since` is None while it does not hold."""

    criterion: Criterion
    held_since: datetime | None = None
    told: Told = Told(Answer.UNSEEN)

    def met(self, now: datetime) -> bool:
        """Whether it has held for as long as was asked."""
        return self.held_since is not None and now - self.held_since >= self.criterion.stays


def begun(plan: Plan) -> tuple[Standing, ...]:
    """Return where verification starts."""
    return tuple(Standing(one) for one in plan.criteria)


def advance(standings: Sequence[Standing], plan: Plan, seen: Observed) -> tuple[Standing, ...]:
    """Take one more observation into account."""
    after = []
    for one in standings:
        told = judge(one.criterion, plan, seen)
        # Not being seen for a moment does not break what was seen to hold.
        held = one.held_since
        if told.answer is Answer.HOLDS:
            held = held or seen.now
        elif told.answer is not Answer.UNSEEN:
            held = None
        after.append(replace(one, held_since=held, told=told))
    return tuple(after)


@dataclass(frozen=True, slots=True)
class Judged:
    """Where verification stands: `check` is None while it is not decided."""

    check: Check | None
    text: str


def decide(standings: Sequence[Standing], *, began: datetime, now: datetime) -> Judged:
    """Decide, or say what is waited for.

    A criterion that is broken fails at once; one that does not hold by its deadline fails; one
    that was not seen by then is inconclusive. Nothing passes that was not last seen to hold.
    """
    broken = [one for one in standings if one.told.answer is Answer.BROKEN]
    if broken:
        return Judged(Check.FAILED, "; ".join(_named(broken)))
    late = [one for one in standings if not _holds(one, now) and _late(one, began, now)]
    failed = [one for one in late if one.told.answer is not Answer.UNSEEN]
    if failed:
        return Judged(Check.FAILED, "; ".join(_named(failed)))
    if late:
        return Judged(Check.INCONCLUSIVE, "; ".join(_named(late)))
    waiting = [one for one in standings if not _holds(one, now)]
    if waiting:
        return Judged(None, "; ".join(_named(waiting)))
    return Judged(Check.PASSED, "; ".join(_named(standings)))


def _holds(one: Standing, now: datetime) -> bool:
    return one.told.answer is Answer.HOLDS and one.met(now)


def _late(one: Standing, began: datetime, now: datetime) -> bool:
    return now >= began + one.criterion.within + one.criterion.stays


def _named(standings: Collection[Standing]) -> Iterable[str]:
    """Return what they say, alike sentences once."""
    return dict.fromkeys(
        one.told.text or one.criterion.text or one.criterion.signal.value for one in standings
    )
