"""A digest covers all that an approval is an approval of, and nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import guard, patch
from bot.domain.plan import Binding, Effect, Plan, Prediction, Signal, State, StepKind
from tests.domain import plans

PLAN = plans.plan()
STEP = PLAN.steps[0]
OTHER = (patch.Operation("test", plans.ARG, plans.OLD), patch.Operation("replace", plans.ARG, "x"))

WHAT_COUNTS = {
    "cluster": {"cluster": "staging"},
    "runbook": {"runbook": "raise_memory"},
    "the workload": {"workload": replace(plans.FLANNEL, name="canal")},
    "requester": {"requester": "UOTHER"},
    "quorum": {"quorum": 2},
    "what restarts": {"restarts": ("n1",)},
    "how many at once": {"at_once": 2},
    "that NICs move": {"moves_nics": True},
    "expiry": {"expires_at": PLAN.expires_at + timedelta(seconds=1)},
    "the patch": {"steps": (replace(STEP, change=OTHER),)},
    "the undoing": {"steps": (replace(STEP, undo=OTHER),)},
    "a uid": {"steps": (replace(STEP, uid="u2"),)},
    "the kind": {"steps": (replace(STEP, kind=StepKind.DELETE_POD),)},
    "one more step": {"steps": (STEP, plans.step())},
    "the order": {"steps": (plans.step(name="b"), plans.step(name="a"))},
    "a batch": {"steps": (replace(STEP, batch=1),)},
    "a time-out": {"steps": (replace(STEP, timeout=timedelta(hours=1)),)},
    "the object's generation": {"bindings": (Binding(plans.FLANNEL, "u1", 5),)},
    "the object's uid": {"bindings": (Binding(plans.FLANNEL, "u2", 4),)},
    "a prediction": {"predictions": (Prediction("n1", Effect.CHANGES, "eth1", "bond1"),)},
    "a node": {"predictions": (Prediction("n2", Effect.UNCHANGED, "eth1", "eth1"),)},
    "a criterion": {"criteria": (replace(PLAN.criteria[0], signal=Signal.NO_NEW_KILL),)},
    "its deadline": {"criteria": (replace(PLAN.criteria[0], within=timedelta(hours=1)),)},
}

WHAT_DOES_NOT = {
    "its number": {"id": 8},
    "its words": {"title": "Other", "diff": ("- a", "+ b"), "reasoning": ("so",)},
    "its state": {"state": State.APPROVED, "decided_by": ("U1",), "reason": "why"},
    "its verdicts": {"verdicts": (guard.allowed("enabled", "yes"),)},
    "a prediction's words": {"predictions": (replace(PLAN.predictions[0], text="stays"),)},
    "a step's words": {"steps": (replace(STEP, text="Patch"),)},
}


@pytest.mark.parametrize("changes", WHAT_COUNTS.values(), ids=WHAT_COUNTS)
def test_what_is_approved_changes_the_digest(changes: dict[str, object]) -> None:
    assert plans.plan(**changes).digest != PLAN.digest


@pytest.mark.parametrize("changes", WHAT_DOES_NOT.values(), ids=WHAT_DOES_NOT)
def test_words_and_fate_do_not(changes: dict[str, object]) -> None:
    assert plans.plan(**changes).digest == PLAN.digest


def test_each_field_of_a_plan_is_judged_by_one_of_these_tables() -> None:
    """A field that is added later must be placed on one side."""
    tried = {
        name for changes in (*WHAT_COUNTS.values(), *WHAT_DOES_NOT.values()) for name in changes
    }
    words = {
        "side_effects", "brake", "undo", "ownership", "expected", "risks", "incident", "created_at", "asked",
        "decided_at",
    }  # fmt: skip
    assert tried | words == set(Plan.__dataclass_fields__)


def test_a_plan_expires_at_its_very_moment() -> None:
    assert PLAN.expired(PLAN.expires_at)
    assert not PLAN.expired(PLAN.expires_at - timedelta(microseconds=1))


def test_a_plan_from_the_future_is_over_for_the_clock_was_set_back_since() -> None:
    made = plans.plan()
    assert not made.expired(made.created_at - timedelta(seconds=30)), "another machine's clock"
    assert made.expired(made.created_at - timedelta(hours=3))


def test_nodes_are_named_once_in_the_order_in_which_they_are_touched() -> None:
    made = plans.plan(
        plans.step(name="b"), plans.step(name="a"), plans.step(name="b"), restarts=("n1", "a")
    )
    assert made.nodes == ("b", "a", "n1")
