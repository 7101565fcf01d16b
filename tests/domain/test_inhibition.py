"""What follows from another trouble or a change of ours is held back, and nothing beyond that."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import inhibition, plan, run
from bot.domain.finding import Severity
from bot.domain.incident import Incident, State
from bot.domain.snapshot import API_SERVER
from bot.domain.target import Target
from tests.domain import plans
from tests.domain.troubles import START, member, trouble

RULES = inhibition.Rules(
    blind="blind_spot",
    down="node_not_ready",
    of_pods=frozenset({"pod_not_ready"}),
    of_changes=frozenset({"pod_not_ready", "daemonset_short"}),
)
MINUTE = timedelta(minutes=1)
DOWN = trouble("n1", "n2", number=7, check="node_not_ready")
DARK = replace(
    trouble(number=8, check="blind_spot"),
    members=(replace(member(""), target=Target("c", "Cluster", "", API_SERVER)),),
)


def muted(
    value: Incident, *others: Incident, runs: tuple[tuple[run.Run, plan.Plan], ...] = ()
) -> str:
    found = inhibition.causes([value, *others], runs, rules=RULES, now=START + MINUTE)
    reason = inhibition.mute(value, found, never={"oom_killed"})
    return reason.text if reason else ""


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (trouble("n1"), True),
        (trouble("n1", "n2", severity=Severity.CRITICAL), True),
        (trouble("n1", "n3"), False),  # n3 is up: that does not follow
        (trouble("n1", check="oom_killed"), False),
        (trouble("n1", check="crash_loop"), False),  # not among what follows
        (DOWN, False),
    ],
)
def test_a_node_that_is_down_explains_its_own_pods_only(value: Incident, held: bool) -> None:
    assert bool(muted(value, DOWN)) is held


def test_a_node_that_is_up_again_explains_nothing() -> None:
    assert not muted(trouble("n1"), replace(DOWN, state=State.RESOLVED))


@pytest.mark.parametrize("check", ["pod_not_ready", "oom_killed", "node_not_ready"])
def test_an_api_server_that_is_not_seen_explains_all_but_itself(check: str) -> None:
    assert muted(trouble("n1", check=check), DARK) == "the API server is not seen (INC-8)"
    assert not muted(DARK, trouble("n1"))
    assert not muted(trouble("n1"), trouble(number=8, check="blind_spot"))  # blind on one thing


def rollout(**changes: object) -> tuple[run.Run, plan.Plan]:
    planned = replace(plans.approved(), at_once=2)
    ran = run.begin(planned, executor="e", now=plans.START)
    return replace(ran, id=5, started_at=START, **changes), planned  # type: ignore[arg-type]


def of(planned: plan.Plan, *nodes: str, **changes: object) -> Incident:
    made = trouble(*nodes, **changes)  # type: ignore[arg-type]
    return replace(made, workload=planned.workload, detected_at=START + MINUTE)


@pytest.mark.parametrize(
    ("nodes", "changes", "held"),
    [
        (("n1", "n2"), {}, True),
        (("n1", "n2", "n3"), {}, False),  # more than it can be at once
        (("n1",), {"severity": Severity.CRITICAL}, False),
        (("n1",), {"check": "oom_killed"}, False),
        (("n1",), {"check": "crash_loop"}, False),
    ],
)
def test_a_rollout_explains_its_own_workload_within_what_it_does(
    nodes: tuple[str, ...], changes: dict[str, object], held: bool
) -> None:
    ran, planned = rollout()
    assert bool(muted(of(planned, *nodes, **changes), runs=((ran, planned),))) is held


def test_a_rollout_explains_nothing_that_was_there_before_and_nothing_long_after_it() -> None:
    ran, planned = rollout()
    before = replace(of(planned, "n1"), detected_at=START - MINUTE)
    assert not muted(before, runs=((ran, planned),))
    other = replace(of(planned, "n1"), workload=Target("c", "DaemonSet", "kube-system", "other"))
    assert not muted(other, runs=((ran, planned),))
    ended = replace(ran, state=run.State.SUCCEEDED, ended_at=START)
    assert muted(of(planned, "n1"), runs=((ended, planned),))
    long_ago = replace(ended, ended_at=START - inhibition.GRACE)
    assert not muted(of(planned, "n1"), runs=((long_ago, planned),))


def test_a_drain_explains_what_is_on_its_node() -> None:
    ran, planned = rollout()
    drained = replace(planned, steps=(plans.step(plan.StepKind.CORDON, "n9"),))
    assert muted(of(drained, "n9"), runs=((ran, drained),)) == "RUN-5 is at work on its node"
    assert not muted(of(drained, "n9", "n8"), runs=((ran, drained),))
