"""What an Alertmanager tells becomes findings of the same incidents, and ends only by word or time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import checks
from bot.domain import alert, snapshot, tracking
from bot.domain.alert import Status
from bot.domain.finding import Severity
from tests.checks import worlds

NOW = worlds.NOW
AFTER = timedelta(hours=6)
POD = worlds.pod()


def world() -> snapshot.Snapshot:
    return worlds.world(worlds.node("n1"), worlds.node("n2"), POD)


def told(
    name: str = "KubePodCrashLooping", status: Status = Status.FIRING, **labels: str
) -> alert.Alert:
    about = labels or {"namespace": POD.namespace, "pod": POD.name}
    return alert.Alert(
        key=f"{name}/{sorted(about.items())}", status=status,
        labels={"alertname": name, "severity": "critical", **about},
        summary="it loops", starts_at=NOW - timedelta(minutes=20), told_at=NOW,
    )  # fmt: skip


def found(*alerts: alert.Alert, judged: object = None) -> tuple:
    every = checks.ALL_CHECKS if judged is None else judged
    return alert.merged((), alerts, world(), judged=every)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "labels", "check", "target", "workload"),
    [
        ("KubePodCrashLooping", {"namespace": POD.namespace, "pod": POD.name}, "crash_loop",
         POD.name, worlds.FLANNEL.name),
        ("SomethingElse", {"namespace": POD.namespace, "pod": POD.name}, "alert",
         POD.name, worlds.FLANNEL.name),
        ("KubeNodeNotReady", {"node": "n1"}, "node_not_ready", "n1", "prod"),
        ("NodeDown", {"instance": "n2:9100", "job": "node"}, "alert", "n2", "prod"),
    ],
)  # fmt: skip
def test_an_alert_about_a_system_workload_or_a_node_is_a_finding(
    name: str, labels: dict, check: str, target: str, workload: str
) -> None:
    (one,) = found(told(name, **labels))
    assert (one.check, one.target.name, one.severity) == (check, target, Severity.CRITICAL)
    assert one.workload.name == workload
    assert f"Alertmanager: {name} fires since" in one.evidence[0]


@pytest.mark.parametrize(
    "labels",
    [{"namespace": "shop", "pod": "cart-0"}, {"namespace": "shop", "node": "n1"}, {"node": "n9"},
     {"job": "x"}, {"namespace": POD.namespace, "pod": "gone"}],
)  # fmt: skip
def test_an_alert_about_anything_else_is_nobodys(labels: dict) -> None:
    assert found(told("X", **labels)) == ()


def test_what_a_check_found_too_is_one_finding_with_one_proof_more() -> None:
    (own,) = found(told())
    own = replace(own, evidence=("restartCount=9",), summary="own words")
    both = alert.merged((own,), [told(), told()], world(), judged=checks.ALL_CHECKS)
    (one,) = both
    assert one.summary == "own words"
    assert len(one.evidence) == 2
    assert one.incident_fingerprint == own.incident_fingerprint


def test_a_check_that_could_not_judge_gets_nothing_from_an_alert() -> None:
    assert found(told(), judged=()) == ()
    assert len(found(told("SomethingElse"), judged=())) == 1


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ({}, False),
        ({"status": Status.RESOLVED}, True),
        ({"told_at": NOW - AFTER + timedelta(seconds=1)}, False),
        ({"told_at": NOW - AFTER}, True),
        ({"ends_at": NOW}, True),
        ({"ends_at": NOW + timedelta(minutes=4)}, False),
    ],
)
def test_silence_ends_an_alert_only_after_its_time(changes: dict, over: bool) -> None:
    assert replace(told(), **changes).over(NOW, expire_after=AFTER) is over


def test_a_resolution_that_comes_late_does_not_end_what_began_after_it() -> None:
    first = told()
    known, _ = alert.taken({}, [first], most=5)
    again = replace(first, starts_at=NOW)
    known, _ = alert.taken(known, [again], most=5)
    late = replace(first, status=Status.RESOLVED, ends_at=NOW - timedelta(minutes=1))
    known, _ = alert.taken(known, [late], most=5)
    assert known == {first.key: again}
    known, _ = alert.taken(known, [replace(late, ends_at=NOW)], most=5)
    assert known == {}


def test_more_than_can_be_kept_is_counted_and_what_is_kept_stays() -> None:
    known, refused = alert.taken({}, [told(str(n)) for n in range(7)], most=5)
    assert (len(known), refused) == (5, 2)
    assert alert.taken(known, [told("0")], most=5) == (known, 0)


def test_an_alert_opens_one_incident_and_its_end_closes_it_after_the_hold_down() -> None:
    policy, at = tracking.Policy(), NOW
    judged = {*checks.ALL_CHECKS, alert.CHECK}
    (opened,) = tracking.reconcile(found(told("X")), (), world(), judged=judged, policy=policy)
    incident = replace(opened.incident, id=1)
    for minutes, state in ((0, "open"), (2, "open"), (4, "resolved")):
        at = NOW + timedelta(minutes=minutes)
        taken = replace(world(), taken_at=at)
        for each in tracking.reconcile((), (incident,), taken, judged=judged, policy=policy):
            incident = each.incident
        assert incident.state.value == state, minutes
