"""Taking back: by the exact inverse, and not over what somebody else did since."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain import patch, run
from bot.domain.plan import Effect, Plan, StepKind
from bot.domain.plan import State as PlanState
from bot.domain.run import Check, Run, StepState
from bot.flannel import discovery
from bot.runbooks import ALL_RUNBOOKS, Case, NoPlan, Wishes, undoing
from tests.checks import worlds
from tests.checks.worlds import SAFE_FLAGS
from tests.runbooks import cases

NOW = cases.NOW
ARGS = "/spec/template/spec/containers/1/args/2"


def planned(case: Case, name: str = "raise-memory-and-anchor") -> Plan:
    found = ALL_RUNBOOKS[name](case, Wishes(node="n1"))
    assert isinstance(found, Plan), found
    return replace(found, id=7, state=PlanState.APPROVED, decided_at=NOW, decided_by=("UAPP",))


def executed(plan: Plan) -> Run:
    """A run of all steps that has helped."""
    value = replace(run.begin(plan, executor="a", now=NOW), id=3)
    for number, _ in enumerate(plan.steps):
        value = run.intend(value, plan, number, now=NOW)
        value = run.settle(value, plan, number, StepState.APPLIED, now=NOW)
    return run.verified(value, plan, Check.PASSED, now=NOW)


def after(
    case: Case, plan: Plan, edit: Callable[[dict[str, Any]], None] = lambda live: None, *,
    raised: int = 1,
) -> Case:  # fmt: skip
    """The cluster as the plan, and then somebody else's `edit`, have left it."""
    live = copy.deepcopy(case.documents[cases.NAME])
    for step in plan.steps:
        live = patch.apply(step.change, live)
    live["metadata"]["generation"] = 4 + raised
    edit(live)
    container = live["spec"]["template"]["spec"]["containers"][1]
    spec = replace(
        worlds.flannel_spec(*container["args"]),
        memory_limit=int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20,
    )
    key = ("kube-system", cases.DS.name)
    daemonset = replace(
        case.snapshot.daemonsets[key],
        uid=live["metadata"]["uid"],
        generation=live["metadata"]["generation"],
        template=replace(case.snapshot.daemonsets[key].template, containers=(spec,)),
    )
    seen = replace(case.snapshot, daemonsets={key: daemonset})
    return replace(
        case,
        snapshot=seen,
        flannels=discovery.find(seen),
        documents={cases.NAME: live},
        now=case.now + timedelta(minutes=5),
    )


def test_a_run_is_taken_back_to_the_very_document_that_was() -> None:
    case = cases.case()
    plan = planned(case)
    now = after(case, plan)
    back = undoing.draft(now, plan, executed(plan))
    assert isinstance(back, Plan), back
    was = patch.apply(back.steps[0].change, now.documents[cases.NAME])
    assert was["spec"] == case.documents[cases.NAME]["spec"]
    assert back.title.startswith("Take back RUN-3: Raise")
    assert back.diff[1:] == (
        "- args[2]: --iface-regex=^(?:eth1|bond1)$",
        "+ args[2]: --iface-regex=eth1|bond1",
        "- resources.limits.memory: 256Mi",
        "+ resources.limits.memory: 50Mi",
    )
    assert back.bindings[0].generation == 5
    assert {one.effect for one in back.predictions} == {Effect.UNCHANGED}
    assert any("stays as it is and also matches" in one for one in back.side_effects)


def test_under_on_delete_pods_are_deleted_again() -> None:
    case = cases.case(strategy="OnDelete", nodes=2)
    plan = planned(case)
    back = undoing.draft(after(case, plan), plan, executed(plan))
    assert isinstance(back, Plan), back
    assert [one.kind for one in back.steps].count(StepKind.DELETE_POD) == 2


def test_taking_back_is_itself_taken_back() -> None:
    case = cases.case()
    plan = planned(case)
    now = after(case, plan)
    back = undoing.draft(now, plan, executed(plan))
    assert isinstance(back, Plan), back
    live = now.documents[cases.NAME]
    assert patch.apply(back.steps[0].undo, patch.apply(back.steps[0].change, live)) == live


def args(live: dict[str, Any], *words: str) -> None:
    live["spec"]["template"]["spec"]["containers"][1]["args"] = list(words)


def image(live: dict[str, Any]) -> None:
    live["metadata"]["generation"] = 6


