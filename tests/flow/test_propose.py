"""When what was proposed is still what would be drafted now."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.drain import NodePod
from bot.domain.plan import Effect, Ownership, Prediction, Step, StepKind
from bot.domain.target import Target
from bot.flow import propose, situations
from tests.domain import plans

MINUTE = timedelta(minutes=1)

FINE = Prediction("n1", Effect.UNCHANGED, "eth1", "eth1")
MOVED = Prediction("n1", Effect.CHANGES, "eth0", "eth1", "to eth1")
ELSEWHERE = Prediction("n1", Effect.CHANGES, "eth0", "eth2", "to eth2")
FAILS = Prediction("n1", Effect.FAILS, "eth1", "veth1", "into a veth")
UNKNOWN = Prediction("n1", Effect.UNKNOWN, text="it crash-loops")


@pytest.mark.parametrize(
    ("was", "now", "runs", "same"),
    [
        (FINE, FINE, True, True),
        (FINE, replace(FINE, text="in other words"), True, True),
        (FINE, UNKNOWN, False, True),
        (UNKNOWN, UNKNOWN, False, True),
        (UNKNOWN, FINE, True, True),
        (FINE, UNKNOWN, True, False),
        (UNKNOWN, UNKNOWN, True, False),
        (UNKNOWN, MOVED, True, False),
        (UNKNOWN, FAILS, True, False),
        (FINE, MOVED, True, False),
        (FINE, FAILS, True, False),
        (MOVED, ELSEWHERE, True, False),
    ],
)
def test_a_plan_is_void_by_what_a_restart_would_do_but_not_by_what_has_nothing_to_lose(
    was: Prediction, now: Prediction, runs: bool, same: bool
) -> None:
    """Where flannel is killed again and again, a node is readable at one moment and not the next."""
    held = plans.plan(predictions=(was,), restarts=("n1",))
    fresh = plans.plan(predictions=(now,), restarts=("n1",) if runs else ())
    told = propose.difference(held, fresh)
    assert (told == "") == same
    assert "n1" in told or same


def test_a_node_that_came_or_went_is_told() -> None:
    held = plans.plan(predictions=(FINE,))
    assert "n1" in propose.difference(held, plans.plan(predictions=()))
    assert "n1" in propose.difference(plans.plan(predictions=()), held)


FLUX = Ownership("Flux", "Flux reverts this", "label kustomize.toolkit.fluxcd.io/name=x")


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        (Ownership(), Ownership(), True),
        (FLUX, FLUX, True),
        (FLUX, replace(FLUX, evidence="field manager kustomize-controller"), True),
        (FLUX, Ownership(), True),
        (Ownership(), FLUX, False),
        (Ownership("a file", "the next apply reverts this"), FLUX, False),
        (replace(FLUX, reverts="Flux is told to leave it alone"), FLUX, False),
    ],
)
def test_an_owner_that_appeared_since_makes_a_plan_void(
    was: Ownership, now: Ownership, same: bool
) -> None:
    """Its marks leave the object's generation as it was, so nothing else would tell."""
    told = propose.difference(plans.plan(ownership=was), plans.plan(ownership=now))
    assert (told == "") == same
    assert same or ("Flux has taken it over" in told and "reverts this" in told)


def test_of_a_node_that_is_not_drained_only_the_pod_that_goes_has_to_be_movable() -> None:
    goes = NodePod("shop", "web", "u1", "n1", owner="ReplicaSet/w")
    stays = NodePod("shop", "bare", "u2", "n1")
    evict = Step(StepKind.EVICT_POD, Target("prod", "Pod", "shop", "web", "n1"), MINUTE, uid="u1")
    alone = situations.decisions([evict], {"n1": [goes, stays]})["n1"]
    assert ([one.pod for one in alone.evict], alone.forbids) == ([goes], ())
    cordon = Step(StepKind.CORDON, Target("prod", "Node", "", "n1", "n1"), MINUTE)
    whole = situations.decisions([cordon, evict], {"n1": [goes, stays]})["n1"]
    assert [one.pod for one in whole.forbids] == [stays]
