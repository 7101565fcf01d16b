"""A DaemonSet's rollout does not move.

Kubernetes gives a DaemonSet no progress deadline. Says so when the number of pods still to be
replaced has not fallen for `Limits.rollout_stuck`, nor that of unavailable ones at that number:
pods that flap move counters and no rollout. Under OnDelete a person drives the rollout, so only a
template the controller has not read counts. A single look without memory judges by the times of
the newest revision and its newest pod.

Severity: warning. What hangs is told by name: unavailable new pods use up `maxUnavailable`, and so
do nodes that are NotReady and pods that do not terminate.

Source: the DaemonSet controller's update.go and kubectl's rollout_status.go.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.checks.context import Context
from bot.domain import rollout, snapshot, units
from bot.domain.finding import Finding, Severity
from bot.domain.target import Target

NAME = "rollout_stuck"


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each DaemonSet whose rollout stands still."""
    for place, daemonset in context.snapshot.daemonsets.items():
        if not rollout.rolling(daemonset) or not context.snapshot.sees("DaemonSet", *place):
            continue
        moved = _moved_at(context, daemonset)
        if _only_dead_nodes(context, daemonset):
            continue
        if moved is not None and context.lasted(moved, context.limits.rollout_stuck):
            yield _finding(context, daemonset, moved)


def _moved_at(context: Context, daemonset: snapshot.DaemonSet) -> datetime | None:
    """When the rollout last moved, as far as can be told."""
    if not context.limits.one_pass:
        progress = context.progress(daemonset.uid)
        return progress.moved_at if progress else None
    return _by_objects(context, daemonset)


def _only_dead_nodes(context: Context, daemonset: snapshot.DaemonSet) -> bool:
    """Whether all that is left to replace sits on nodes that are NotReady."""
    if daemonset.observed_generation < daemonset.generation:
        return False
    newest = context.revision(daemonset.uid)
    left = [
        one
        for one in context.snapshot.pods_of.get(daemonset.uid, ())
        if one.node in context.nodes_down and not (newest is not None and _has(one, newest))
    ]
    return 0 < daemonset.desired - daemonset.updated <= len(left)


def _by_objects(context: Context, daemonset: snapshot.DaemonSet) -> datetime | None:
    newest = context.revision(daemonset.uid)
    if daemonset.observed_generation < daemonset.generation:
        # Edited just now, or a controller that is dead: one look cannot tell.
        return None
    if newest is None or not context.snapshot.sees("Pod", daemonset.namespace, ""):
        return None
    times = [newest.created_at]
    for pod in context.snapshot.pods_of.get(daemonset.uid, ()):
        if _has(pod, newest):
            times.append(pod.created_at)
        if pod.deleting_since is not None:
            times.append(pod.deleting_since)
    return max(times)


def _has(pod: snapshot.Pod, revision: snapshot.ControllerRevision) -> bool:
    return pod.labels.get("controller-revision-hash", "") == revision.hash


def _finding(context: Context, daemonset: snapshot.DaemonSet, moved: datetime) -> Finding:
    whose = Target(
        cluster=context.cluster,
        kind="DaemonSet",
        namespace=daemonset.namespace,
        name=daemonset.name,
    )
    if daemonset.observed_generation < daemonset.generation:
        summary = f"the controller has not taken up the new template of {daemonset.name}"
        cure = "Look at the controller manager: it does not act on this DaemonSet."
    else:
        summary = (
            f"the rollout of {daemonset.name} stands at {daemonset.updated} of "
            f"{units.count(daemonset.desired, 'pod')}"
        )
        cure = (
            "Look at the pods named: the new template may be wrong (then roll it back), or their "
            "nodes are. Do not change the template again before that, since every unavailable pod "
            "would restart at once."
        )
    return Finding(
        check=NAME,
        severity=Severity.WARNING,
        target=whose,
        workload=whose,
        summary=f"{summary} since {units.stamp(moved)}",
        headline=f"rollout of {daemonset.name} stuck",
        evidence=tuple(_evidence(context, daemonset, moved)),
        cure=cure,
        since=moved,
    )


def _evidence(context: Context, daemonset: snapshot.DaemonSet, moved: datetime) -> Iterator[str]:
    yield (
        f"updatedNumberScheduled={daemonset.updated} of "
        f"desiredNumberScheduled={daemonset.desired}, no progress since {units.stamp(moved)}"
    )
    yield (
        f"generation={daemonset.generation} observedGeneration={daemonset.observed_generation} "
        f"updateStrategy={daemonset.strategy} maxUnavailable={daemonset.max_unavailable}"
    )
    pods = sorted(context.snapshot.pods_of.get(daemonset.uid, ()), key=lambda one: one.name)
    newest = context.revision(daemonset.uid)
    failing = [
        one.name for one in pods if newest is not None and _has(one, newest) and not one.ready
    ]
    ending = [one.name for one in pods if one.deleting_since is not None]
    down = sorted({one.node for one in pods if one.node in context.nodes_down})
    if failing:
        yield f"new pods not available: {units.listing(failing)}"
    if ending:
        yield f"pods that do not end: {units.listing(ending)}"
    if down:
        yield f"nodes NotReady: {units.listing(down)}"
