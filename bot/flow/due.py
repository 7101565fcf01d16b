"""When to judge again though nothing changes: the next moment at which passing time may tell.

A grace or a hold-down that ends is judged at its end, not at the next round some seconds later.
Naming a moment too many costs a cycle; one that is not named here waits for that round.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot import checks
from bot.domain import ledger, silence, tracking
from bot.domain.incident import Incident, State
from bot.domain.snapshot import Phase, Snapshot


def due(
    taken: Snapshot,
    incidents: Sequence[Incident],
    silences: Iterable[silence.Silence],
    *,
    limits: checks.Limits,
    memory: ledger.Policy,
    policy: tracking.Policy,
) -> datetime | None:
    """Return the first moment after the snapshot's at which a verdict may change by itself.

    Args:
        taken: what is seen.
        incidents: as they stand after it was judged.
        silences: those that are not over.
        limits: the graces.
        memory: for how long a death counts.
        policy: the hold-down.
    """
    moments = (
        *_graces(taken, limits),
        *_deaths(taken, memory),
        *_holds(incidents, policy),
        *_edges(silences),
    )
    return min((moment for moment in moments if moment > taken.taken_at), default=None)


def _graces(taken: Snapshot, limits: checks.Limits) -> Iterator[datetime]:
    for gap in taken.gaps:
        yield gap.since + limits.blind_after
    for node in taken.nodes.values():
        ready = node.condition("Ready")
        if ready is not None and ready.status != "True" and ready.since is not None:
            yield ready.since + limits.node_grace
    for pod in taken.pods.values():
        ready = pod.condition("Ready")
        if ready is None or ready.status != "True":
            since = ready.since if ready is not None else None
            began = pod.created_at if since is None else max(pod.created_at, since)
            yield began + limits.pod_grace
            yield began + limits.daemonset_grace
            yield began + limits.deployment_grace


def _deaths(taken: Snapshot, memory: ledger.Policy) -> Iterator[datetime]:
    """When a container that died has been well for long enough."""
    for pod in taken.pods.values():
        for container in pod.containers:
            last, state = container.last_state, container.state
            if last is None or last.finished_at is None:
                continue
            yield last.finished_at + memory.oom_quiet
            if state is not None and state.phase is Phase.RUNNING and state.started_at is not None:
                yield state.started_at + memory.stable


def _holds(incidents: Sequence[Incident], policy: tracking.Policy) -> Iterator[datetime]:
    for value in incidents:
        if value.state is not State.RESOLVED:
            held = policy.hold(value)
            for member in value.members:
                if member.clear_since is not None:
                    yield member.clear_since + held


def _edges(silences: Iterable[silence.Silence]) -> Iterator[datetime]:
    for one in silences:
        yield one.until
        if one.planned:
            yield one.since
