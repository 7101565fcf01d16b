"""Nodes: not ready, without flannel, and what cannot be seen at all."""

from dataclasses import replace

import pytest

from bot.checks import Limits
from bot.domain.finding import Severity
from bot.domain.snapshot import (
    Condition,
    ContainerSpec,
    Gap,
    Node,
    Owner,
    Snapshot,
    Taint,
    Template,
    Toleration,
)
from tests.checks.worlds import (
    NOW,
    PROXY,
    at,
    container,
    daemonset,
    flannel_spec,
    judge,
    node,
    nodes,
    pod,
    waiting,
    world,
)


class TestNotReady:
    @pytest.mark.parametrize(
        ("one", "told"),
        [
            (node(ready="False", since=at(-1)), True),
            (node(ready="Unknown", since=at(-0.5)), True),
            (node(ready="False", since=at(-0.4)), False),
            (node(ready="True", since=at(-1)), False),
            (Node("u", "n1", created_at=at(-1)), True),
            (Node("u", "n1", created_at=at(-0.4)), False),
            (node(ready="True", unschedulable=True), False),
            (node(ready="False", since=at(-1), unschedulable=True), True),
        ],
    )
    def test_after_its_grace(self, one: Node, told: bool) -> None:
        assert bool(judge("node_not_ready", world(one, *nodes(30)[1:]))) == told

    def test_it_says_what_kubernetes_says(self) -> None:
        condition = Condition("Ready", "Unknown", "NodeStatusUnknown", "", at(-2))
        pressure = Condition("MemoryPressure", "True", since=at(-9))
        one = replace(node(), conditions=(pressure, condition), unschedulable=True)
        (found,) = judge("node_not_ready", world(one))
        assert (found.target.kind, found.target.name, found.target.node) == ("Node", "n1", "n1")
        assert found.workload.kind == "Cluster"
        assert "its kubelet is silent" in found.summary
        text = " ".join(found.evidence)
        assert "Ready=Unknown reason=NodeStatusUnknown" in text
        assert "MemoryPressure=True" in text
        assert "cordoned" in text
        assert found.since == at(-2)

    @pytest.mark.parametrize(("down", "severity"), [(1, Severity.WARNING), (2, Severity.CRITICAL)])
    def test_a_tenth_of_all_nodes_is_critical(self, down: int, severity: Severity) -> None:
        ill = [node(f"n{n}", ready="False", since=at(-5)) for n in range(down)]
        found = judge("node_not_ready", world(*ill, *nodes(20)[down:]))
        assert [one.severity for one in found] == [severity] * down

    @pytest.mark.parametrize("resource", ["nodes", "*"])
    def test_what_cannot_be_seen_is_not_judged(self, resource: str) -> None:
        gap = Gap(resource, "403", NOW)
        assert not judge("node_not_ready", world(node(ready="False", since=at(-5)), gaps=[gap]))


def missing(
    *hosts: Node, minutes: float = 2, limits: Limits | None = None, **more: object
) -> list[str]:
    """Nodes told after a flannel on n1 only was watched for so long."""
    first = world(*hosts, daemonset(**more), pod(node="n1"))
    found = judge("flannel_missing", first, replace(first, taken_at=at(minutes)), limits=limits)
    return [one.target.name for one in found]


