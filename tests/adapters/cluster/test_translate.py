"""From the wire to the domain, held against what a real API server said."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cluster import frames, kinds, listing, quantities, translate
from bot.domain import snapshot
from tests.adapters.cluster import objects

RECORDED = Path(__file__).parents[2] / "recorded" / "kubernetes-1.36"
STORIES = sorted(path.name for path in RECORDED.glob("*.json"))
BEGIN = datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC)


def timed(text: str) -> str:
    """Put real times in the place of the recordings' T+12."""

    def stamp(match: re.Match[str]) -> str:
        moment = BEGIN + timedelta(seconds=float(match[1]))
        return f'"{moment.isoformat().replace("+00:00", "Z")}"'

    return re.sub(r'"T([+-]\d+(?:\.\d+)?)"', stamp, text)


def recorded(story: str) -> list[dict[str, Any]]:
    exchanges: list[dict[str, Any]] = json.loads(timed((RECORDED / story).read_text()))["exchanges"]
    return exchanges


def kind_of(path: str) -> kinds.Kind | None:
    return next((k for k in kinds.ALL if path.rpartition("/")[2] == k.resource), None)


def typed_watches(story: str) -> Iterator[tuple[kinds.Kind, dict[str, Any]]]:
    for exchange in recorded(story):
        kind = kind_of(exchange["request"]["path"])
        for event in exchange["response"].get("events") or ():
            body = event["object"]
            if kind is not None and body.get("kind") in (kind.name, "Status"):
                yield kind, event


@pytest.mark.parametrize("story", STORIES)
async def test_every_recorded_list_is_read_whole(story: str) -> None:
    for exchange in recorded(story):
        body = exchange["response"].get("body")
        kind = kind_of(exchange["request"]["path"])
        if kind is None or not isinstance(body, dict) or body.get("kind") != f"{kind.name}List":
            continue
        found = listing.Listed()
        await listing._take(kind, "", json.dumps(body).encode(), found, known=None)
        assert not found.bad
        assert len(found.objects) == len(body["items"] or [])


@pytest.mark.parametrize("story", STORIES)
def test_every_recorded_event_is_understood(story: str) -> None:
    for kind, event in typed_watches(story):
        raw = json.dumps(event).encode()
        if event["type"] == "ERROR":
            with pytest.raises(frames.failures.Expired):
                frames.understand(kind, raw)
            continue
        line = frames.understand(kind, raw)
        assert line.version == event["object"]["metadata"]["resourceVersion"]
        if event["type"] == "BOOKMARK":
            assert line.said is frames.Said.BOOKMARK
        else:
            assert kind.translate(line.value).name == event["object"]["metadata"]["name"]


def test_the_recordings_hold_what_these_tests_need() -> None:
    seen = {
        (kind.resource, event["type"]) for story in STORIES for kind, event in typed_watches(story)
    }
    for needed in (
        ("pods", "ADDED"),
        ("pods", "MODIFIED"),
        ("pods", "DELETED"),
        ("daemonsets", "MODIFIED"),
        ("nodes", "BOOKMARK"),
        ("nodes", "ERROR"),
    ):
        assert needed in seen


def translated(kind: kinds.Kind, value: dict[str, Any]) -> Any:
    return kind.translate(kind.items.decode(json.dumps(value).encode()))


def test_a_recorded_node() -> None:
    body = next(
        e["response"]["body"]
        for e in recorded("01-nodes.json")
        if e["name"].endswith("the not-ready taint is gone")
    )
    node: snapshot.Node = translated(kinds.NODES, body)
    assert node.name == "node-1"
    assert node.health == "healthy"
    assert node.pod_cidrs == ("10.240.0.0/24",)
    assert node.internal_ips == ("10.100.0.1",)
    assert node.allocatable_memory == 263754152 * 1024
    assert (node.kernel, node.os, node.kubelet) == ("5.4.0-100-generic", "linux", "v1.30.0")
    assert node.annotations == {
        "flannel.alpha.coreos.com/backend-data": '{"VNI": 1, "VtepMAC": "8a:00:00:01:00:01"}',
        "flannel.alpha.coreos.com/backend-type": "vxlan",
        "flannel.alpha.coreos.com/kube-subnet-manager": "true",
        "flannel.alpha.coreos.com/public-ip": "10.100.0.1",
    }
    assert node.labels["topology.kubernetes.io/zone"] == "zone-1"
    assert not node.unschedulable