def replaced(live: dict[str, Any]) -> None:
    live["metadata"]["uid"] = "another"


OTHERS: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    (
        "the flags",
        lambda live: args(live, "--ip-masq", "--kube-subnet-mgr", "--iface=eth1"),
        "args[2] is --iface=eth1 and was --iface-regex=^(?:eth1|bond1)$",
    ),
    (
        "both, by its owner",
        lambda live: live.update(cases.case().documents[cases.NAME]),
        "args[2] is --iface-regex=eth1|bond1 and was --iface-regex=^(?:eth1|bond1)$; "
        "resources.limits.memory is 50Mi and was 256Mi",
    ),
    ("something else", image, "the generation is 6 and was 5"),
    ("the object", replaced, "was replaced by another of that name"),
]


@pytest.mark.parametrize(("why", "edit", "named"), OTHERS, ids=[one[0] for one in OTHERS])
def test_what_somebody_else_changed_is_named_and_not_taken_back(
    why: str, edit: Callable[[dict[str, Any]], None], named: str
) -> None:
    case = cases.case()
    plan = planned(case)
    found = undoing.draft(after(case, plan, edit), plan, executed(plan))
    assert isinstance(found, NoPlan)
    assert "RUN-3" in found.reason
    assert named in found.reason


def test_taking_back_what_keeps_flannel_alive_is_refused_with_the_command() -> None:
    case = cases.case(hosts={2: cases.host(2, trap=cases.VETH)}, broken=(2,))
    plan = planned(case, "anchor-regex")
    found = undoing.draft(after(case, plan), plan, executed(plan))
    assert isinstance(found, NoPlan)
    assert "would then not find its NIC on n2" in found.reason
    assert found.manual.startswith("kubectl -n kube-system patch daemonset kube-flannel-ds-amd64")
    assert '"value":"--iface-regex=eth1|bond1"' in found.manual


def test_without_a_live_document_there_is_no_plan() -> None:
    case = cases.case()
    plan = planned(case)
    found = undoing.draft(replace(after(case, plan), documents={}), plan, executed(plan))
    assert isinstance(found, NoPlan)
    assert "could not be read now" in found.reason


def test_a_run_at_work_is_cancelled_and_not_undone() -> None:
    case = cases.case()
    plan = planned(case)
    found = undoing.draft(case, plan, replace(run.begin(plan, executor="a", now=NOW), id=3))
    assert isinstance(found, NoPlan)
    assert "still at work: cancel it" in found.reason


def test_what_has_no_undoing_says_so() -> None:
    plan = planned(cases.case(args=SAFE_FLAGS), "restart")
    found = undoing.draft(cases.case(), plan, executed(plan))
    assert isinstance(found, NoPlan)
    assert "left nothing that could be taken back" in found.reason


def test_a_run_that_was_rolled_back_is_not_undone_twice() -> None:
    case = cases.case()
    plan = planned(case)
    value = replace(run.begin(plan, executor="a", now=NOW), id=3)
    value = run.settle(
        run.intend(value, plan, 0, now=NOW), plan, 0, StepState.APPLIED, now=NOW
    )  # fmt: skip
    value = run.turn_back(value, plan, "a crash", now=NOW)
    value = run.settle_undo(
        run.intend_undo(value, plan, 0, now=NOW), plan, 0, StepState.APPLIED, now=NOW
    )  # fmt: skip
    assert value.state is run.State.ROLLED_BACK
    found = undoing.draft(case, plan, value)
    assert isinstance(found, NoPlan)
    assert "nothing that could be taken back" in found.reason


def test_a_cordon_that_was_left_is_told_with_the_command() -> None:
    case = cases.trapped(cases.pod("web-7", ip="10.244.1.7"))
    plan = planned(case, "drain")
    value = replace(run.begin(plan, executor="a", now=NOW), id=3)
    value = run.settle(run.intend(value, plan, 0, now=NOW), plan, 0, StepState.APPLIED, now=NOW)
    value = run.settle(
        run.intend(value, plan, 1, now=NOW), plan, 1, StepState.FAILED, now=NOW, text="budget"
    )
    value = run.settle_undo(
        run.intend_undo(value, plan, 0, now=NOW), plan, 0, StepState.FAILED, now=NOW, text="500"
    )
    found = undoing.draft(case, plan, value)
    assert isinstance(found, NoPlan)
    assert found.manual == "kubectl uncordon n1\n"