class TestFlannelMissing:
    def test_a_ready_node_without_a_pod_is_told_after_its_grace(self) -> None:
        assert missing(*nodes(3)) == ["n2", "n3"]
        assert missing(*nodes(3), minutes=1.9) == []

    def test_it_is_critical_and_of_the_daemonset(self) -> None:
        first = world(*nodes(2), daemonset(desired=2), pod(node="n1"))
        (found,) = judge("flannel_missing", first, replace(first, taken_at=at(5)))
        assert found.severity is Severity.CRITICAL
        assert (found.target.kind, found.target.node) == ("Node", "n2")
        assert (found.workload.kind, found.workload.name) == ("DaemonSet", "kube-flannel-ds-amd64")
        assert found.since == NOW
        assert found.container == "kube-flannel"

    @pytest.mark.parametrize(
        "host",
        [
            pytest.param(node("n2", ready="False"), id="not ready"),
            pytest.param(node("n2", ready="Unknown"), id="silent"),
            pytest.param(node("n2", since=at(1)), id="ready only just"),
            pytest.param(node("n2", created=at(1), since=at(1)), id="joined only just"),
            pytest.param(node("n2", os="windows"), id="windows"),
            pytest.param(node("n2", taints=(Taint("gpu", "", "NoExecute"),)), id="tainted"),
            pytest.param(node("n2", labels={"net": "none"}), id="not selected"),
        ],
    )
    def test_nodes_that_it_does_not_serve_or_that_others_tell(self, host: Node) -> None:
        term = (("net", "NotIn", ("none",)),)
        template = Template(containers=(flannel_spec(),), required_node_labels=(term,))
        assert missing(node("n1"), host, template=template) == []

    @pytest.mark.parametrize(
        "host",
        [
            pytest.param(node("n2", unschedulable=True), id="cordoned"),
            pytest.param(
                node("n2", taints=(Taint("node.kubernetes.io/unschedulable", "", "NoSchedule"),)),
                id="cordoned, with its taint",
            ),
            pytest.param(node("n2", taints=(Taint("k", "", "PreferNoSchedule"),)), id="unloved"),
        ],
    )
    def test_nodes_that_a_daemonset_wants_all_the_same(self, host: Node) -> None:
        assert missing(node("n1"), host) == ["n2"]

    def test_a_toleration_makes_a_tainted_node_wanted(self) -> None:
        host = node("n2", taints=(Taint("gpu", "", "NoSchedule"),))
        every = (Toleration("", "Exists", "", ""),)
        template = Template(containers=(flannel_spec(),), tolerations=every)
        assert missing(node("n1"), host, template=template) == ["n2"]

    def test_a_node_that_lost_the_label_it_is_chosen_by_is_told_with_the_label(self) -> None:
        term = (("kubernetes.io/arch", "In", ("amd64",)),)
        template = Template(containers=(flannel_spec(),), required_node_labels=(term,))
        labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
        hosts = (node("n1", labels=labels, arch="amd64"), node("n2", arch="amd64"))
        first = world(*hosts, daemonset(template=template, desired=1), pod(node="n1"))
        (found,) = judge("flannel_missing", first, replace(first, taken_at=at(2)))
        assert found.target.name == "n2"
        assert "lacks the label kubernetes.io/arch=amd64," in found.evidence[0]
        assert found.cure.endswith("`kubectl label node n2 kubernetes.io/arch=amd64`.")

    def test_any_of_several_daemonsets_serves(self) -> None:
        other = Owner("DaemonSet", "kube-flannel-ds-arm64", "ds-arm")
        both = world(
            *nodes(2),
            daemonset(),
            daemonset(other, spec=flannel_spec()),
            pod("a", node="n1"),
            pod("b", node="n2", owner=other),
        )
        assert not judge("flannel_missing", both, replace(both, taken_at=at(9)))

    def test_a_node_wanted_by_two_daemonsets_is_told_once(self) -> None:
        other = Owner("DaemonSet", "kube-flannel-ds-arm64", "ds-arm")
        bare = world(*nodes(2), daemonset(), daemonset(other, spec=flannel_spec()), pod(node="n1"))
        assert len(judge("flannel_missing", bare, replace(bare, taken_at=at(9)))) == 1

    def test_a_pod_that_is_replaced_in_time_is_none(self) -> None:
        looks = [
            world(*nodes(1), daemonset(), taken=at(0)),
            world(*nodes(1), daemonset(), pod(node="n1"), taken=at(1)),
            world(*nodes(1), daemonset(), taken=at(2)),
            world(*nodes(1), daemonset(), taken=at(3.5)),
        ]
        assert not judge("flannel_missing", *looks)

    def test_a_pod_that_does_not_end_no_longer_serves(self) -> None:
        ending = world(*nodes(1), daemonset(), pod(node="n1", deleting_since=at(-9)))
        assert judge("flannel_missing", ending, replace(ending, taken_at=at(3)))

    def test_pods_that_wait_to_be_scheduled_are_told_elsewhere(self) -> None:
        pending = pod("p", container(state=waiting("")), node="", phase="Pending")
        seen = world(*nodes(2), daemonset(), pod("a", node="n1"), pending)
        assert not judge("flannel_missing", seen, replace(seen, taken_at=at(9)))
        more = world(*nodes(3), daemonset(), pod("a", node="n1"), pending)
        assert len(judge("flannel_missing", more, replace(more, taken_at=at(9)))) == 2

    def test_a_failed_pod_is_told_elsewhere(self) -> None:
        failed = pod("f", node="n2", phase="Failed", ready=False, ready_since=at(-30))
        seen = world(*nodes(2), daemonset(), pod("a", node="n1"), failed)
        later = replace(seen, taken_at=at(9))
        assert not judge("flannel_missing", seen, later)
        assert judge("pod_not_ready", seen, later)

    def test_another_daemonset_is_not_flannel(self) -> None:
        seen = world(*nodes(2), daemonset(PROXY, spec=ContainerSpec("kube-proxy", "p:1")))
        assert not judge("flannel_missing", seen, replace(seen, taken_at=at(9)))

    def test_a_single_look_needs_no_memory(self) -> None:
        one_pass = Limits(one_pass=True)
        assert missing(*nodes(2), minutes=0, limits=one_pass) == ["n2"]
        assert missing(node("n1"), node("n2", since=at(-1)), minutes=0, limits=one_pass) == []
        rolling = missing(*nodes(2), minutes=0, limits=one_pass, desired=2, updated=1)
        assert rolling == []

    @pytest.mark.parametrize("namespace", ["", "kube-system"])
    def test_lost_sight_of_pods_neither_opens_nor_resolves(self, namespace: str) -> None:
        seen = world(*nodes(2), daemonset(), pod(node="n1"))
        gap = Gap("pods", "403", at(3), namespace=namespace)
        nothing = world(*nodes(2), daemonset(), taken=at(60), gaps=[gap])
        stood = judge("flannel_missing", seen, replace(seen, taken_at=at(2.5)), nothing)
        assert [one.target.name for one in stood] == ["n2"]
        young = Gap("pods", "403", at(1), namespace=namespace)
        assert not judge("flannel_missing", seen, replace(nothing, gaps=(young,)))

    def test_nodes_that_cannot_be_seen_are_not_judged(self) -> None:
        seen = world(*nodes(2), daemonset(), pod(node="n1"))
        blind = replace(seen, taken_at=at(9), gaps=(Gap("nodes", "403", at(8)),))
        assert not judge("flannel_missing", seen, blind)


