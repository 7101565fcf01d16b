"""One thing after the other, and not while something else burns."""

from collections.abc import Iterator

from bot.domain import units
from bot.domain.finding import Severity
from bot.domain.guard import Verdict, allowed, denied
from bot.domain.incident import State
from bot.domain.plan import StepKind
from bot.guards.situation import Other, Situation


def one_at_a_time(given: Situation) -> Iterator[Verdict]:
    """No other run on the same workload or node, and no more drains than allowed."""
    if given.others is None:
        yield denied("one_at_a_time", "whether another run is at work cannot be told now")
        return
    running = [o for o in given.others if o.ended_at is None and o.name != given.own_run]
    touching = [other for other in running if _meets(given, other)]
    if touching:
        names = ", ".join(other.name for other in touching)
        yield denied("one_at_a_time", f"{names} is at work on the same object", "wait for its end")
        return
    drains = [other for other in running if other.drains]
    if _drains(given) and len(drains) >= given.limits.drains_at_once:
        names = ", ".join(other.name for other in drains)
        yield denied("one_at_a_time", f"{names} is draining already", "wait for its end")
        return
    yield allowed("one_at_a_time", "no other run is at work here")


def cooldown(given: Situation) -> Iterator[Verdict]:
    """Some quiet after the last run on the same object, so that its effect can be seen."""
    if given.others is None:
        yield denied("cooldown", "when the last run ended cannot be told now")
        return
    for other in given.others:
        if other.ended_at is None or other.name == given.own_run or not _meets(given, other):
            continue
        left = other.ended_at + given.limits.cooldown - given.now
        if left.total_seconds() > 0:
            yield denied(
                "cooldown",
                f"{other.name} ended {units.duration(given.now - other.ended_at)} ago: its effect "
                "has to be seen first",
                f"wait {units.duration(left)}",
            )
            return
    yield allowed("cooldown", "nothing was changed here lately")


def other_trouble(given: Situation) -> Iterator[Verdict]:
    """No critical incident elsewhere in the cluster: one fire at a time."""
    if given.incidents is None:
        yield denied("other_trouble", "whether there is other trouble cannot be told now")
        return
    # A plan for one node is bound to flannel's DaemonSet too: flannel's trouble is not elsewhere.
    own = {given.plan.workload.key, *(one.target.key for one in given.plan.bindings)}
    elsewhere = [
        incident
        for incident in given.incidents
        if incident.severity is Severity.CRITICAL
        and incident.state is not State.RESOLVED
        and incident.cluster == given.plan.cluster
        and incident.id != given.plan.incident
        and incident.workload.key not in own
        and not _explained(given, {m.target.node for m in incident.affected})
    ]
    if elsewhere:
        names = units.listing([f"{one.name} ({one.title})" for one in elsewhere], most=2)
        yield denied("other_trouble", f"there is critical trouble elsewhere: {names}")
    else:
        yield allowed("other_trouble", "no critical trouble elsewhere")


def _explained(given: Situation, nodes: set[str]) -> bool:
    """Whether that trouble is on nodes only that this very plan is to heal."""
    return bool(nodes) and "" not in nodes and nodes <= set(given.plan.nodes)


def _meets(given: Situation, other: Other) -> bool:
    if other.workload.cluster != given.plan.cluster:
        return False
    same = other.workload.key == given.plan.workload.key
    return same or bool(set(other.nodes) & set(given.plan.nodes))


def _drains(given: Situation) -> bool:
    return any(step.kind is StepKind.CORDON for step in given.plan.steps)
