"""What one trouble, or a change of ours, explains of another, so that only the first is told.

Bounded: an explanation covers what follows from it and nothing beyond. A node that is down covers
its own pods, a run covers the workload or the nodes that it touches, while it works and a little
longer, and neither covers an OOM kill or what is critical. When the cause is over, whatever still
stands is told. That an explanation is there says nothing of health: what is muted is still open.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain import muting, plan, run
from bot.domain.finding import Severity
from bot.domain.incident import Incident, State
from bot.domain.snapshot import API_SERVER

GRACE = timedelta(minutes=2)
"""How long after a run its consequences are still its own; a pod takes so long to become ready."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which checks say what.

    `blind` says that something is not seen, `down` that a node is; `of_pods` are explained by
    that node being down, `of_changes` by a rollout or a drain. The names are those of checks.
    """

    blind: str
    down: str
    of_pods: frozenset[str]
    of_changes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cause:
    """What explains other troubles. `name` is what people call it (INC-3, RUN-7).

    `nodes` are those that it covers, `workload` the (namespace, name) of the DaemonSet that it
    restarts. With neither it covers everything of the cluster.
    """

    name: str
    text: str
    checks: frozenset[str]
    nodes: frozenset[str] = frozenset()
    workload: tuple[str, str] | None = None
    everything: bool = False
    since: datetime | None = None
    """Only what began after this follows from it; None for whatever stands."""
    critical: bool = False
    """Whether it also covers what is critical."""
    most: int = 0
    """It explains no more members than this at once; 0 for any number."""


def causes(
    incidents: Iterable[Incident],
    runs: Iterable[tuple[run.Run, plan.Plan]],
    *,
    rules: Rules,
    now: datetime,
    grace: timedelta = GRACE,
) -> tuple[Cause, ...]:
    """Return what explains other things at the moment, the widest first."""
    found: list[Cause] = []
    for each in incidents:
        if each.state is State.RESOLVED:
            continue
        affected = each.affected
        if each.check == rules.blind and any(m.target.name == API_SERVER for m in affected):
            found.insert(0, _unreachable(each))
        if each.check == rules.down and affected:
            found.append(
                Cause(
                    name=each.name,
                    text=f"its node is NotReady ({each.name})",
                    checks=rules.of_pods,
                    nodes=frozenset(m.target.node for m in affected if m.target.node),
                    critical=True,
                )
            )
    for ran, planned in runs:
        over_since = ran.ended_at
        if over_since is not None and now - over_since >= grace:
            continue
        found.extend(_of_run(ran, planned, rules))
    return tuple(found)


def _unreachable(each: Incident) -> Cause:
    return Cause(
        name=each.name,
        text=f"the API server is not seen ({each.name})",
        checks=frozenset(),
        everything=True,
        critical=True,
    )


def _of_run(ran: run.Run, planned: plan.Plan, rules: Rules) -> Iterable[Cause]:
    kinds = {step.kind for step in planned.steps}
    if plan.StepKind.PATCH_DAEMONSET in kinds:
        yield Cause(
            name=ran.name,
            text=f"{ran.name} is rolling it out",
            checks=rules.of_changes,
            workload=(planned.workload.namespace, planned.workload.name),
            since=ran.started_at,
            most=max(planned.at_once, 1),
        )
    emptied = {step.target.node for step in planned.steps if step.target.node}
    if emptied:
        yield Cause(
            name=ran.name,
            text=f"{ran.name} is at work on its node",
            checks=rules.of_changes,
            nodes=frozenset(emptied),
            since=ran.started_at,
        )


def mute(
    value: Incident, found: Collection[Cause], *, never: Collection[str] = ()
) -> muting.Mute | None:
    """Return why an incident follows from one of the causes; None if from none.

    `never` names checks that nothing but an unreachable API server explains.
    """
    for each in found:
        if each.name == value.name:
            continue
        if each.everything or (value.check not in never and _follows(value, each)):
            return muting.Mute(kind=muting.Kind.INHIBIT, text=each.text)
    return None


def _follows(value: Incident, cause: Cause) -> bool:
    if value.check not in cause.checks:
        return False
    if value.severity is Severity.CRITICAL and not cause.critical:
        return False
    if cause.since is not None and (value.detected_at or value.opened_at) < cause.since:
        return False
    if cause.most and len(value.affected) > cause.most:
        return False
    if cause.workload is not None:
        return (value.workload.namespace, value.workload.name) == cause.workload
    affected = value.affected or value.members
    return bool(affected) and all(one.target.node in cause.nodes for one in affected)