def test_a_recorded_daemonset_and_its_zeros_that_are_absent() -> None:
    bodies = [
        e["response"]["body"]
        for e in recorded("02-daemonset.json")
        if e["name"] == "the DaemonSet with no pod Ready"
    ]
    found: snapshot.DaemonSet = translated(kinds.DAEMONSETS, bodies[0])
    assert (found.desired, found.ready, found.available, found.updated) == (6, 0, 0, 6)
    (container,) = found.template.containers
    assert container.args[-1] == "--iface-regex=eth1|bond1"
    assert container.command == ("/opt/bin/flanneld",)
    assert container.memory_limit == 50 * 1024 * 1024
    assert found.template.host_network
    assert found.template.tolerations[0] == snapshot.Toleration("", "Exists", "", "")
    assert (found.strategy, found.max_unavailable) == ("RollingUpdate", "1")


def test_a_pod_and_how_it_died() -> None:
    pod: snapshot.Pod = translated(kinds.PODS, objects.pod("p", restarts=4))
    (container,) = pod.containers
    assert container.restart_count == 4
    assert container.memory_limit == 50 * 1024 * 1024
    assert container.state is not None
    assert container.state.container_id == "containerd://now"
    assert container.last_state == snapshot.ContainerState(
        phase=snapshot.Phase.TERMINATED,
        reason="OOMKilled",
        exit_code=137,
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        finished_at=datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC),
        container_id="containerd://before",
    )
    assert pod.owner == snapshot.Owner("DaemonSet", "kube-flannel-ds", "uid-ds")
    assert dict(pod.labels) == {"app": "flannel", "controller-revision-hash": "abc"}
    assert pod.ready
    assert pod.host_network


def test_when_a_pod_was_asked_to_go_not_when_its_grace_ends() -> None:
    value = objects.pod(
        "p", deletionTimestamp="2026-01-02T03:10:30Z", deletionGracePeriodSeconds=30
    )
    pod = translated(kinds.PODS, value)
    assert pod.deleting_since == datetime(2026, 1, 2, 3, 10, tzinfo=UTC)


def test_init_containers_come_first_and_are_marked() -> None:
    value = objects.pod("p")
    value["status"]["initContainerStatuses"] = [{"name": "install-cni", "ready": True}]
    pod = translated(kinds.PODS, value)
    assert [(c.name, c.init) for c in pod.containers] == [
        ("install-cni", True),
        ("kube-flannel", False),
    ]


def test_a_limit_raised_in_place_is_the_one_in_force() -> None:
    value = objects.pod("p")
    value["status"]["containerStatuses"][0]["resources"] = {"limits": {"memory": "128Mi"}}
    assert translated(kinds.PODS, value).containers[0].memory_limit == 128 * 1024 * 1024


def test_an_image_that_is_only_a_digest_is_named_by_the_spec() -> None:
    value = objects.pod("p")
    value["status"]["containerStatuses"][0]["image"] = f"sha256:{'0' * 64}"
    assert translated(kinds.PODS, value).containers[0].image.endswith("flannel:v0.12.0-amd64")


