"""The ledger: every kill counts once, whatever was seen of it and whoever was away."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import death, ledger, story
from bot.domain.snapshot import Container, Gap, Pod, Snapshot
from tests.checks.worlds import (
    LONG_AGO,
    NOW,
    POLICY,
    at,
    container,
    daemonset,
    deployment,
    ended,
    node,
    oom,
    pod,
    running,
    waiting,
    watched,
    world,
)

QUIET = world(pod(), taken=at(-10))


def the_story(book: ledger.Ledger, name: str = "kube-flannel") -> story.Story:
    stories = [told for record, told in book.containers() if record.container == name]
    assert len(stories) == 1
    return stories[0]


def look(*containers: Container, minutes: float = 0, **more: object) -> Snapshot:
    return world(pod("kube-flannel-ds-amd64-a", *containers, **more), taken=at(minutes))


def test_a_container_that_runs_and_never_restarted_has_no_record() -> None:
    assert not list(watched(QUIET).containers())


def test_a_completed_init_container_has_no_record() -> None:
    done = container("install-cni", init=True, state=ended("Completed", 0))
    assert not list(watched(look(done, container())).containers())


@pytest.mark.parametrize("phase", ["state", "state and waiting", "lastState"])
def test_one_kill_is_counted_once_wherever_the_status_shows_it(phase: str) -> None:
    killed = oom(cid="c0")
    seen = {
        "state": [container(state=killed)],
        "state and waiting": [
            container(state=killed),
            container(state=waiting("CrashLoopBackOff"), last=killed),
        ],
        "lastState": [],
    }[phase]
    looks = [look(one, minutes=number * 0.1) for number, one in enumerate(seen)]
    looks.append(look(container(restarts=1, state=running(at(0.3)), last=killed), minutes=0.3))
    told = the_story(watched(QUIET, *looks))
    assert told.kills is not None
    assert told.kills.count == 1
    assert told.unseen == 0


def test_an_init_container_counts_too() -> None:
    killed = container("install-cni", init=True, state=oom())
    told = the_story(watched(QUIET, look(container(), killed)), "install-cni")
    assert told.kills is not None
    assert told.init


@pytest.mark.parametrize(
    ("reason", "code", "verdict"),
    [
        ("OOMKilled", 137, death.Verdict.OOM),
        ("OOMKilled", 143, death.Verdict.STALE_LABEL),
        ("OOMKilled", 0, death.Verdict.STALE_LABEL),
        ("OOMKilled", 1, death.Verdict.STALE_LABEL),
        ("Error", 137, death.Verdict.KILLED),
        ("ContainerStatusUnknown", 137, death.Verdict.KILLED),
        ("Error", 1, death.Verdict.EXITED),
        ("Completed", 0, death.Verdict.EXITED),
        ("", 143, death.Verdict.EXITED),
    ],
)
def test_only_reason_and_exit_code_together_make_an_oom_kill(
    reason: str, code: int, verdict: death.Verdict
) -> None:
    seen = look(container(restarts=1, last=ended(reason, code)))
    told = the_story(watched(QUIET, seen))
    assert told.last_death is not None
    assert told.last_death.verdict is verdict
    assert (told.kills is not None) == (verdict is death.Verdict.OOM)


@pytest.mark.parametrize(("before", "after", "unseen"), [(3, 4, 0), (3, 6, 2), (0, 4, 3)])
def test_a_jump_of_the_count_with_one_death_seen_leaves_the_others_unseen(
    before: int, after: int, unseen: int
) -> None:
    first = look(container(restarts=before, last=ended(finished=at(-600))), minutes=-10)
    second = look(container(restarts=after, state=running(at(-1)), last=oom(at(-1))))
    told = the_story(watched(first if before else QUIET, second))
    assert told.unseen == unseen
    assert told.kills is not None
    assert told.kills.count == 1


def test_a_jump_without_any_death_seen_is_all_unseen() -> None:
    told = the_story(watched(QUIET, look(container(restarts=2))))
    assert (told.unseen, told.observed) == (2, 0)


def test_a_kill_whose_restart_is_not_counted_yet_is_not_taken_for_an_unseen_one() -> None:
    """The kubelet counts a restart when it happens, so the newest death comes before its count."""
    first = look(container(restarts=3, last=ended(finished=at(-600))), minutes=-10)
    dead = look(container(restarts=3, state=oom(at(-2))), minutes=-2)
    again = look(container(restarts=4, state=running(at(-1)), last=oom(at(-2))), minutes=-1)
    told = the_story(watched(first, dead, again))
    assert told.unseen == 0


def test_a_status_that_counts_the_restart_early_invents_no_unseen_kill() -> None:
    dead = look(container(restarts=1, state=waiting("CrashLoopBackOff"), last=oom(at(-2))))
    again = look(container(restarts=1, state=running(at(1)), last=oom(at(-2))), minutes=1)
    assert the_story(watched(QUIET, dead)).unseen == 0
    assert the_story(watched(QUIET, dead, again)).unseen == 0


def test_a_death_that_shows_late_is_no_longer_unseen() -> None:
    bare = look(container(restarts=1))
    full = look(container(restarts=1, last=oom(at(-1))), minutes=0.1)
    told = the_story(watched(QUIET, bare, full))
    assert told.unseen == 0
    assert told.kills is not None


def test_unseen_kills_do_not_vanish_while_a_further_death_awaits_its_restart() -> None:
    looks = [
        look(container(restarts=3, last=oom(at(-5))), minutes=-5),
        look(container(restarts=3, state=waiting("CrashLoopBackOff"), last=ended()), minutes=1),
        look(container(restarts=4, state=running(at(2)), last=ended()), minutes=2),
    ]
    counts = [the_story(watched(QUIET, *looks[:number])).unseen for number in (1, 2, 3)]
    assert counts == [2, 2, 2]


class TestFirstSight:
    def test_an_old_kill_is_history_and_a_recent_one_is_news(self) -> None:
        old = the_story(watched(look(container(restarts=5, last=oom(at(-120))))))
        new = the_story(watched(look(container(restarts=5, last=oom(at(-20))))))
        assert old.kills is None
        assert new.kills is not None

    def test_restarts_before_are_not_called_unseen(self) -> None:
        told = the_story(watched(look(container(restarts=1604, last=ended(finished=at(-1))))))
        assert told.before_watch == 1604
        assert told.unseen == 0

    def test_a_death_that_awaits_its_restart_explains_that_restart(self) -> None:
        dead = look(container(restarts=5, state=waiting("CrashLoopBackOff"), last=ended()))
        back = look(container(restarts=6, state=running(at(2)), last=ended()), minutes=2)
        assert the_story(watched(dead, back)).unseen == 0

    def test_a_namespace_that_comes_into_view_later_has_its_own_first_sight(self) -> None:
        """The bot watched kube-system first; kube-flannel was not listed yet."""
        gap = Gap("pods", "not listed yet", NOW, namespace="kube-flannel")
        first = world(pod(), taken=at(-1), gaps=[gap])
        crashing = pod("f", container(restarts=1604, last=oom(at(-300))), namespace="kube-flannel")
        told = the_story(watched(first, world(pod(), crashing)))
        assert told.before_watch == 1604
        assert told.unseen == 0
        assert told.kills is None

    def test_an_answer_that_comes_after_all_others_is_a_first_sight_too(self) -> None:
        """Pods take longest to be listed; a look before them has watched nothing."""
        listing = Gap("pods", "not listed yet", NOW, namespace="kube-system")
        crashing = look(container(restarts=1604, last=ended(finished=at(-1))), minutes=0.1)
        told = the_story(watched(world(taken=NOW, gaps=[listing]), crashing))
        assert told.before_watch == 1604
        assert told.unseen == 0


class TestDowntime:
    def again(self, book: ledger.Ledger) -> ledger.Ledger:
        """What a restarted bot reads from its store."""
        text = msgspec.json.encode(list(book.records.values()))
        records = msgspec.json.decode(text, type=list[ledger.Record])
        return ledger.Ledger.of(records, seen_until=book.seen_until)

    def test_kills_while_the_bot_was_away_are_counted(self) -> None:
        book = self.again(watched(QUIET))
        seen = look(container(restarts=3, last=oom(at(70))), minutes=90)
        told = the_story(watched(seen, start=book))
        assert told.kills is not None
        assert told.unseen == 2
        assert told.blind_from == QUIET.taken_at

    @pytest.mark.parametrize("namespaces", [["kube-system"], ["kube-system", "kube-flannel"]])
    def test_looks_before_the_pods_are_listed_anew_do_not_shorten_the_absence(
        self, namespaces: list[str]
    ) -> None:
        book = self.again(watched(QUIET))
        listing = [Gap("pods", "not listed yet", at(600), namespace=one) for one in namespaces]
        seen = look(
            container(restarts=2, state=running(at(599)), last=ended(finished=at(599))),
            minutes=600.1,
        )
        told = the_story(watched(world(taken=at(600), gaps=listing), seen, start=book))
        assert told.blind_from == QUIET.taken_at
        assert told.loop is None, "two restarts in ten hours"

    @pytest.mark.parametrize("copied", [False, True])
    def test_sight_that_comes_back_on_pods_that_did_not_change_is_remembered(
        self, copied: bool
    ) -> None:
        other = pod("f", namespace="kube-flannel")
        gap = Gap("pods", "down", at(0), namespace="kube-system")
        hidden = world(pod(), other, taken=at(0), gaps=[gap])
        book = watched(hidden)
        assert book.watched_at("kube-system") is None
        seen = replace(hidden, taken_at=at(1), gaps=())
        if copied:
            seen = replace(seen, pods=dict(seen.pods))
        assert watched(seen, start=book).watched_at("kube-system") == at(1)

    def test_a_namespace_that_is_never_seen_does_not_stop_the_others_clock(self) -> None:
        forbidden = Gap("pods", "403", at(-20), namespace="kube-flannel")
        book = watched(world(pod(), taken=at(-10), gaps=[forbidden]))
        assert book.seen_until == at(-10)

    def test_a_kill_seen_before_the_restart_is_not_counted_again(self) -> None:
        killed = container(restarts=1, last=oom(at(-1), cid="c0"))
        book = watched(QUIET, look(killed))
        update = ledger.observe(self.again(book), look(killed, minutes=1), POLICY)
        assert not update.changed
        kills = the_story(update.ledger).kills
        assert kills is not None
        assert kills.count == 1

    def test_a_pod_created_while_away_began_at_zero(self) -> None:
        book = self.again(watched(QUIET))
        young = look(container(restarts=2, last=oom(at(5))), minutes=9, uid="young", created=at(1))
        told = the_story(watched(young, start=book))
        assert told.unseen == 1
        assert told.blind_from == at(1)

    def test_a_mark_without_records_is_believed(self) -> None:
        """A ledger written by hand: watched until then, nothing noted."""
        book = ledger.Ledger(seen_until=at(-60))
        assert the_story(watched(look(container(restarts=3, last=oom())), start=book)).unseen == 2

    def test_serialised_and_read_again_the_ledger_is_equal(self) -> None:
        book = watched(
            QUIET,
            world(
                pod("a", container(restarts=3, last=oom()), ready_since=at(-5)),
                pod("b", container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended())),
                node("n9"),
                daemonset(desired=3, available=1, updated=2),
                deployment(available=0),
            ),
        )
        assert any(record.progress and record.progress.missing for record in book.records.values())
        assert self.again(book) == book


def test_a_count_that_goes_down_is_unknown_and_begins_anew() -> None:
    high = look(container(restarts=6, last=oom(at(-2))), minutes=-1)
    low = look(container(restarts=0, state=running(at(-1))))
    told = the_story(watched(QUIET, high, low))
    assert told.fall == story.Fall(at=NOW, before=6, after=0)
    assert told.unseen == 0
    more = look(container(restarts=2, last=oom(at(3))), minutes=3)
    assert the_story(watched(QUIET, high, low, more)).unseen == 1


def test_a_new_pod_of_the_same_name_is_another() -> None:
    first = look(container(restarts=6, last=ended(finished=at(-2))), minutes=-1)
    second = look(container(restarts=0), uid="another")
    book = watched(QUIET, first, second)
    assert not list(book.containers())


class TestGone:
    killed = look(container(restarts=1, last=oom(at(-1))))

    def test_a_killed_pod_that_is_deleted_is_remembered_until_it_is_no_finding(self) -> None:
        book = watched(QUIET, self.killed, world(taken=at(1)))
        ((record, told),) = book.containers()
        assert record.gone_at == at(1)
        assert (record.node, record.name) == ("n1", "kube-flannel-ds-amd64-a")
        assert (record.workload_kind, record.workload_name) == (
            "DaemonSet",
            "kube-flannel-ds-amd64",
        )
        assert told.kills is not None
        last = ledger.observe(book, world(taken=at(30)), POLICY)
        assert last.forgotten == (record.key,)
        assert not list(last.ledger.containers())

    def test_a_pod_without_a_kill_is_forgotten_at_once(self) -> None:
        book = watched(QUIET, look(container(restarts=9, last=ended(finished=at(-1)))))
        update = ledger.observe(book, world(taken=at(1)), POLICY)
        assert len(update.forgotten) == 1

    @pytest.mark.parametrize(
        "gap",
        [Gap("*", "down", NOW), Gap("pods", "403", NOW), Gap("pods", "410", NOW, "kube-system")],
    )
    def test_a_pod_that_cannot_be_seen_is_not_gone(self, gap: Gap) -> None:
        book = watched(QUIET, self.killed)
        update = ledger.observe(book, world(taken=at(90), gaps=[gap]), POLICY)
        assert not update.forgotten
        assert not update.changed


class TestLoop:
    def crash(self, number: int, minutes: float) -> Snapshot:
        return look(
            container(
                restarts=number, state=running(at(minutes)), last=ended(finished=at(minutes - 0.1))
            ),
            minutes=minutes,
        )

    def test_two_restarts_within_the_window(self) -> None:
        one = watched(QUIET, self.crash(1, 0))
        assert the_story(one).loop is None
        assert the_story(watched(self.crash(2, 5), start=one)).loop is not None

    def test_two_restarts_further_apart_are_none(self) -> None:
        book = watched(QUIET, self.crash(1, 0), look(container(restarts=1), minutes=20))
        slow = replace(self.crash(2, 30))
        assert the_story(watched(slow, start=book)).loop is None

    def test_a_jump_over_a_long_absence_proves_no_rate(self) -> None:
        seen = look(container(restarts=5, state=running(at(60)), last=ended(finished=at(59))))
        assert the_story(watched(QUIET, replace(seen, taken_at=at(120)))).loop is None

    @pytest.mark.parametrize(("restarts", "loops"), [(2, False), (3, True)])
    def test_back_off_is_believed_from_three_restarts_on(self, restarts: int, loops: bool) -> None:
        state = waiting("CrashLoopBackOff")
        seen = look(container(restarts=restarts, state=state, last=ended()))
        assert (the_story(watched(seen)).loop is not None) == loops

    def test_a_first_look_between_two_tries_sees_the_loop_by_its_times(self) -> None:
        last = ended(started=at(-4), finished=at(-3))
        seen = look(container(restarts=1604, state=running(at(-1)), last=last))
        told = the_story(watched(seen))
        assert told.loop is not None
        assert told.loop.longer

    def test_a_first_look_at_a_loop_that_is_over_sees_none(self) -> None:
        last = ended(started=at(-60), finished=at(-59))
        seen = look(container(restarts=1604, state=running(at(-58)), last=last))
        assert the_story(watched(seen)).loop is None

    def test_it_stays_while_running_between_tries_and_clears_when_stable(self) -> None:
        book = watched(QUIET, self.crash(1, 0), self.crash(2, 5))
        for minutes in (6, 10, 14.9):
            book = watched(look(*self.pod(5).containers, minutes=minutes), start=book)
            assert the_story(book).loop is not None, minutes
        book = watched(look(*self.pod(5).containers, minutes=15), start=book)
        assert the_story(book).loop is None

    def pod(self, started: float) -> Pod:
        return pod("x", container(restarts=2, state=running(at(started)), last=ended()))

    def test_a_longer_back_off_needs_a_longer_proof(self) -> None:
        """Back-off can be configured: 2 x 8 minutes is more than the usual ten."""
        crash = look(
            container(restarts=2, state=running(at(8)), last=ended(started=at(-1), finished=at(0))),
            minutes=8,
        )
        book = watched(QUIET, crash)
        assert the_story(book).longest_backoff == 480
        again = crash.pods
        assert the_story(
            watched(replace(crash, pods=dict(again), taken_at=at(23.9)), start=book)
        ).loop
        book = watched(replace(crash, pods=dict(again), taken_at=at(24)), start=book)
        assert the_story(book).loop is None

    def test_readiness_lost_starts_the_proof_again(self) -> None:
        book = watched(QUIET, self.crash(1, 0), self.crash(2, 5))
        unready = container(restarts=2, state=running(at(5)), last=ended(), ready=False)
        assert the_story(watched(look(unready, minutes=40), start=book)).loop is not None
        ready = look(
            container(restarts=2, state=running(at(5)), last=ended()),
            minutes=41,
            ready_since=at(40),
        )
        assert the_story(watched(ready, start=book)).loop is not None

    def test_it_is_not_cleared_while_the_pod_cannot_be_seen(self) -> None:
        crash = self.crash(2, 5)
        book = watched(QUIET, self.crash(1, 0), crash)
        blind = replace(crash, taken_at=at(60), gaps=(Gap("pods", "down", at(6)),))
        assert the_story(watched(blind, start=book)).loop is not None

    def test_an_outage_of_the_node_is_no_back_off(self) -> None:
        crash = look(
            container(restarts=1, state=running(at(300)), last=ended(finished=at(0))), minutes=300
        )
        assert the_story(watched(QUIET, crash)).longest_backoff == 0


class TestWorkloads:
    def test_all_well_leaves_no_record(self) -> None:
        seen = world(node(), pod(), daemonset(desired=1))
        assert watched(seen).progress("ds-flannel") is None

    def test_being_short_keeps_its_beginning_and_is_forgotten_when_over(self) -> None:
        short = daemonset(desired=2, available=1)
        book = watched(world(short, taken=at(0)), world(short, taken=at(3)))
        progress = book.progress("ds-flannel")
        assert progress is not None
        assert progress.short_since == at(0)
        update = ledger.observe(book, world(daemonset(desired=2), taken=at(4)), POLICY)
        assert update.forgotten == (("ds-flannel", ""),)

    def test_pods_that_flap_are_no_progress(self) -> None:
        looks = [
            world(daemonset(desired=10, updated=4, available=available), taken=at(minute))
            for minute, available in enumerate([9, 9, 8, 9, 8, 9])
        ]
        progress = watched(*looks).progress("ds-flannel")
        assert progress is not None
        assert progress.moved_at == at(0)

    @pytest.mark.parametrize(
        ("desired", "updated", "available"), [(10, 5, 8), (9, 4, 8), (10, 4, 10)]
    )
    def test_coming_nearer_to_the_end_is_progress(
        self, desired: int, updated: int, available: int
    ) -> None:
        first = world(daemonset(desired=10, updated=4, available=9), taken=at(0))
        next_ = daemonset(desired=desired, updated=updated, available=available)
        progress = watched(first, world(next_, taken=at(5))).progress("ds-flannel")
        assert progress is not None
        assert progress.moved_at == at(5)

    def test_nodes_that_join_are_no_progress(self) -> None:
        first = world(daemonset(desired=10, updated=4, available=9), taken=at(0))
        joined = world(daemonset(desired=12, updated=4, available=11), taken=at(5))
        progress = watched(first, joined).progress("ds-flannel")
        assert progress is not None
        assert progress.moved_at == at(0)

    def test_a_new_template_begins_a_new_rollout(self) -> None:
        first = world(daemonset(desired=10, updated=9), taken=at(0))
        second = world(daemonset(desired=10, updated=0, generation=2), taken=at(5))
        progress = watched(first, second).progress("ds-flannel")
        assert progress is not None
        assert (progress.rolling_since, progress.outstanding) == (at(5), 10)

    def test_a_node_without_a_pod_is_remembered_since_when(self) -> None:
        empty = world(node("n1"), node("n2"), pod(node="n1"), daemonset(desired=2), taken=at(0))
        progress = watched(empty, replace(empty, taken_at=at(1))).progress("ds-flannel")
        assert progress is not None
        assert dict(progress.missing) == {"n2": at(0)}

    @pytest.mark.parametrize("resource", ["pods", "nodes", "*"])
    def test_what_a_gap_hides_is_left_as_it_was(self, resource: str) -> None:
        empty = world(node("n1"), node("n2"), pod(node="n1"), daemonset(desired=2), taken=at(0))
        book = watched(empty)
        blind = world(daemonset(desired=2), taken=at(9), gaps=[Gap(resource, "down", at(1))])
        assert watched(blind, start=book).progress("ds-flannel") == book.progress("ds-flannel")

    def test_a_deleted_workload_is_forgotten(self) -> None:
        book = watched(world(deployment(available=0)))
        update = ledger.observe(book, world(taken=at(1)), POLICY)
        assert update.forgotten == (("uid-coredns", ""),)
        hidden = world(taken=at(1), gaps=[Gap("deployments", "403", at(0))])
        assert not ledger.observe(book, hidden, POLICY).forgotten


# --- properties -----------------------------------------------------------------------------

EVENTS = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=900),  # seconds until it happens
        st.sampled_from(["oom", "crash", "restart", "look", "look", "bot restarts", "old look"]),
    ),
    min_size=1,
    max_size=40,
)


class Life:
    """One true container: what it went through, and the status it would show."""

    def __init__(self) -> None:
        self.restarts = 0
        self.number = 0
        self.started = LONG_AGO
        self.dead: tuple[str, int, datetime, str] | None = None
        self.last: tuple[str, int, datetime, str] | None = None
        self.kills = 0
        self.deaths = 0

    def die(self, reason: str, code: int, moment: datetime) -> None:
        if self.dead is None:
            self.dead = (reason, code, moment, f"c{self.number}")
            self.deaths += 1
            self.kills += code == 137

    def restart(self, moment: datetime) -> None:
        if self.dead is not None:
            self.last, self.dead = self.dead, None
            self.restarts += 1
            self.number += 1
            self.started = moment

    def status(self, backing_off: bool) -> Container:
        def terminated(end: tuple[str, int, datetime, str]) -> object:
            return ended(end[0], end[1], finished=end[2], cid=end[3])

        if self.dead is None:
            state, last = running(self.started), self.last and terminated(self.last)
        elif backing_off:
            state, last = waiting("CrashLoopBackOff"), terminated(self.dead)
        else:
            state, last = terminated(self.dead), self.last and terminated(self.last)
        return container(restarts=self.restarts, state=state, last=last)  # type: ignore[arg-type]


@settings(max_examples=300)
@given(events=EVENTS, backing_off=st.booleans())
def test_every_kill_is_counted_once_whatever_was_seen(
    events: list[tuple[int, str]], backing_off: bool
) -> None:
    """Kills, restarts, looks and absences in any order; then the container runs and is seen."""
    policy = replace(POLICY, oom_quiet=timedelta(days=365))
    life, now = Life(), NOW
    book = ledger.observe(ledger.Ledger(), look(life.status(False)), policy).ledger
    counted: list[int] = []
    for delay, what in [*events, (1, "restart"), (1, "look")]:
        now += timedelta(seconds=delay)
        if what == "oom":
            life.die("OOMKilled", 137, now)
        elif what == "crash":
            life.die("Error", 1, now)
        elif what == "restart":
            life.restart(now)
        elif what == "bot restarts":
            text = msgspec.json.encode(list(book.records.values()))
            records = msgspec.json.decode(text, type=list[ledger.Record])
            assert ledger.Ledger.of(records, seen_until=book.seen_until) == book
            book = ledger.Ledger.of(records, seen_until=book.seen_until)
        else:
            seen = replace(look(life.status(backing_off)), taken_at=now)
            update = ledger.observe(book, seen, policy)
            twice = ledger.observe(
                ledger.Ledger.of(update.ledger.records.values(), seen_until=now), seen, policy
            )
            assert not twice.changed
            assert not twice.forgotten
            assert twice.ledger == update.ledger
            book = update.ledger
            told = [told for _, told in book.containers()]
            if told:
                assert told[0].observed + told[0].unseen <= life.deaths, "a death came twice"
                counted.append(told[0].observed + told[0].unseen)
    assert counted == sorted(counted), "something counted was lost"
    stories = [told for _, told in book.containers()]
    if not life.deaths:
        assert not stories
        return
    told = stories[0]
    certain = told.kills.count if told.kills else 0
    assert told.observed + told.unseen == life.deaths
    assert certain <= life.kills <= certain + told.unseen


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(min_value=0, max_value=12), min_size=1, max_size=12),
    codes=st.lists(st.sampled_from([0, 1, 137, 143]), min_size=12, max_size=12),
)
def test_any_sequence_of_counts_is_survived(counts: list[int], codes: list[int]) -> None:
    """Also counts that no kubelet would write: up, down, without any death to show."""
    book = watched(QUIET)
    for number, count in enumerate(counts):
        last = ended("OOMKilled", codes[number], finished=at(number)) if codes[number] else None
        book = watched(look(container(restarts=count, last=last), minutes=number), start=book)
        for _, told in book.containers():
            assert told.unseen >= 0
            assert told.observed + told.unseen >= told.restarts - told.base


def test_a_large_cluster_is_looked_at_in_a_few_tens_of_milliseconds() -> None:
    """25,000 pods of which a tenth restarted; a second look at which one pod changed."""
    pods = {}
    for number in range(25_000):
        name = f"p{number}"
        restarts = 1 if number % 10 == 0 else 0
        one = pod(
            name,
            container(restarts=restarts, last=ended(finished=LONG_AGO) if restarts else None),
            node=f"n{number % 5000}",
        )
        pods["kube-system", name] = one
    first = Snapshot(cluster="prod", taken_at=NOW, pods=pods)
    book = watched(first)
    changed = dict(pods)
    changed["kube-system", "p1"] = pod("p1", container(restarts=1, last=oom()))
    second = replace(first, pods=changed, taken_at=at(1))
    best = 1.0
    for _ in range(5):
        begun = time.process_time()
        update = ledger.observe(book, second, POLICY)
        best = min(best, time.process_time() - begun)
        assert len(update.changed) == 1
    assert best < 0.1