class TestBlindSpot:
    def told(self, *gaps: Gap) -> list[tuple[str, str]]:
        return [
            (one.target.name, one.severity.value)
            for one in judge("blind_spot", Snapshot("prod", NOW, gaps=gaps))
        ]

    def test_a_lasting_gap_is_told_and_a_passing_one_is_not(self) -> None:
        assert self.told(Gap("pods", "timeout", at(-3))) == [("pods", "critical")]
        assert self.told(Gap("pods", "timeout", at(-2.9))) == []
        assert self.told() == []

    def test_every_gap_is_a_finding_of_its_own_and_none_comes_twice(self) -> None:
        told = self.told(
            Gap("pods", "x", at(-9), "kube-system"),
            Gap("pods", "y", at(-9), "kube-flannel"),
            Gap("nodes", "x", at(-9)),
            Gap("nodes", "again", at(-8)),
            Gap("*", "z", at(-9)),
        )
        assert sorted(told) == [
            ("everything", "critical"),
            ("nodes", "critical"),
            ("pods in kube-flannel", "critical"),
            ("pods in kube-system", "critical"),
        ]

    def test_many_gaps_of_one_reason_are_one_blind_api_server(self) -> None:
        told = self.told(
            Gap("pods", "cannot connect", at(-9), "kube-system"),
            Gap("pods", "cannot connect", at(-9), "kube-flannel"),
            Gap("nodes", "cannot connect", at(-9)),
            Gap("daemonsets", "403", at(-9)),
        )
        assert sorted(told) == [("API server", "critical"), ("daemonsets", "critical")]

    def test_a_single_object_or_the_revisions_are_a_lesser_loss(self) -> None:
        told = self.told(
            Gap("pods", "cannot be decoded", at(-9), "kube-system", "odd"),
            Gap("controllerrevisions", "403", at(-9)),
        )
        assert {severity for _, severity in told} == {"warning"}

    def test_it_says_why_since_when_and_what_to_do(self) -> None:
        gap = Gap("pods", "403 Forbidden", at(-9))
        (found,) = judge("blind_spot", Snapshot("prod", NOW, gaps=(gap,)))
        assert found.target.kind == found.workload.kind == "Cluster"
        assert "403 Forbidden" in found.evidence
        assert "blind on pods of cluster prod since 2026-03-01T11:51:00Z" in found.summary
        assert "get, list and watch" in found.cure
        assert found.since == at(-9)
