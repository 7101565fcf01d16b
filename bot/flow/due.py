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


def by_sight(taken: Snapshot, *, limits: checks.Limits, memory: ledger.Policy) -> datetime | None:
    """Return the first moment after the snapshot's at which what is seen may mean something else.

    Of many pods that takes long, so it belongs beside the judging, in its thread.

    Args:
        taken: what is seen.
        limits: the graces.
        memory: for how long a death counts.
    """
    return _first((*_graces(taken, limits), *_deaths(taken, memory)), after=taken.taken_at)


def by_story(
    incidents: Sequence[Incident],
    silences: Iterable[silence.Silence],
    *,
    policy: tracking.Policy,
    after: datetime,
) -> datetime | None:
    """Return the first moment after that one at which an incident or a silence may change.

    Args:
        incidents: as they stand after the judgement.
        silences: those that are not over.
        policy: the hold-down.
        after: the snapshot's moment.
    """
    return _first((*_holds(incidents, policy), *_edges(silences)), after=after)


def _first(moments: Iterable[datetime], *, after: datetime) -> datetime | None:
    return min((moment for moment in moments if moment > after), default=None)


def _graces(taken: Snapshot, limits: checks.Limits) -> Iterator[datetime]:
    for gap in taken.gaps:
        yield gap.since + limits.blind_after
    for node in taken.nodes.values():
        ready = None if node.ready else node.condition("Ready")
        if ready is not None and ready.since is not None:
            yield ready.since + limits.node_grace
    for pod in taken.pods.values():
        if not pod.ready:
            ready = pod.condition("Ready")
            since = ready.since if ready is not None else None
            began = pod.created_at if since is None else max(pod.created_at, since)
            yield began + limits.pod_grace
            yield began + limits.daemonset_grace
            yield began + limits.deployment_grace


def _deaths(taken: Snapshot, memory: ledger.Policy) -> Iterator[datetime]:
    """When a container that died has been well for long enough."""
    for pod in taken.pods.values():
        if pod.calm:
            continue
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