@pytest.mark.parametrize("waiting", [{"waiting": {"reason": "CrashLoopBackOff"}}, {}, None])
def test_states_of_a_container_that_does_not_run(waiting: Any) -> None:
    value = objects.pod("p")
    value["status"]["containerStatuses"][0]["state"] = waiting
    state = translated(kinds.PODS, value).containers[0].state
    if waiting:
        assert (state.phase, state.reason) == ("waiting", "CrashLoopBackOff")
    else:
        assert state is None


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("flannel.alpha.coreos.com/public-ip-overwrite", True),
        ("net.example.com/public-ip", True),
        ("net.example.com/x-backend-data", True),
        ("net.example.com/backend-v6-data", True),
        ("flannel.alpha.coreos.com/anything-new", True),
        ("k3s.io/internal-ip", True),
        ("kubernetes.io/public", False),
        ("node.alpha.kubernetes.io/ttl", False),
        ("my.io/republic-ip", False),
    ],
)
def test_annotations_of_flannel_are_kept_with_any_prefix(key: str, kept: bool) -> None:
    node = translated(kinds.NODES, objects.node("a", annotations={key: "x"}))
    assert (key in node.annotations) == kept


def test_where_a_template_may_run() -> None:
    value = objects.daemonset("d")
    spec = value["spec"]["template"]["spec"]
    spec["nodeSelector"] = {"kubernetes.io/arch": "amd64"}
    expression = {"key": "zone", "operator": "In", "values": ["a", "b"]}
    terms = [
        {"matchExpressions": [expression, {"key": "gpu", "operator": "Exists"}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
        {},
    ]
    required = {"nodeSelectorTerms": terms}
    spec["affinity"] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}
    }
    template = translated(kinds.DAEMONSETS, value).template
    assert template.node_selector == {"kubernetes.io/arch": "amd64"}
    assert template.required_node_labels == (
        (("zone", "In", ("a", "b")), ("gpu", "Exists", ())),
        (("metadata.name", "In", ("n",)),),
    )
    required["nodeSelectorTerms"] = [{}]
    template = translated(kinds.DAEMONSETS, value).template
    assert template.required_node_labels, "a term of nothing must not become no requirement"


def test_environment_from_elsewhere_is_named_and_not_guessed() -> None:
    value = objects.daemonset("d")
    value["spec"]["template"]["spec"]["containers"][0].update(
        env=[
            {"name": "PLAIN", "value": "x"},
            {"name": "EMPTY"},
            {"name": "FLANNELD_IFACE", "valueFrom": {"configMapKeyRef": {"name": "canal"}}},
        ],
        envFrom=[{"configMapRef": {"name": "all"}}, {"secretRef": {"name": "more"}}],
    )
    (container,) = translated(kinds.DAEMONSETS, value).template.containers
    assert container.env == {"PLAIN": "x", "EMPTY": ""}
    assert container.env_from_elsewhere == ("FLANNELD_IFACE", "configmap/all", "secret/more")


def test_the_last_applied_configuration_is_not_kept() -> None:
    value = objects.daemonset("d")
    value["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "{…}",
        "meta.helm.sh/release-name": "flannel",
    }
    found = translated(kinds.DAEMONSETS, value)
    assert found.annotations == {"meta.helm.sh/release-name": "flannel"}


def test_repeated_labels_are_held_once() -> None:
    one, two = (translated(kinds.PODS, objects.pod(name)) for name in "ab")
    assert one.labels is two.labels
    assert one.node is two.node
    assert translate.interned({"a": "b"}) == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("50Mi", 52428800),
        ("263754152Ki", 263754152 * 1024),
        ("1G", 1000000000),
        ("1.5Gi", 1610612736),
        ("128974848", 128974848),
        ("129e6", 129000000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("123m", 1),
        ("1000m", 1),
        (".5Ki", 512),
        ("5.", 5),
        (1024, 1024),
        ("-1Ki", -1024),
    ],
)
def test_quantities(text: str | float, value: int) -> None:
    assert quantities.whole(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "1 Mi", "1mi", "1KB", "0x10", "1e", "e3", "１", "1\n"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantities.whole(text)


@given(st.decimals(min_value=0, max_value=10**9, places=3), st.sampled_from(["", "Ki", "M", "m"]))
def test_quantities_are_never_rounded_down(number: Decimal, suffix: str) -> None:
    exact = number * {"": 1, "Ki": 1024, "M": 10**6, "m": Decimal("0.001")}[suffix]
    assert 0 <= quantities.whole(f"{number}{suffix}") - exact < 1
