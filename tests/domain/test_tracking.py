"""How findings meet incidents: joined, kept, resolved only on evidence."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import incident, notice, snapshot, tracking
from bot.domain.finding import Finding, Severity
from bot.domain.target import Target

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
POLICY = tracking.Policy(resolve_after=timedelta(minutes=3), reopen_within=timedelta(minutes=15))
WORKLOAD = Target(cluster="c", kind="DaemonSet", namespace="kube-system", name="flannel")
READY = (snapshot.Condition(type="Ready", status="True"),)
SILENT = (snapshot.Condition(type="Ready", status="Unknown"),)


def node(name: str, conditions: tuple[snapshot.Condition, ...] = READY) -> snapshot.Node:
    return snapshot.Node(uid=name, name=name, created_at=START, conditions=conditions)


def pod(number: int) -> snapshot.Pod:
    return snapshot.Pod(
        uid=f"uid-{number}",
        namespace="kube-system",
        name=f"flannel-{number}",
        node=f"n{number}",
        phase="Running",
        created_at=START,
        containers=(),
    )


def taken(
    minutes: float,
    *,
    gaps: tuple[snapshot.Gap, ...] = (),
    silent: Sequence[int] = (),
    pods: Sequence[int] = range(10),
) -> snapshot.Snapshot:
    return snapshot.Snapshot(
        cluster="c",
        taken_at=START + timedelta(minutes=minutes),
        nodes={f"n{i}": node(f"n{i}", SILENT if i in silent else READY) for i in range(10)},
        pods={("kube-system", f"flannel-{i}"): pod(i) for i in pods},
        gaps=gaps,
    )


def found(number: int, severity: Severity = Severity.WARNING, **changes: object) -> Finding:
    finding = Finding(
        check="oom_killed",
        severity=severity,
        target=Target("c", "Pod", "kube-system", f"flannel-{number}", f"n{number}"),
        workload=WORKLOAD,
        summary="OOM-killed",
        headline="flannel OOM-killed",
        happened_at=START,
    )
    return replace(finding, **changes)  # type: ignore[arg-type]


class World:
    """Keeps incidents between cycles, as the store does."""

    def __init__(self) -> None:
        self.incidents: dict[int, incident.Incident] = {}
        self.judged: set[str] = {"oom_killed"}
        self.looked: dict[str, Collection[str]] = {}

    def cycle(self, findings: Sequence[Finding], snap: snapshot.Snapshot) -> list[notice.Notice]:
        notices = tracking.reconcile(
            findings,
            list(self.incidents.values()),
            snap,
            judged=self.judged,
            looked=self.looked,
            policy=POLICY,
        )
        stored = []
        for told in notices:
            value = told.incident
            if value.id == 0:
                value = replace(value, id=len(self.incidents) + 1)
            self.incidents[value.id] = value
            stored.append(replace(told, incident=value))
        return stored

    @property
    def only(self) -> incident.Incident:
        (value,) = self.incidents.values()
        return value


def reasons(notices: list[notice.Notice]) -> list[str]:
    return [told.reason.value for told in notices]


def test_findings_of_one_workload_are_one_incident_with_members() -> None:
    world = World()
    (told,) = world.cycle([found(1), found(2), found(3)], taken(0))
    assert told.reason is notice.Reason.OPENED
    assert told.calls
    assert [member.name for member in told.incident.members] == ["n1", "n2", "n3"]


def test_a_finding_that_lasts_is_told_once_and_costs_no_write() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    assert world.cycle([found(1)], taken(1)) == []
    assert world.cycle([found(1)], taken(60)) == []


def test_another_member_is_an_edit_and_a_doubled_spread_calls_again() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    (told,) = world.cycle([found(1), found(2)], taken(1))
    assert (told.reason, told.calls) == (notice.Reason.CHANGED, False)
    assert "n2" in told.text
    (told,) = world.cycle([found(i) for i in (1, 2, 3, 4)], taken(2))
    assert (told.reason, told.calls) == (notice.Reason.SPREAD_GREW, True)
    assert told.text == "spread from 1 to 4: flannel OOM-killed on 4 nodes"


def test_a_worse_severity_calls_again_and_never_becomes_milder_while_open() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    (told,) = world.cycle([found(1, Severity.CRITICAL)], taken(1))
    assert (told.reason, told.calls) == (notice.Reason.SEVERITY_ROSE, True)
    world.cycle([found(1, Severity.WARNING)], taken(2))
    assert world.only.severity is Severity.CRITICAL


def test_resolves_only_after_the_hold_down_of_being_seen_well() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    assert reasons(world.cycle([], taken(1))) == ["changed"]
    assert world.cycle([], taken(3.9)) == []
    (told,) = world.cycle([], taken(4))
    assert told.reason is notice.Reason.RESOLVED
    assert world.only.state is incident.State.RESOLVED
    assert [member.name for member in world.only.recovered] == ["n1"]


def test_a_flapping_member_starts_the_hold_down_anew_and_stays_one_incident() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    for minute in range(1, 30):
        world.cycle([found(1)] if minute % 2 else [], taken(minute))
    assert len(world.incidents) == 1
    assert world.only.state is incident.State.OPEN


def test_a_gap_neither_opens_nor_resolves() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    blind = snapshot.Gap(resource="pods", namespace="kube-system", reason="403", since=START)
    for minute in range(1, 60):
        world.cycle([], taken(minute, gaps=(blind,)))
    assert world.only.state is incident.State.OPEN
    assert world.only.unseen


@pytest.mark.parametrize("what", ["pods in kube-system", snapshot.API_SERVER])
def test_blindness_that_a_new_process_has_not_outlasted_yet_is_not_over(what: str) -> None:
    world = World()
    world.judged = {"blind_spot"}
    whole = Target("c", "Cluster", "", "c")
    blind = replace(
        found(0),
        check="blind_spot",
        workload=whole,
        target=replace(whole, name=what),
    )
    world.cycle([blind], taken(0))
    anew = [
        snapshot.Gap(kind, "not listed yet", START, namespace="kube-system")
        for kind in ("pods", "daemonsets", "deployments")
    ]
    for minute in range(1, 10):
        world.cycle([], taken(minute, gaps=tuple(anew)))
    assert world.only.state is incident.State.OPEN
    world.cycle([], taken(10))
    world.cycle([], taken(13))
    assert world.only.state is incident.State.RESOLVED


def test_the_hold_down_counts_only_time_in_which_the_member_was_seen() -> None:
    world = World()
    blind = snapshot.Gap(resource="pods", reason="timeout", since=START)
    world.cycle([found(1)], taken(0))
    world.cycle([], taken(1))
    world.cycle([], taken(2, gaps=(blind,)))
    assert world.cycle([], taken(4.5)) != []
    assert world.only.state is incident.State.OPEN
    world.cycle([], taken(7.5))
    assert world.only.state is incident.State.RESOLVED


def test_a_pod_on_a_silent_node_is_not_known_to_be_well() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    for minute in range(1, 60):
        world.cycle([], taken(minute, silent=[1]))
    assert world.only.state is incident.State.OPEN


def test_a_pod_that_is_gone_is_well_even_if_its_node_is_silent() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    gone = [number for number in range(10) if number != 1]
    world.cycle([], taken(1, silent=[1], pods=gone))
    world.cycle([], taken(5, silent=[1], pods=gone))
    assert world.only.state is incident.State.RESOLVED


def test_a_check_that_failed_leaves_its_incidents_as_they_are() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    world.judged = set()
    for minute in range(1, 30):
        assert world.cycle([], taken(minute)) == []
    assert world.only.state is incident.State.OPEN


def test_back_within_the_reopening_time_it_is_the_same_incident_and_calls() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    world.cycle([], taken(1))
    world.cycle([], taken(4))
    (told,) = world.cycle([found(2)], taken(10))
    assert (told.reason, told.calls) == (notice.Reason.REOPENED, True)
    assert world.only.reopened == 1
    assert [member.name for member in world.only.affected] == ["n2"]


def test_what_comes_back_milder_is_as_bad_as_it_is_now() -> None:
    world = World()
    world.cycle([found(1, Severity.CRITICAL)], taken(0))
    world.cycle([], taken(1))
    world.cycle([], taken(4))
    world.cycle([found(1, Severity.WARNING)], taken(10))
    assert world.only.severity is Severity.WARNING
    (told,) = world.cycle([found(1, Severity.CRITICAL)], taken(11))
    assert told.reason is notice.Reason.SEVERITY_ROSE


def test_one_member_recovers_while_others_stay() -> None:
    world = World()
    world.cycle([found(1), found(2)], taken(0))
    world.cycle([found(2)], taken(1))
    world.cycle([found(2)], taken(4))
    assert [member.name for member in world.only.members] == ["n2"]
    assert [member.name for member in world.only.recovered] == ["n1"]
    (told,) = world.cycle([found(1), found(2)], taken(5))
    assert world.only.recovered == ()
    assert told.reason is notice.Reason.CHANGED


def test_different_workloads_and_checks_are_different_incidents() -> None:
    world = World()
    other = Target("c", "DaemonSet", "kube-system", "kube-proxy")
    world.cycle([found(1), found(2, workload=other), found(3, check="crash_loop")], taken(0))
    assert len(world.incidents) == 3


STEP = st.tuples(
    st.sets(st.integers(0, 9)),
    st.sampled_from(["seen", "blind", "silent"]),
    st.floats(0.1, 6),
)


@settings(max_examples=200)
@given(st.lists(STEP, max_size=25))
def test_whatever_happens_no_member_recovers_unseen_and_nothing_is_told_twice(
    steps: list[tuple[set[int], str, float]],
) -> None:
    world = World()
    minute = 0.0
    well_since: dict[int, float] = {}
    for affected, sight, passed in steps:
        minute += passed
        gaps = (snapshot.Gap(resource="pods", reason="x", since=START),) if sight == "blind" else ()
        silent = range(10) if sight == "silent" else ()
        findings = [found(number) for number in sorted(affected)] if sight == "seen" else []
        for number in range(10):
            if sight != "seen" or number in affected:
                well_since.pop(number, None)
            else:
                well_since.setdefault(number, minute)
        open_before = [
            value for value in world.incidents.values() if value.state is incident.State.OPEN
        ]
        notices = world.cycle(findings, taken(minute, gaps=gaps, silent=silent))
        assert len(notices) <= 1
        for told in notices:
            if told.reason is notice.Reason.RESOLVED:
                assert sight == "seen"
                for member in told.incident.recovered:
                    number = int(member.name[1:])
                    if number in well_since and member in open_before[0].members:
                        assert minute - well_since[number] >= 3 - 1e-6
        assert (
            sum(value.state is not incident.State.RESOLVED for value in world.incidents.values())
            <= 1
        )
        for value in world.incidents.values():
            if value.state is incident.State.OPEN and sight == "seen":
                assert {m.name for m in value.affected} == {f"n{i}" for i in affected}
        # The same once more says nothing new.
        assert world.cycle(findings, taken(minute, gaps=gaps, silent=silent)) == []


# What is only information, and what only a deep look shows


def test_information_is_kept_and_not_told() -> None:
    (told,) = World().cycle([found(1, Severity.INFO)], taken(0))
    assert told.quiet
    assert not told.calls
    assert told.incident.severity is Severity.INFO


def test_information_that_becomes_a_warning_is_told_as_if_it_opened_then() -> None:
    world = World()
    world.cycle([found(1, Severity.INFO)], taken(0))
    (risen,) = world.cycle([found(1)], taken(1))
    assert risen.reason is notice.Reason.SEVERITY_ROSE
    assert risen.first
    assert risen.calls
    assert not risen.quiet
    (worse,) = world.cycle([found(1, Severity.CRITICAL)], taken(2))
    assert not worse.first


def test_information_that_spreads_or_ends_or_comes_back_calls_nobody() -> None:
    world = World()
    world.cycle([found(1, Severity.INFO)], taken(0))
    (grown,) = world.cycle([found(n, Severity.INFO) for n in range(9)], taken(1))
    assert grown.quiet
    assert not grown.calls
    world.cycle([], taken(2))
    (over,) = world.cycle([], taken(6))
    assert over.reason is notice.Reason.RESOLVED
    assert over.quiet
    (back,) = world.cycle([found(1, Severity.INFO)], taken(7))
    assert back.quiet
    assert not back.calls


def test_a_node_that_was_not_looked_at_is_not_seen() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    for looked in ({}, {"n2"}):
        world.looked = {"oom_killed": looked}
        world.cycle([], taken(9))
        assert world.only.unseen
        assert [member.name for member in world.only.affected] == ["n1"]
    world.looked = {"another check": set()}
    world.cycle([], taken(10))
    assert world.only.affected == ()


def test_a_look_counts_for_the_hold_down_from_when_it_was_seen() -> None:
    world = World()
    world.cycle([found(1)], taken(0))
    world.looked = {"oom_killed": {"n1"}}
    world.cycle([], taken(1))
    assert world.only.state is not incident.State.RESOLVED
    world.looked = {"oom_killed": set()}
    world.cycle([], taken(2))
    world.looked = {"oom_killed": {"n1"}}
    world.cycle([], taken(5))
    assert world.only.state is not incident.State.RESOLVED
    world.cycle([], taken(9))
    assert world.only.state is incident.State.RESOLVED


def test_what_flaps_calls_no_more_and_is_held_down_longer() -> None:
    policy = replace(POLICY, flapping=3, flapping_resolve_after=timedelta(minutes=30))

    def step(minute: float, group: list[Finding], known: list[incident.Incident]) -> notice.Notice:
        (told,) = tracking.reconcile(
            group, known, taken(minute), judged={"oom_killed"}, policy=policy
        )
        return told

    value = replace(step(0, [found(1)], []).incident, id=1)
    minute, calls = 1.0, []
    for _ in range(4):
        hold = policy.hold(value).total_seconds() / 60
        value = step(minute, [], [value]).incident
        early = tracking.reconcile(
            [], [value], taken(minute + hold - 0.1), judged={"oom_killed"}, policy=policy
        )
        assert early == []
        over = step(minute + hold, [], [value])
        assert over.reason is notice.Reason.RESOLVED
        back = step(minute + hold + 1, [found(1)], [over.incident])
        calls.append((back.incident.reopened, back.calls, "flapping" in back.text))
        value, minute = back.incident, minute + hold + 2
    assert calls == [(1, True, False), (2, True, False), (3, True, True), (4, False, True)]
    assert policy.hold(value) == timedelta(minutes=30)
