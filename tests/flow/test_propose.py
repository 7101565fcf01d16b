"""When what was proposed is still what would be drafted now."""

from dataclasses import replace

import pytest

from bot.domain.plan import Effect, Prediction
from bot.flow import propose
from tests.domain import plans

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
