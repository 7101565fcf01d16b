"""A container was killed because its memory reached its limit.

Says so only where it is certain: reason OOMKilled and exit code 137, in `state` or `lastState`,
init containers included. reason OOMKilled with another exit code is a label left over from an
earlier kill, and 137 with another reason is any SIGKILL: neither is called an OOM kill. Kills
that nobody saw show as restarts that no death explains, and are told as such beside a kill that
was seen. A kill stays a finding for `Policy.oom_quiet` after it was noticed, also when its pod is
gone by then.

Severity: warning, since the container comes back by itself. flannel: critical once it hits three
nodes or 5 % of its nodes, because every restart chooses the NIC anew and the next choice may be
wrong. The spread is counted over all flannel DaemonSets, as old versions have one an architecture.

Source: pod status as the kubelet writes it; kubernetes/kubernetes#140718 for the stale label.
"""

from collections.abc import Iterable, Iterator

from bot.checks import deaths, remedies
from bot.checks.context import Context
from bot.domain import death, story, target, units
from bot.domain.finding import Finding, Severity
from bot.domain.ledger import Record
from bot.flannel import discovery

NAME = "oom_killed"

_MANY_NODES = 3
_MANY_SHARE = 0.05


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each pod with OOM kills that are still news."""
    killed: dict[tuple[str, str], list[tuple[Record, story.Story, story.Kills]]] = {}
    for record, told in context.ledger.containers():
        kills = told.kills
        if kills is None:
            continue
        # While it loops it is not known to live again within its memory.
        if told.loop is None and story.over(told, now=context.now, policy=context.policy):
            continue
        if context.snapshot.sees("Pod", record.namespace, record.name):
            place = (record.namespace, record.name)
            killed.setdefault(place, []).append((record, told, kills))
    wide = _wide(context, [record for group in killed.values() for record, _, _ in group])
    for group in killed.values():
        yield _finding(context, group, wide=wide)


def _wide(context: Context, records: list[Record]) -> bool:
    """Whether flannel is hit on so many nodes that it is more than a few nodes' trouble."""
    nodes = {
        record.node or record.name for record in records if _flannel(context, record) is not None
    }
    served = len({node for flannel in context.flannels for node in flannel.serves})
    return len(nodes) >= _MANY_NODES or (served > 0 and len(nodes) >= _MANY_SHARE * served)


def _flannel(context: Context, record: Record) -> discovery.Flannel | None:
    """Return flannel if the record is of flannel's own container."""
    flannel = context.flannel(_workload(context, record))
    return flannel if flannel is not None and flannel.container == record.container else None


def _workload(context: Context, record: Record) -> target.Target:
    return target.Target(
        cluster=context.cluster,
        kind=record.workload_kind,
        namespace=record.namespace,
        name=record.workload_name,
    )


def _finding(
    context: Context, group: list[tuple[Record, story.Story, story.Kills]], *, wide: bool
) -> Finding:
    # Several containers of one pod, or a static pod and the one it replaced under the same name:
    # one target, told by its newest kill.
    group = sorted(group, key=lambda one: (one[2].newest_at, one[0].key), reverse=True)
    record, told, kills = group[0]
    flannel = _flannel(context, record)
    count = sum(one.count for _, _, one in group)
    where = f" on {record.node}" if record.node else ""
    often = "" if count == 1 else f" {count} times"
    limit = f" (memory limit {units.memory(told.memory_limit)})" if told.memory_limit else ""
    critical = flannel is not None and wide
    return Finding(
        check=NAME,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        target=target.Target(
            cluster=context.cluster,
            kind="Pod",
            namespace=record.namespace,
            name=record.name,
            node=record.node,
        ),
        workload=_workload(context, record),
        summary=f"{record.container} was OOM-killed{often}{where}{limit}",
        headline=f"{record.container} OOM-killed",
        evidence=tuple(line for one in group for line in _evidence(*one, alone=len(group) == 1)),
        cure=remedies.more_memory(
            context, _workload(context, record), record.container, told, flannel
        ),
        since=min(one.first_at for _, _, one in group),
        happened_at=kills.newest_at,
        occurrences=count,
        container=record.container,
    )


def _evidence(
    record: Record, told: story.Story, kills: story.Kills, *, alone: bool
) -> Iterator[str]:
    if not alone:
        yield f"container {record.container} of pod uid {record.uid}:"
    newest = [one for one in told.deaths if one.verdict is death.Verdict.OOM]
    if newest:
        yield deaths.fields(newest[-1])
    yield from deaths.counted(
        told,
        restarts=kills.restarts_before,
        observed=_observed(kills, told.observed - kills.deaths_before),
        unseen=told.unseen - kills.unseen_before,
    )
    if told.last_death is not None and told.last_death.verdict is not death.Verdict.OOM:
        yield f"ended since by another cause: {deaths.fields(told.last_death)}"
        if deaths.clarified(told.last_death):
            yield deaths.clarified(told.last_death)
    yield f"memory limit {units.memory(told.memory_limit)}"
    if record.gone_at is not None:
        yield f"the pod is gone since {units.stamp(record.gone_at)}"


def _observed(kills: story.Kills, ends: int) -> str:
    told = units.count(kills.count, "kill")
    others = ends - kills.count
    return f"{told} and {units.count(others, 'other end')}" if others > 0 else told
