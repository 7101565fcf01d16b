"""A DaemonSet has fewer available pods than nodes want, and no other finding says why.

Says so when it has been short for `Limits.daemonset_grace`. It leaves out pods that crash-loop or
are not ready, nodes that are NotReady, nodes without a flannel pod, and a DaemonSet whose rollout
is under way: `rollout_stuck` says when that does not move. What remains are nodes on which the
DaemonSet has no pod at all, and counters that no pod explains.

Severity: warning.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.checks import pod_not_ready, shortage
from bot.checks.context import Context
from bot.domain import rollout, snapshot, units
from bot.domain.finding import Finding, Severity
from bot.domain.target import Target

NAME = "daemonset_short"


@dataclass(frozen=True, slots=True)
class _Shortage:
    """How many pods lack without an explanation, and the nodes that have none."""

    lacking: int
    bare: tuple[str, ...]


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each DaemonSet that is short without another finding's reason."""
    for place, daemonset in context.snapshot.daemonsets.items():
        if daemonset.available >= daemonset.desired or rollout.rolling(daemonset):
            continue
        if not context.snapshot.sees("DaemonSet", *place):
            continue
        progress = context.progress(daemonset.uid) or rollout.Progress()
        if not context.remembered(progress.short_since, context.limits.daemonset_grace):
            continue
        blind = context.blind_since("Pod", daemonset.namespace)
        if blind is None:
            blind = context.blind_since("Node", "")
        if blind is not None and not _stood(progress, context, blind):
            continue
        lack = _unexplained(context, daemonset, progress)
        if lack.lacking > 0:
            yield _finding(context, daemonset, progress, lack)


def _stood(progress: rollout.Progress, context: Context, blind: datetime) -> bool:
    """Whether it was short for long enough already when sight of pods or nodes was lost."""
    since = progress.short_since
    return since is not None and since + context.limits.daemonset_grace <= blind


def _unexplained(
    context: Context, daemonset: snapshot.DaemonSet, progress: rollout.Progress
) -> _Shortage:
    pods = context.snapshot.pods_of.get(daemonset.uid, ())
    told = [one for one in pods if not _available(one) and _told(one, context)]
    unscheduled = sum(1 for one in told if not one.node)
    explained = {one.node for one in told if one.node}
    explained.update(one.node for one in pods if one.node in context.nodes_down)
    explained.update(name for name in progress.missing if name in context.nodes_down)
    bare = {name: since for name, since in progress.missing.items() if name not in explained}
    if (daemonset.namespace, daemonset.name) in {
        (one.namespace, one.daemonset) for one in context.flannels
    }:
        # Ready nodes without a flannel pod are `flannel_missing`'s, at once or after its grace.
        explained.update(bare)
        bare = {}
    # A pod that waits to be scheduled is meant for one of the bare nodes, unknown which.
    rest = daemonset.desired - daemonset.available - len(explained) - max(unscheduled, len(bare))
    grace = context.limits.daemonset_grace
    if not shortage.settled(pods, context, grace):
        rest = 0
    lasting = sorted(name for name, since in bare.items() if context.remembered(since, grace))
    if len(bare) <= unscheduled:
        lasting = []
    return _Shortage(lacking=max(0, rest) + len(lasting), bare=tuple(lasting))


def _available(pod: snapshot.Pod) -> bool:
    return pod.ready and pod.deleting_since is None and pod.phase != "Failed"


def _told(pod: snapshot.Pod, context: Context) -> bool:
    """Whether another check speaks of this pod, now or after its grace."""
    if pod.uid in context.looping or pod.node in context.nodes_down:
        return True
    return pod_not_ready.troubled(pod, context)


def _finding(
    context: Context,
    daemonset: snapshot.DaemonSet,
    progress: rollout.Progress,
    lack: _Shortage,
) -> Finding:
    whose = Target(
        cluster=context.cluster,
        kind="DaemonSet",
        namespace=daemonset.namespace,
        name=daemonset.name,
    )
    return Finding(
        check=NAME,
        severity=Severity.WARNING,
        target=whose,
        workload=whose,
        summary=(
            f"{daemonset.name} has {daemonset.available} of "
            f"{units.count(daemonset.desired, 'pod')} available"
        ),
        headline=f"{daemonset.name} short of pods",
        evidence=tuple(_evidence(daemonset, progress, lack)),
        cure=(
            "See why the controller makes no pod there: "
            f"`kubectl -n {daemonset.namespace} describe daemonset {daemonset.name}`."
        ),
        since=progress.short_since,
    )


def _evidence(
    daemonset: snapshot.DaemonSet, progress: rollout.Progress, lack: _Shortage
) -> Iterator[str]:
    yield (
        f"desiredNumberScheduled={daemonset.desired} currentNumberScheduled={daemonset.current} "
        f"numberReady={daemonset.ready} numberAvailable={daemonset.available}"
    )
    yield f"{units.count(lack.lacking, 'pod')} lacking for no reason told elsewhere"
    if lack.bare:
        yield f"no pod on {units.listing(list(lack.bare))}"
    if progress.short_since is not None:
        yield f"short since {units.stamp(progress.short_since)} at the latest"
