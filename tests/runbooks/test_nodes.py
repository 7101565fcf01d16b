"""Runbooks for one node: drain, evict the pod in the way, restart."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.plan import Effect, Plan, Signal, StepKind
from bot.runbooks import Case, NoPlan, Wishes, drain, evict_veth, restart
from tests.checks import worlds
from tests.checks.worlds import SAFE_FLAGS
from tests.runbooks import cases
from tests.runbooks.cases import pod, trapped

CULPRIT = pod("web-7", ip="10.244.1.7")
OTHER = pod("web-8", ip="10.244.1.8")
SHIPPER = pod("shipper", owner="DaemonSet/shipper", ip="10.244.1.7")


def plan(found: Plan | NoPlan) -> Plan:
    assert isinstance(found, Plan), found
    return found


def no_plan(found: Plan | NoPlan) -> NoPlan:
    assert isinstance(found, NoPlan), found
    return found


def kinds(found: Plan) -> list[tuple[int, str, str]]:
    return [(one.batch, one.kind.value, one.target.name) for one in found.steps]


# The node that is meant.


@pytest.mark.parametrize("draft", [drain.draft, evict_veth.draft, restart.draft])
@pytest.mark.parametrize(
    ("why", "case", "wishes", "reason"),
    [
        ("none is named", cases.case(), Wishes(), "say on which node"),
        (
            "several are affected",
            cases.case(incident=cases.trouble("crash_loop", "n3", "n2")),
            Wishes(),
            "say on which node: n2, n3",
        ),
        ("it is unknown", cases.case(), Wishes(node="n99"), "n99 is not seen"),
        (
            "flannel does not serve it",
            replace(cases.case(), flannels=()),
            Wishes(node="n1"),
            "no flannel DaemonSet serves n1",
        ),
        (
            "its kubelet is silent",
            cases.case(node=lambda one: replace(one, conditions=worlds.node(ready="Unknown").conditions)),
            Wishes(node="n1"),
            "n1 is not ready",
        ),
    ],
)  # fmt: skip
def test_without_a_usable_node_there_is_no_plan(
    draft: Any, why: str, case: Case, wishes: Wishes, reason: str
) -> None:
    assert reason in no_plan(draft(case, wishes)).reason


def test_a_pod_that_is_going_already_is_left_alone() -> None:
    case = cases.case()
    key = ("kube-system", f"{cases.DS.name}-1")
    going = replace(case.snapshot.pods[key], deleting_since=cases.NOW)
    seen = replace(case.snapshot, pods={**case.snapshot.pods, key: going})
    found = no_plan(restart.draft(replace(case, snapshot=seen), Wishes(node="n1")))
    assert "being deleted already" in found.reason


# Restart.


def test_a_restart_deletes_that_pod_and_waits_for_the_next() -> None:
    found = plan(restart.draft(cases.case(), Wishes(node="n2")))
    assert kinds(found) == [(0, "delete_pod", f"{cases.DS.name}-2"), (1, "wait_ready", "")]
    assert found.steps[0].uid == f"uid-{cases.DS.name}-2"
    assert found.restarts == ("n2",)
    assert {(one.target.kind, one.uid, one.generation) for one in found.bindings} == {
        ("Node", "uid-n2", 0),
        ("DaemonSet", "ds-flannel", 4),
    }
    assert {one.signal for one in found.criteria} == {
        Signal.POD_READY, Signal.NO_NEW_CRASH, Signal.ROUTES_COMPLETE, Signal.NIC_AS_PREDICTED,
    }  # fmt: skip
    assert "nothing to undo" in found.undo


def test_a_restart_into_a_veth_is_refused_and_the_cures_are_named() -> None:
    found = no_plan(restart.draft(trapped(CULPRIT), Wishes()))
    assert "would take veth17f90f70 and crash-loop" in found.reason
    assert found.instead == ("evict-veth", "anchor-regex", "drain")


def test_a_restart_without_any_nic_is_refused() -> None:
    here = replace(cases.host(1), links=cases.host(1).links[:1])  # type: ignore[index]
    found = no_plan(restart.draft(cases.case(hosts={1: here}), Wishes(node="n1")))
    assert "would find no NIC" in found.reason


def test_a_restart_that_changes_the_nic_is_a_maintenance() -> None:
    case = cases.case(hosts={1: cases.host(1, now="eth0")})
    found = plan(restart.draft(case, Wishes(node="n1")))
    assert (found.moves_nics, found.quorum) == (True, 2)
    assert "MAINTENANCE" in found.risks[0]


def test_a_restart_of_a_node_that_is_not_known_is_predicted_as_unknown() -> None:
    found = plan(restart.draft(cases.case(hosts={1: None}), Wishes(node="n1")))
    assert found.predictions[0].effect is Effect.UNKNOWN
    assert found.restarts == ("n1",)
    assert Signal.NIC_AS_PREDICTED not in {one.signal for one in found.criteria}


def test_a_flannel_that_does_not_run_is_not_restarted_but_retried() -> None:
    found = plan(restart.draft(cases.case(hosts={1: None}, broken=(1,)), Wishes(node="n1")))
    assert found.restarts == ()
    assert "not after its back-off" in found.reasoning[0]


# Evict the pod in the way.


def test_just_the_pod_in_the_way_is_evicted_and_flannel_restarted() -> None:
    found = plan(evict_veth.draft(trapped(OTHER, CULPRIT), Wishes()))
    assert kinds(found) == [
        (0, "evict_pod", "web-7"),
        (1, "delete_pod", f"{cases.DS.name}-1"),
        (2, "wait_ready", ""),
    ]
    assert found.steps[0].uid == "uid-web-7"
    assert found.predictions[0].effect is Effect.UNCHANGED
    assert found.predictions[0].after == "eth1"
    assert "veth17f90f70 belongs to shop/web-7" in found.reasoning[0]
    assert "about one new name in 16 does" in found.side_effects[0]


def test_pods_that_the_look_itself_found_count() -> None:
    here = replace(cases.host(1, trap=cases.VETH), neighbours=(), fdb=())
    case = trapped(CULPRIT, here=here)
    looks = {**case.inspections}
    looks["n1"] = replace(looks["n1"], pods_behind={cases.VETH: "shop/web-7"})
    found = plan(evict_veth.draft(replace(case, inspections=looks), Wishes()))
    assert found.steps[0].target.name == "web-7"


def test_several_in_the_way_all_go() -> None:
    second = replace(cases.host(1, trap=cases.VETH).link(cases.VETH), name="veth1000aaaa", index=5)  # type: ignore[type-var]
    case = trapped(CULPRIT, OTHER, here=cases.host(1, trap=cases.VETH, before=(second,)))  # type: ignore[arg-type]
    looks = {**case.inspections}
    looks["n1"] = replace(looks["n1"], pods_behind={"veth1000aaaa": "shop/web-8"})
    found = plan(evict_veth.draft(replace(case, inspections=looks), Wishes()))
    assert [one.target.name for one in found.steps[:2]] == ["web-7", "web-8"]
    assert [one.batch for one in found.steps[:2]] == [0, 0]


def test_a_ready_flannel_on_the_hosts_nic_is_not_restarted() -> None:
    found = plan(evict_veth.draft(trapped(CULPRIT, broken=()), Wishes()))
    assert kinds(found) == [(0, "evict_pod", "web-7")]
    assert found.restarts == ()


def test_a_daemonsets_pod_comes_back_on_the_node_and_that_is_said() -> None:
    found = plan(evict_veth.draft(trapped(SHIPPER), Wishes()))
    assert any("shop/shipper comes back on n1 at once" in one for one in found.side_effects)


EVICT_REFUSED: list[tuple[str, Case, str]] = [
    ("nothing is in the way", cases.case(incident=cases.trouble("x", "n1")), "no pod's NIC is in"),
    ("anchored", trapped(CULPRIT, args=SAFE_FLAGS), "no pod's NIC is in flannel's way"),
    ("its pod is not known", trapped(OTHER), "which pod is behind it cannot be told"),
    ("pods were not listed", replace(trapped(CULPRIT), pods={}), "cannot be told"),
    (
        "its NICs were not read",
        replace(trapped(CULPRIT), inspections={"n1": replace(cases.by_log(1), log=None)}),
        "is not known",
    ),
    ("not looked at", replace(trapped(CULPRIT), inspections={}), "is not known"),
    ("no controller", trapped(replace(CULPRIT, owner="")), "has no controller"),
    ("a static pod", trapped(replace(CULPRIT, mirror=True)), "is a static pod"),
    ("its data", trapped(replace(CULPRIT, empty_dir=True)), "keeps data in an emptyDir"),
    ("a DaemonSet's data", trapped(replace(SHIPPER, empty_dir=True)), "keeps data in an emptyDir"),
    (
        "no NIC of the host's behind it",
        trapped(CULPRIT, here=cases.host(1, trap=cases.VETH, own="ens9")),
        "evicting is no cure for n1",
    ),
]


@pytest.mark.parametrize(
    ("why", "case", "reason"), EVICT_REFUSED, ids=[one[0] for one in EVICT_REFUSED]
)
def test_an_eviction_is_refused_with_a_reason(why: str, case: Case, reason: str) -> None:
    assert reason in no_plan(evict_veth.draft(case, Wishes())).reason


def test_data_in_an_empty_dir_goes_only_when_ticked() -> None:
    case = trapped(replace(CULPRIT, empty_dir=True))
    found = plan(evict_veth.draft(case, Wishes(lose_empty_dirs=True)))
    assert any("Data in emptyDirs is lost, as ticked" in one for one in found.side_effects)


# Drain.


def test_a_drain_is_cordon_evictions_together_restart_uncordon() -> None:
    found = plan(drain.draft(trapped(CULPRIT, OTHER), Wishes()))
    assert kinds(found) == [
        (0, "cordon", "n1"),
        (1, "evict_pod", "web-7"),
        (1, "evict_pod", "web-8"),
        (2, "delete_pod", f"{cases.DS.name}-1"),
        (3, "wait_ready", ""),
        (4, "uncordon", "n1"),
    ]
    assert all(one.uid for one in found.steps if one.kind is not StepKind.WAIT_READY)
    assert found.predictions[0].effect is Effect.UNCHANGED
    assert found.restarts == ("n1",)
    assert found.undo.startswith("lifting the cordon of this run")


def test_pods_that_stay_with_a_nic_are_said() -> None:
    stays = replace(SHIPPER, ip="10.244.1.9")
    found = plan(drain.draft(trapped(CULPRIT, stays), Wishes()))
    assert found.predictions[0].effect is Effect.UNCHANGED
    assert any("Pods that stay on n1 with a NIC of their own: shop/shipper" in one
               for one in found.side_effects)  # fmt: skip


def test_a_drain_that_leaves_the_culprit_is_no_cure() -> None:
    found = no_plan(drain.draft(trapped(OTHER, SHIPPER), Wishes()))
    assert "shop/shipper stays" in found.reason
    assert found.instead == ("evict-veth", "anchor-regex")


def test_whether_an_unknown_nic_goes_is_not_known() -> None:
    """Some pod stays, and the NIC in the way may be its own."""
    stays = replace(SHIPPER, ip="")
    here = replace(cases.host(1, trap=cases.VETH), neighbours=(), fdb=())
    found = plan(drain.draft(trapped(OTHER, stays, here=here), Wishes()))
    assert found.predictions[0].effect is Effect.UNKNOWN
    assert "veth17f90f70 is in the way" in found.predictions[0].text


def test_all_nics_of_pods_go_where_no_pod_stays_that_has_one() -> None:
    here = replace(cases.host(1, trap=cases.VETH), neighbours=(), fdb=())
    found = plan(drain.draft(trapped(OTHER, here=here), Wishes()))
    assert found.predictions[0].effect is Effect.UNCHANGED


LOGGED = replace(trapped(CULPRIT), inspections={"n1": cases.by_log(1)})
"""flannel crash-loops on n1, and its log is all there is."""


def test_a_node_seen_by_flannels_log_alone_can_be_drained() -> None:
    found = plan(drain.draft(LOGGED, Wishes()))
    assert found.predictions[0].effect is Effect.UNKNOWN
    assert found.restarts == ()
    assert found.nodes == ("n1",)


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (restart.draft, "restarting flannel on n1 would not help: its last start failed"),
        (evict_veth.draft, "cannot be told while flannel does not run there and no probe pod"),
    ],
)
def test_what_flannels_log_alone_tells_of_a_node_is_enough_to_refuse(
    draft: Any, reason: str
) -> None:
    found = no_plan(draft(LOGGED, Wishes()))
    assert reason in found.reason
    assert "failed to find IPv4 address for interface veth17f90f70" in found.reason
    assert found.instead == ("anchor-regex", "drain")


def test_a_log_of_other_flags_tells_nothing_of_these() -> None:
    """The template has been changed since that start."""
    case = cases.case(args=SAFE_FLAGS, broken=(1,))
    found = plan(
        restart.draft(replace(case, inspections={"n1": cases.by_log(1)}), Wishes(node="n1"))
    )
    assert found.predictions[0].effect is Effect.UNKNOWN


def test_a_foreign_cordon_is_said_to_stay() -> None:
    case = trapped(CULPRIT, node=lambda one: replace(one, unschedulable=True))
    found = plan(drain.draft(case, Wishes()))
    assert any("cordoned already, by somebody else" in one for one in found.side_effects)


DRAIN_REFUSED: list[tuple[str, Case, str]] = [
    (
        "each blocker is named",
        trapped(replace(CULPRIT, owner=""), replace(OTHER, empty_dir=True)),
        "shop/web-7 has no controller that would start it elsewhere; shop/web-8 keeps data in an "
        "emptyDir, which would be lost. Tick",
    ),
    ("pods were not listed", replace(trapped(), pods={}), "could not be listed"),
    ("nothing to move", trapped(SHIPPER), "no pod that a drain would move"),
    ("the bot's own node", trapped(CULPRIT, own_node="n1"), "itself runs on n1"),
    (
        "no NIC of the host's",
        trapped(CULPRIT, here=cases.host(1, trap=cases.VETH, own="ens9")),
        "draining is no cure for n1",
    ),
]


@pytest.mark.parametrize(
    ("why", "case", "reason"), DRAIN_REFUSED, ids=[one[0] for one in DRAIN_REFUSED]
)
def test_a_drain_is_refused_with_a_reason(why: str, case: Case, reason: str) -> None:
    assert reason in no_plan(drain.draft(case, Wishes())).reason
