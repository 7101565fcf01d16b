"""A container dies again and again.

Says so when the restart count rose by two within `Policy.window`, or when CrashLoopBackOff is
seen at three restarts or more. It judges counters, not the moment: between two tries the
container runs and looks well. It is over only when the container has run and been ready for
`Policy.stable`, or twice the longest back-off seen. A flapping pod is thus one lasting finding;
a rolling update is none, since new pods begin at zero, and neither is a single restart.

For flannel it names the cause that its log tells, where the log was read since the loop began.

Severity: critical for flannel and for what the cluster cannot do without (control plane, DNS,
kube-proxy), else warning.

Source: the kubelet's back-off doubles to a ceiling that is configurable since Kubernetes 1.32
(KEP-5593), so no delay is taken for granted.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from bot.checks import deaths, remedies, standing
from bot.checks.context import Context
from bot.domain import death, snapshot, story, units
from bot.domain.finding import Finding
from bot.domain.ledger import Record
from bot.flannel import logs

NAME = "crash_loop"


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each pod with a container that loops."""
    groups: dict[tuple[str, str], list[tuple[Record, story.Story, story.Loop]]] = {}
    for record, told in context.ledger.containers():
        if told.loop is None or record.gone_at is not None:
            continue
        place = (record.namespace, record.name)
        pod = context.snapshot.pods.get(place)
        if pod is None or pod.uid != record.uid or pod.deleting_since is not None:
            continue
        if context.snapshot.sees("Pod", *place):
            groups.setdefault(place, []).append((record, told, told.loop))
    for place, group in groups.items():
        yield _finding(context, context.snapshot.pods[place], group)


def _finding(
    context: Context,
    pod: snapshot.Pod,
    group: list[tuple[Record, story.Story, story.Loop]],
) -> Finding:
    group = sorted(group, key=lambda one: (-_restarts(one[1], one[2]), one[0].container))
    record, told, loop = group[0]
    owner = context.owner(pod)
    flannel = context.flannel(owner)
    where = f" on {pod.node}" if pod.node else ""
    since = min(one.since for _, _, one in group)
    began = ", begun before I watched" if loop.longer else f" since {units.stamp(loop.since)}"
    times = units.count(_restarts(told, loop), "restart")
    exit_ = _exit(told)
    mine = flannel is not None and flannel.container == record.container
    log = _log(context, pod, told) if mine else None
    said = [f"by its log: {log.final.cause}"] if log and log.final else []
    return Finding(
        check=NAME,
        severity=standing.when_broken(owner, context),
        target=context.place(pod),
        workload=owner,
        summary=f"{record.container} is crash-looping{where}: {times}{began}{exit_}",
        headline=f"{record.container} crash-looping",
        evidence=(
            *(line for one in group for line in _evidence(*one, alone=len(group) == 1)),
            *said,
        ),
        cure=remedies.end_loop(
            context, owner, record.container, told, flannel if mine else None, log=log
        ),
        since=since,
        happened_at=_newest(told),
        occurrences=sum(_restarts(one, its) for _, one, its in group),
        container=record.container,
    )


def _log(context: Context, pod: snapshot.Pod, told: story.Story) -> logs.Log | None:
    """What flannel's log said when its node was last looked at, if it was this loop's log."""
    seen = context.inspections.get(pod.node)
    if seen is None or seen.log is None or told.loop is None:
        return None
    return seen.log if seen.taken_at >= max(told.loop.since, pod.created_at) else None


def _restarts(told: story.Story, loop: story.Loop) -> int:
    return max(1, told.restarts - loop.restarts_before)


def _exit(told: story.Story) -> str:
    last = told.last_death
    if last is None:
        return ""
    why = last.reason or "no reason"
    if last.verdict is death.Verdict.STALE_LABEL:
        # A headline is read without the evidence below it: it must not call this an OOM kill.
        why = f"wrongly labelled {why}"
    return f", last exit code {last.exit_code} ({why})"


def _newest(told: story.Story) -> datetime | None:
    last = told.last_death
    return None if last is None else last.finished_at or last.noticed_at


def _evidence(record: Record, told: story.Story, loop: story.Loop, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"container {record.container}, {units.count(_restarts(told, loop), 'restart')}:"
    if told.last_death is not None:
        yield deaths.fields(told.last_death)
        if deaths.clarified(told.last_death):
            yield deaths.clarified(told.last_death)
    yield from deaths.counted(
        told,
        restarts=told.base,
        observed=units.count(told.observed, "end"),
        unseen=told.unseen,
    )
    if told.longest_backoff:
        longest = units.duration(timedelta(seconds=told.longest_backoff))
        yield f"longest back-off seen {longest}"
