"""Raising memory: by evidence, within bounds, and never where a restart would lose a NIC."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain import patch
from bot.domain.plan import Effect, Plan, Signal, StepKind
from bot.domain.target import Target
from bot.runbooks import Case, Limits, NoPlan, Wishes, raise_memory
from tests.checks import worlds
from tests.checks.worlds import MI, SAFE_FLAGS
from tests.runbooks import cases

LIMIT = "/spec/template/spec/containers/1/resources/limits/memory"


def drafted(case: Case, **wishes: Any) -> Plan:
    found = raise_memory.draft(case, Wishes(**wishes))
    assert isinstance(found, Plan), found
    return found


def refused(case: Case, **wishes: Any) -> NoPlan:
    found = raise_memory.draft(case, Wishes(**wishes))
    assert isinstance(found, NoPlan), found
    return found


def limit(plan: Plan) -> str:
    (value,) = [one.value for one in plan.steps[0].change if one.path == LIMIT and one.op != "test"]
    return str(value)


def test_it_is_one_guarded_patch_and_its_rollout() -> None:
    plan = drafted(cases.case(incident=cases.trouble()))
    assert [step.kind for step in plan.steps] == [StepKind.PATCH_DAEMONSET, StepKind.WAIT_ROLLOUT]
    assert [step.batch for step in plan.steps] == [0, 1]
    assert [(one.op, one.path, one.value) for one in plan.steps[0].change] == [
        ("test", "/metadata/uid", "ds-flannel"),
        ("test", "/spec/template/spec/containers/1/name", "kube-flannel"),
        ("test", LIMIT, "50Mi"),
        ("replace", LIMIT, "256Mi"),
    ]
    assert [(one.op, one.value) for one in plan.steps[0].undo if one.path == LIMIT] == [
        ("test", "256Mi"),
        ("replace", "50Mi"),
    ]
    assert plan.diff[1:] == ("- resources.limits.memory: 50Mi", "+ resources.limits.memory: 256Mi")
    assert plan.restarts == ("n1", "n2", "n3", "n4")
    assert plan.incident == 42
    assert plan.expires_at - plan.created_at == timedelta(minutes=15)
    assert plan.workload == Target("prod", "DaemonSet", "kube-system", cases.DS.name)
    assert (plan.bindings[0].uid, plan.bindings[0].generation) == ("ds-flannel", 4)
    assert (plan.quorum, plan.risks, plan.moves_nics) == (1, (), False)


@pytest.mark.parametrize(
    ("why", "case", "expected"),
    [
        ("the least that helps", cases.case(), "256Mi"),
        ("twice the peak", cases.case(peaks={"n3": 200 * MI}), "448Mi"),
        (
            "kills at a higher limit",
            cases.case(
                spec=worlds.flannel_spec(memory_limit=300 * MI), incident=cases.trouble()
            ),
            "640Mi",
        ),
    ],
)  # fmt: skip
def test_the_limit_comes_from_evidence(why: str, case: Case, expected: str) -> None:
    plan = drafted(case)
    assert limit(plan) == expected
    assert len(plan.reasoning) >= 2


@pytest.mark.parametrize("left", [{"cpu": "100m"}, None])
def test_a_request_that_is_not_written_stays_what_it_was_by_default(left: Any) -> None:
    """Without a request a container asks for its limit: raised, it may find no room."""

    def bare(live: dict[str, Any]) -> None:
        resources = live["spec"]["template"]["spec"]["containers"][1]["resources"]
        resources["requests"] = left
        if left is None:
            del resources["requests"]

    case = cases.case(edit=bare)
    plan = drafted(case)
    live = case.documents[cases.NAME]
    changed = patch.apply(plan.steps[0].change, live)
    resources = changed["spec"]["template"]["spec"]["containers"][1]["resources"]
    assert resources["requests"] == {**(left or {}), "memory": "50Mi"}
    assert plan.diff[-1] == "+ resources.requests.memory: 50Mi"
    assert patch.apply(plan.steps[0].undo, changed) == live


def test_what_a_person_asks_for_is_taken_within_bounds_and_said() -> None:
    plan = drafted(cases.case(), memory_bytes=700 * MI)
    assert limit(plan) == "700Mi"
    assert plan.reasoning[0] == "700Mi as asked for; evidence suggests 256Mi"


def test_bytes_that_no_unit_divides_are_written_exactly() -> None:
    assert limit(drafted(cases.case(), memory_bytes=300_000_001)) == "300000001"


@pytest.mark.parametrize(
    ("why", "wish", "reason"),
    [
        ("over the cap", 2048 * MI, "more than `remediation.limits.memory_cap`"),
        ("no raise", 50 * MI, "not more than the 50Mi now"),
        ("a shrinking", 20 * MI, "not more than the 50Mi now"),
        ("under the peak", 100 * MI, "with a peak of 90Mi more than 80%"),
    ],
)
def test_a_wish_out_of_bounds_is_refused_with_the_bounds(why: str, wish: int, reason: str) -> None:
    found = refused(cases.case(peaks={"n1": 90 * MI}), memory_bytes=wish)
    assert reason in found.reason
    assert "ask for 113Mi to 1Gi" in found.reason


def test_the_bounds_are_told_for_the_form() -> None:
    found = raise_memory.bounds(cases.case(peaks={"n1": 90 * MI}))
    assert not isinstance(found, NoPlan)
    assert (found.least, found.suggested, found.most) == (113 * MI, 256 * MI, 1024 * MI)
    assert found.present == 50 * MI


@pytest.mark.parametrize(
    ("why", "case", "reason"),
    [
        ("no limit", cases.case(spec=worlds.flannel_spec(memory_limit=None)), "no memory limit"),
        ("enough", cases.case(spec=worlds.flannel_spec(memory_limit=512 * MI)), "512Mi is enough"),
        ("at the cap", cases.case(limits=Limits(memory_cap=50 * MI)), "leaves nothing to raise"),
        ("a peak over the cap", cases.case(peaks={"n1": 900 * MI}), "leaves nothing to raise"),
        (
            "nodes too small",
            cases.case(node=lambda one: replace(one, allocatable_memory=100 * MI)),
            "more memory than n1, n2, n3, n4 can give",
        ),
        ("no flannel", replace(cases.case(), flannels=()), "no flannel DaemonSet"),
        ("no live document", cases.case(documents={}), "could not be read now"),
        (
            "another generation",
            replace(cases.case(), documents={cases.NAME: cases.changed(cases.case(), generation=5)}),
            "being changed at this moment (generation 5, last seen 4)",
        ),
        (
            "another object of that name",
            replace(cases.case(), documents={cases.NAME: cases.changed(cases.case(), uid="other")}),
            "being changed at this moment",
        ),
        (
            "a container that is not what was seen",
            cases.case(edit=lambda live: live["spec"]["template"]["spec"]["containers"][1].update(args=[])),
            "is not what was seen",
        ),
    ],
)  # fmt: skip
def test_it_is_refused_with_a_reason(why: str, case: Case, reason: str) -> None:
    assert reason in refused(case).reason


def test_alone_it_is_refused_where_a_node_would_fail_its_choice_and_both_is_offered() -> None:
    found = refused(cases.case(hosts={2: cases.host(2, trap=cases.VETH)}))
    assert "on n2. n2: a restart now would take veth17f90f70 and crash-loop" in found.reason
    assert found.instead[0] == "raise-memory-and-anchor"


def test_alone_it_is_refused_where_flannels_log_is_all_there_is_and_tells_enough() -> None:
    found = refused(cases.case(broken=(2,), logged=(2,)))
    assert "on n2. n2: its last start failed, and the next would: Could not find" in found.reason
    assert found.instead[0] == "raise-memory-and-anchor"


def test_alone_it_is_refused_where_a_node_would_stay_on_a_pods_nic() -> None:
    """ptp gives host veths an address: flannel starts with one, and works for nobody."""
    veth = cases.nic(4, cases.VETH, "10.244.3.1", kind="veth")
    found = refused(cases.case(hosts={3: cases.host(3, before=(veth,))}))
    assert "on n3" in found.reason


def test_alone_it_is_refused_where_a_node_would_change_its_nic() -> None:
    found = refused(cases.case(hosts={2: cases.host(2, now="eth0")}))
    assert "another NIC would be taken on n2" in found.reason
    assert "maintenance" in found.reason


@pytest.mark.parametrize(
    ("why", "more", "told"),
    [
        ("never seen", {"hosts": {2: None}}, "it was not looked at"),
        ("out of reach", {"hosts": {2: None}, "unseen": {"n2": "exec: 500"}}, "exec: 500"),
        ("seen long ago", {"now": cases.later(30)}, "30 min ago"),
        (
            "an earlier machine",
            {"node": lambda one: replace(one, created_at=cases.later(1))},
            "earlier machine",
        ),
    ],
)
def test_a_node_that_is_not_known_is_never_called_unchanged(
    why: str, more: dict[str, Any], told: str
) -> None:
    plan = drafted(cases.case(**more))
    (found,) = [one for one in plan.predictions if one.node == "n2"]
    assert found.effect is Effect.UNKNOWN
    assert told in found.text


def test_what_stays_dangerous_is_said() -> None:
    told = " ".join(drafted(cases.case()).side_effects)
    assert "stays as it is and also matches pods' NICs such as veth1" in told
    assert "no longer Guaranteed" in told
    assert "also matches" not in " ".join(drafted(cases.case(args=SAFE_FLAGS)).side_effects)


def test_it_is_verified_by_more_than_the_rollout() -> None:
    plan = drafted(cases.case(peaks={"n1": 45 * MI}))
    assert [one.signal for one in plan.criteria] == [
        Signal.ROLLOUT_COMPLETE, Signal.NO_NEW_KILL, Signal.NO_NEW_CRASH, Signal.NIC_AS_PREDICTED,
        Signal.ROUTES_COMPLETE, Signal.PEAK_BELOW,
    ]  # fmt: skip
    assert plan.criteria[-1].share == 0.8
    assert all(one.text and one.within for one in plan.criteria)


def test_peaks_that_nobody_can_tell_are_no_criterion() -> None:
    plan = drafted(cases.case())
    assert Signal.PEAK_BELOW not in [one.signal for one in plan.criteria]


def test_many_nodes_need_two_approvals() -> None:
    plan = drafted(cases.case(limits=Limits(many_nodes=3)))
    assert plan.quorum == 2
    assert plan.risks == ("it touches 4 nodes, more than 3",)


def test_only_the_daemonsets_whose_limit_is_lower_are_patched() -> None:
    case = cases.sisters(limits_of={"arm64": 256 * MI})
    plan = drafted(case)
    assert [step.target.name for step in plan.steps] == ["kube-flannel-ds-amd64"] * 2
    assert plan.restarts == ("n1", "n2")
