"""No end of a run is lost between two snapshots."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import ledger, snapshot, story, trail
from bot.domain.snapshot import Container, ContainerState, Phase, Pod

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUNNING = ContainerState(phase=Phase.RUNNING, started_at=START)


def end(number: int, reason: str = "Error", code: int = 1) -> ContainerState:
    return ContainerState(
        phase=Phase.TERMINATED,
        reason=reason,
        exit_code=code,
        finished_at=START + timedelta(seconds=number),
        container_id=f"containerd://{number}",
    )


def pod(
    restarts: int, state: ContainerState, last: ContainerState | None = None, uid: str = "u"
) -> Pod:
    container = Container(
        name="kube-flannel",
        image="flannel",
        ready=False,
        restart_count=restarts,
        state=state,
        last_state=last,
    )
    return Pod(
        uid=uid,
        namespace="kube-system",
        name="flannel-1",
        node="n1",
        phase="Running",
        created_at=START - timedelta(days=1),
        containers=(container,),
    )


def test_a_kill_overwritten_by_the_next_crash_is_carried_on() -> None:
    killed = end(1, "OOMKilled", 137)
    statuses = [
        pod(0, RUNNING),
        pod(0, killed),
        pod(1, RUNNING, killed),
        pod(1, end(2), killed),
        pod(2, ContainerState(phase=Phase.WAITING, reason="CrashLoopBackOff"), end(2)),
    ]
    seen = statuses[0]
    for status in statuses[1:]:
        seen = trail.follow(seen, status)
    assert seen.containers[0].trail == (killed,)


def test_a_pod_that_never_ended_is_the_very_same_object() -> None:
    status = pod(0, RUNNING)
    assert trail.follow(pod(0, RUNNING), status) is status


def test_another_pod_of_the_same_name_carries_nothing() -> None:
    status = pod(0, RUNNING, uid="other")
    assert trail.follow(pod(0, end(1)), status) is status


def test_the_ledger_counts_a_kill_that_no_snapshot_showed() -> None:
    policy = story.Policy()

    def snap(status: Pod, seconds: float) -> snapshot.Snapshot:
        return snapshot.Snapshot(
            cluster="c",
            taken_at=START + timedelta(seconds=seconds),
            pods={(status.namespace, status.name): status},
        )

    first = pod(0, RUNNING)
    update = ledger.observe(ledger.Ledger(), snap(first, 0), policy)
    killed = end(1, "OOMKilled", 137)
    last = trail.follow(first, pod(0, killed))
    last = trail.follow(last, pod(1, end(2), killed))
    last = trail.follow(
        last, pod(2, ContainerState(phase=Phase.WAITING, reason="CrashLoopBackOff"), end(2))
    )
    update = ledger.observe(update.ledger, snap(last, 3), policy)
    ((_, told),) = list(update.ledger.containers())
    assert told.kills is not None
    assert told.kills.count == 1
    assert told.unseen == 0


def test_a_kill_that_a_pod_took_along_when_it_went_counts_once() -> None:
    policy = story.Policy(oom_quiet=timedelta(minutes=5))
    killed = pod(1, RUNNING, end(1, "OOMKilled", 137))
    stopped = replace(pod(0, end(2, "Error", 143)), uid="other", name="other")

    def snap(seconds: float, *here: Pod, gone: tuple[Pod, ...] = ()) -> snapshot.Snapshot:
        return snapshot.Snapshot(
            cluster="c",
            taken_at=START + timedelta(seconds=seconds),
            pods={(one.namespace, one.name): one for one in here},
            departed=gone,
        )

    book = ledger.observe(ledger.Ledger(), snap(0, pod(0, RUNNING)), policy).ledger
    gone = (stopped, killed)
    first = ledger.observe(book, snap(3, gone=gone), policy)
    ((record, told),) = list(first.ledger.containers())
    assert (record.uid, record.gone_at) == (killed.uid, START + timedelta(seconds=3))
    assert told.kills is not None
    assert told.kills.count == 1
    assert not ledger.observe(first.ledger, snap(4, gone=gone), policy).changed
    late = ledger.observe(first.ledger, snap(304, gone=(*gone, stopped)), policy)
    assert not list(late.ledger.containers()), "no news any more, and not found anew"
    after = ledger.observe(late.ledger, snap(305, gone=gone), policy)
    assert not list(after.ledger.containers())


def test_a_pod_that_is_there_is_not_taken_for_gone() -> None:
    killed = pod(1, RUNNING, end(1, "OOMKilled", 137))
    seen = snapshot.Snapshot(
        cluster="c",
        taken_at=START,
        pods={(killed.namespace, killed.name): killed},
        departed=(pod(0, end(1, "OOMKilled", 137)),),
    )
    ((record, _),) = list(ledger.observe(ledger.Ledger(), seen, story.Policy()).ledger.containers())
    assert record.gone_at is None


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12))
def test_every_end_told_by_any_status_is_told_by_the_last_up_to_the_limit(
    skipped: list[int],
) -> None:
    """Ends come one by one; only every so many statuses reach us, each telling two."""
    number = 0
    told: list[str] = []
    seen: Pod | None = None
    for step in skipped:
        number += step
        status = pod(number, RUNNING, end(number))
        told.append(f"containerd://{number}")
        seen = trail.follow(seen, status)
    assert seen is not None
    container = seen.containers[0]
    last = container.last_state
    assert last is not None
    assert [state.container_id for state in (*container.trail, last)] == told[-trail.KEPT - 1 :]
    again = trail.follow(seen, pod(number, RUNNING, end(number)))
    assert again == seen
    assert replace(again.containers[0], trail=()) == replace(container, trail=())
