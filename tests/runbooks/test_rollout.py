"""How a change of the template reaches the nodes, under either strategy, and who reverts it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from bot.domain.plan import Plan, Signal, StepKind
from bot.runbooks import Case, Limits, Wishes, raise_memory, raise_memory_and_anchor
from tests.checks import worlds
from tests.checks.worlds import SAFE_FLAGS
from tests.runbooks import cases


def both(case: Case) -> Plan:
    found = raise_memory_and_anchor.draft(case, Wishes())
    assert isinstance(found, Plan), found
    return found


def deleted(plan: Plan) -> list[list[str]]:
    """Nodes whose flannel is deleted, batch by batch."""
    batches: dict[int, list[str]] = {}
    for step in plan.steps:
        if step.kind is StepKind.DELETE_POD:
            batches.setdefault(step.batch, []).append(step.target.node)
    return list(batches.values())


def test_under_on_delete_one_node_goes_first_and_the_bots_own_last() -> None:
    plan = both(
        cases.case(strategy="OnDelete", nodes=9, broken=(4,), own_node="n1", limits=Limits(batch=3))
    )
    assert deleted(plan) == [["n2"], ["n3", "n4", "n5"], ["n6", "n7", "n8"], ["n9"], ["n1"]]
    assert plan.at_once == 3
    assert plan.expected == timedelta(seconds=5 * 36)
    assert "OnDelete: a cancel stops deleting" in plan.brake


def test_under_on_delete_each_batch_is_waited_for_before_the_next() -> None:
    plan = both(cases.case(strategy="OnDelete", nodes=3))
    assert [(one.batch, one.kind, one.target.node) for one in plan.steps] == [
        (0, StepKind.PATCH_DAEMONSET, ""),
        (1, StepKind.DELETE_POD, "n1"),
        (1, StepKind.WAIT_READY, "n1"),
        (2, StepKind.DELETE_POD, "n2"),
        (2, StepKind.DELETE_POD, "n3"),
        (2, StepKind.WAIT_READY, "n2"),
        (2, StepKind.WAIT_READY, "n3"),
    ]
    assert {one.owner for one in plan.steps[1:]} == {"ds-flannel"}


def test_under_on_delete_control_planes_come_late() -> None:
    def control(node: Any) -> Any:
        labels = {"node-role.kubernetes.io/master": ""} if node.name == "n1" else {}
        return replace(node, labels=labels)

    plan = both(cases.case(strategy="OnDelete", nodes=3, node=control, limits=Limits(batch=1)))
    assert deleted(plan) == [["n2"], ["n3"], ["n1"]]


def silent(node: Any) -> Any:
    conditions = worlds.node(ready="Unknown").conditions
    return replace(node, conditions=conditions) if node.name == "n2" else node


def test_under_on_delete_silent_nodes_are_left_out_and_said() -> None:
    plan = both(cases.case(strategy="OnDelete", nodes=3, node=silent))
    assert deleted(plan) == [["n1"], ["n3"]]
    assert plan.restarts == ("n1", "n3")
    assert [one.node for one in plan.predictions] == ["n1", "n3"]
    assert any(one.startswith("Not ready and so left out: n2") for one in plan.side_effects)
    assert Signal.ROLLOUT_COMPLETE not in {one.signal for one in plan.criteria}


def test_under_rolling_update_a_silent_node_that_stalls_it_is_said() -> None:
    plan = both(cases.case(nodes=3, node=silent))
    assert any("the rollout cannot move" in one for one in plan.side_effects)
    roomy = both(cases.case(nodes=3, node=silent, max_unavailable="2"))
    assert not any("cannot move" in one for one in roomy.side_effects)
    assert "only brake is the guarded inverse patch" in plan.brake


def test_a_rollout_that_is_under_way_is_said() -> None:
    case = cases.case()
    key = ("kube-system", cases.DS.name)
    halfway = replace(case.snapshot.daemonsets[key], updated=1)
    seen = replace(case.snapshot, daemonsets={key: halfway})
    plan = both(replace(case, snapshot=seen))
    assert any("under way already (1 of 4 pods" in one for one in plan.side_effects)
    assert not any("under way already" in one for one in both(case).side_effects)


@pytest.mark.parametrize(
    ("max_unavailable", "nodes", "at_once", "minutes"),
    [("1", 10, 1, 6), ("20%", 10, 2, 3), ("25%", 10, 3, 2.4), ("4", 10, 4, 1.8), ("0", 10, 1, 6)],
)
def test_its_pace_is_the_strategys(
    max_unavailable: str, nodes: int, at_once: int, minutes: float
) -> None:
    plan = both(cases.case(nodes=nodes, max_unavailable=max_unavailable))
    assert plan.at_once == at_once
    assert plan.expected == timedelta(minutes=minutes)
    assert plan.steps[1].timeout > plan.expected


def test_a_missing_strategy_is_a_rolling_update_of_one() -> None:
    plan = both(cases.case(edit=lambda live: live["spec"].pop("updateStrategy")))
    assert plan.at_once == 1
    assert plan.steps[1].kind is StepKind.WAIT_ROLLOUT


APPLIED = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
HELM = {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "flannel-v0.27.4"}
OWNERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("nobody", {}, "", ""),
    ("a file", {"annotations": APPLIED}, "a file", "next `kubectl apply`"),
    ("Helm", {"labels": HELM}, "Helm", "next `helm upgrade`"),
    (
        "Helm by its release",
        {"annotations": {"meta.helm.sh/release-name": "flannel"}},
        "Helm",
        "next `helm upgrade`",
    ),
    (
        "Flux",
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "net"}, "annotations": APPLIED},
        "Flux",
        "next interval",
    ),
    (
        "Flux, switched off",
        {
            "labels": {"kustomize.toolkit.fluxcd.io/name": "net"},
            "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
        },
        "Flux",
        "told to leave it alone",
    ),
    (
        "Flux by Helm",
        {"labels": {**HELM, "helm.toolkit.fluxcd.io/name": "flannel"}},
        "Flux",
        "drift detection",
    ),
    (
        "Argo CD",
        {"annotations": {"argocd.argoproj.io/tracking-id": "net:apps/DaemonSet:x/y"}},
        "Argo CD",
        "self-heal",
    ),
    (
        "Argo CD by its field manager",
        {"managedFields": [{"manager": "argocd-controller", "operation": "Apply"}]},
        "Argo CD",
        "self-heal",
    ),
    (
        "RKE2",
        {"annotations": {"objectset.rio.cattle.io/id": "helm-controller"}},
        "k3s or RKE2",
        "when a server restarts",
    ),
    ("kOps", {"labels": {"addon.kops.k8s.io/name": "networking.flannel"}}, "kOps", "addon"),
    (
        "the addon manager",
        {"labels": {"addonmanager.kubernetes.io/mode": "Reconcile"}},
        "the addon manager",
        "within a minute",
    ),
    (
        "an addon that is only ensured to exist",
        {"labels": {"addonmanager.kubernetes.io/mode": "EnsureExists"}},
        "",
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("why", "meta", "owner", "reverts"), OWNERS, ids=[o[0] for o in OWNERS])
def test_whoever_else_writes_the_object_is_named_with_what_belongs_there(
    why: str, meta: dict[str, Any], owner: str, reverts: str
) -> None:
    found = both(cases.case(meta=meta)).ownership
    assert found.owner == owner
    assert reverts in found.reverts
    assert bool(found.evidence) == bool(found.values) == bool(owner)


def test_the_text_for_the_owners_files_is_the_change() -> None:
    args = ["--ip-masq", "--kube-subnet-mgr", "--iface-regex=^(?:eth1|bond1)$"]
    file = yaml.safe_load(both(cases.case(meta={"annotations": APPLIED})).ownership.values)
    assert file["kind"] == "DaemonSet"
    assert file["metadata"] == {"name": cases.DS.name, "namespace": "kube-system"}
    assert file["spec"]["template"]["spec"]["containers"] == [
        {"name": "kube-flannel", "resources": {"limits": {"memory": "256Mi"}}, "args": args}
    ]


def test_the_text_for_flannels_own_chart_has_the_flags_without_the_program() -> None:
    spec = worlds.flannel_spec(command=("/opt/bin/flanneld", *worlds.STORY_FLAGS))
    text = both(cases.case(spec=replace(spec, args=()), meta={"labels": HELM})).ownership.values
    values = yaml.safe_load(text)["flannel"]
    assert values["args"] == ["--ip-masq", "--kube-subnet-mgr", "--iface-regex=^(?:eth1|bond1)$"]
    assert values["resources"] == {"limits": {"memory": "256Mi"}}


def test_the_known_hazards_of_a_version_are_said() -> None:
    spec = worlds.flannel_spec(*SAFE_FLAGS, image="docker.io/flannel/flannel:v0.25.5")
    plan = raise_memory.draft(cases.case(spec=spec), Wishes())
    assert isinstance(plan, Plan)
    assert sum("iptables or nft chains when it stops" in one for one in plan.side_effects) == 1


def test_another_installation_of_flannel_is_left_alone_and_said() -> None:
    case = cases.case()
    canal = replace(
        case.flannels[0], namespace="kube-canal", daemonset="canal", serves=("x",), uid="u2"
    )
    plan = both(replace(case, flannels=(*case.flannels, canal)))
    assert {one.target.name for one in plan.steps} == {cases.DS.name}
    assert any("left alone: kube-canal/canal" in one for one in plan.side_effects)
