"""The bot's writes, on a simulated cluster over HTTPS."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.cluster import actuator, failures
from bot.domain import errors, patch
from bot.domain.drain import NodePod
from bot.domain.target import Target
from bot.flow import actuation
from tests.adapters.cluster.conftest import Clock, World
from tests.adapters.cluster.scripted import Server
from tests.sim import api

NAME = "kube-flannel-ds-amd64"
FLANNEL = Target("test", "DaemonSet", "kube-system", NAME)
LIMIT = "/spec/template/spec/containers/0/resources/limits/memory"


@dataclass
class Hands:
    """An actuator and the cluster that it works on."""

    actuator: actuator.Actuator
    cluster: api.Api

    def uid(self, resource: str, namespace: str, name: str) -> str:
        found: str = self.cluster.registry.get(resource, namespace, name)["metadata"]["uid"]
        return found

    def annotations(self, resource: str, namespace: str, name: str) -> dict[str, str]:
        metadata = self.cluster.registry.get(resource, namespace, name)["metadata"]
        return dict(metadata.get("annotations") or {})


@contextlib.asynccontextmanager
async def at_work(tmp_path: Path, **options: Any) -> AsyncIterator[Hands]:
    async with api.serving() as cluster:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(cluster.server.kubeconfig(api.TOKEN)))
        async with World(Server(), kubeconfig).client(**options) as client:
            yield Hands(actuator.Actuator(client, clock=Clock()), cluster)


@pytest.fixture
async def hands(tmp_path: Path) -> AsyncIterator[Hands]:
    async with at_work(tmp_path) as found:
        found.cluster.registry.create("daemonsets", "kube-system", api.daemonset(NAME))
        for name in ("node-1", "node-2"):
            found.cluster.registry.create("nodes", "", {"metadata": {"name": name}})
        yield found


def raised(uid: str, *, old: str = "50Mi") -> patch.Patch:
    return (
        patch.Operation("test", "/metadata/uid", uid),
        patch.Operation("test", LIMIT, old),
        patch.Operation("replace", LIMIT, "150Mi"),
    )


def limit(document: Any) -> str:
    return str(
        document["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    )


async def test_a_daemonset_is_patched_and_says_by_which_run(hands: Hands) -> None:
    before = await hands.actuator.daemonset("kube-system", NAME)
    after = await hands.actuator.patch_daemonset(FLANNEL, raised(before.uid), operation="RUN-3")
    assert after.uid == before.uid
    assert after.generation == before.generation + 1
    assert limit(after.document) == "150Mi"
    stored = hands.cluster.registry.get("daemonsets", "kube-system", NAME)
    assert limit(stored) == "150Mi"
    assert hands.annotations("daemonsets", "kube-system", NAME)[actuator.OPERATION] == "RUN-3"


async def test_a_dry_run_tells_what_would_be_and_changes_nothing(hands: Hands) -> None:
    before = await hands.actuator.daemonset("kube-system", NAME)
    tried = await hands.actuator.patch_daemonset(
        FLANNEL, raised(before.uid), operation="RUN-3", dry_run=True
    )
    assert limit(tried.document) == "150Mi"
    assert await hands.actuator.daemonset("kube-system", NAME) == before


@pytest.mark.parametrize(("uid", "old"), [("another", "50Mi"), ("", "64Mi")])
async def test_a_daemonset_that_is_not_as_expected_is_left_alone(
    hands: Hands, uid: str, old: str
) -> None:
    before = await hands.actuator.daemonset("kube-system", NAME)
    with pytest.raises(errors.Conflict, match="not what the change expects"):
        await hands.actuator.patch_daemonset(
            FLANNEL, raised(uid or before.uid, old=old), operation="RUN-3"
        )
    assert await hands.actuator.daemonset("kube-system", NAME) == before


async def test_a_field_that_does_not_exist_is_refused(hands: Hands) -> None:
    uid = hands.uid("daemonsets", "kube-system", NAME)
    change = (*raised(uid)[:1], patch.Operation("add", "/spec/tempalte", {}))
    with pytest.raises(errors.Refused, match="unknown field"):
        await hands.actuator.patch_daemonset(FLANNEL, change, operation="RUN-3")


async def test_a_node_is_cordoned_once_and_freed_by_the_same_run_only(hands: Hands) -> None:
    uid, hand = hands.uid("nodes", "", "node-1"), hands.actuator
    tried = await hand.cordon("node-1", uid=uid, operation="RUN-3", dry_run=True)
    assert (await hand.node("node-1")) == tried
    before = await hand.cordon("node-1", uid=uid, operation="RUN-3")
    assert (before.unschedulable, before.cordoned_by) == (False, "")
    assert (await hand.node("node-1")).cordoned_by == "RUN-3"
    again = await hand.cordon("node-1", uid=uid, operation="RUN-4")
    assert again.cordoned_by == "RUN-3"
    assert not await hand.uncordon("node-1", uid=uid, operation="RUN-4")
    assert (await hand.node("node-1")).unschedulable
    assert await hand.uncordon("node-1", uid=uid, operation="RUN-3")
    assert await hand.node("node-1") == before
    assert not hands.annotations("nodes", "", "node-1")
    assert not await hand.uncordon("node-1", uid=uid, operation="RUN-3")


async def test_a_foreign_cordon_is_neither_marked_nor_lifted(hands: Hands) -> None:
    registry, hand = hands.cluster.registry, hands.actuator
    registry.patch("nodes", "", "node-1", {"spec": {"unschedulable": True}}, kind="merge")
    uid = hands.uid("nodes", "", "node-1")
    before = await hand.cordon("node-1", uid=uid, operation="RUN-3")
    assert (before.unschedulable, before.cordoned_by) == (True, "")
    assert not hands.annotations("nodes", "", "node-1")
    assert not await hand.uncordon("node-1", uid=uid, operation="RUN-3")
    assert (await hand.node("node-1")).unschedulable


async def test_our_mark_goes_with_a_cordon_that_a_person_has_lifted(hands: Hands) -> None:
    registry, hand = hands.cluster.registry, hands.actuator
    uid = hands.uid("nodes", "", "node-1")
    await hand.cordon("node-1", uid=uid, operation="RUN-3")
    registry.patch("nodes", "", "node-1", {"spec": {"unschedulable": None}}, kind="merge")
    assert not await hand.uncordon("node-1", uid=uid, operation="RUN-3")
    assert not hands.annotations("nodes", "", "node-1")


async def test_another_node_of_the_same_name_is_not_touched(hands: Hands) -> None:
    for attempt in (hands.actuator.cordon, hands.actuator.uncordon):
        with pytest.raises(errors.Conflict, match="another one"):
            await attempt("node-1", uid="gone-since", operation="RUN-3")
    with pytest.raises(errors.Conflict, match="not found"):
        await hands.actuator.cordon("nope", uid="x", operation="RUN-3")
    assert not (await hands.actuator.node("node-1")).unschedulable


def put(hands: Hands, name: str, node: str, **metadata: Any) -> dict[str, Any]:
    spec = metadata.pop("spec", {})
    pod = api.pod(name, nodeName=node, **spec)
    pod["metadata"] |= metadata
    return hands.cluster.registry.create("pods", "shop", pod)


async def test_the_pods_of_a_node_are_told_page_by_page(tmp_path: Path) -> None:
    async with at_work(tmp_path, page_size=2) as hands:
        hands.cluster.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
        for number in range(5):
            put(hands, f"web-{number}", "node-1")
        put(hands, "other", "node-2")
        names = [pod.name for pod in await hands.actuator.pods_on("node-1")]
        assert names == [f"web-{number}" for number in range(5)]
        assert len(await hands.actuator.all_pods()) == 6


async def test_a_pod_is_told_as_a_drain_must_know_it(hands: Hands) -> None:
    registry = hands.cluster.registry
    registry.create("namespaces", "", {"metadata": {"name": "shop"}})
    registry.create("daemonsets", "shop", api.daemonset("agent"))
    asks = {"requests": {"cpu": "250m", "memory": "64Mi"}}
    spec = {
        "containers": [
            {"name": "a", "image": "i", "resources": asks},
            {"name": "b", "image": "i", "resources": asks},
        ],
        "initContainers": [
            {"name": "s", "image": "i", "restartPolicy": "Always", "resources": asks},
            {"name": "i", "image": "i", "resources": {"requests": {"cpu": "1", "memory": "1Mi"}}},
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "hostNetwork": True,
    }
    put(hands, "plain", "node-1", labels={"app": "web"}, spec=spec)
    for name in ("agent", "lost"):
        owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": name, "uid": "u"}
        put(hands, f"{name}-1", "node-1", ownerReferences=[owner | {"controller": True}])
    put(hands, "static", "node-1", annotations={"kubernetes.io/config.mirror": ""})
    registry.patch(
        "pods",
        "shop",
        "static",
        {"status": {"phase": "Failed"}},
        kind="merge",
        subresource="status",
    )
    found = {pod.name: pod for pod in await hands.actuator.pods_on("node-1")}
    assert found["plain"] == NodePod(
        namespace="shop",
        name="plain",
        uid=hands.uid("pods", "shop", "plain"),
        node="node-1",
        empty_dir=True,
        host_network=True,
        memory_request=3 * 64 * 2**20,
        cpu_request=1_250,
        labels={"app": "web"},
    )
    assert (found["agent-1"].owner, found["agent-1"].owner_missing) == ("DaemonSet/agent", False)
    assert (found["lost-1"].owner, found["lost-1"].owner_missing) == ("DaemonSet/lost", True)
    assert found["static"].mirror
    assert found["static"].finished


async def test_a_pod_is_deleted_if_it_is_still_the_same(hands: Hands) -> None:
    hands.cluster.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
    hand = hands.actuator
    uid = put(hands, "web", "node-1")["metadata"]["uid"]
    state = await hand.pod("shop", "web")
    assert state is not None
    assert (state.uid, state.deleting, state.node) == (uid, False, "node-1")
    with pytest.raises(errors.Conflict, match="UID"):
        await hand.delete_pod("shop", "web", uid="another")
    assert await hand.delete_pod("shop", "web", uid=uid, dry_run=True)
    assert await hand.pod("shop", "web") == state
    assert await hand.delete_pod("shop", "web", uid=uid)
    state = await hand.pod("shop", "web")
    assert state is not None
    assert state.deleting
    assert await hand.delete_pod("shop", "web", uid=uid)
    hands.cluster.registry.delete("pods", "shop", "web", grace_seconds=0)
    assert await hand.pod("shop", "web") is None
    assert not await hand.delete_pod("shop", "web", uid=uid)


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (FLANNEL, "kube-system"),
        (Target("test", "Node", "", "node-1", "node-1"), "default"),
        (Target("test", "Pod", "kube-system", "kube-flannel-x"), "kube-system"),
    ],
)
async def test_an_event_is_left_where_people_look_for_it(
    hands: Hands, target: Target, place: str
) -> None:
    await hands.actuator.tell(target, uid="u-1", reason="Cordoned", text="for RUN-3", warning=True)
    (event,) = hands.cluster.registry.store.list("events", place)
    assert event["involvedObject"]["uid"] == "u-1"
    assert event["involvedObject"]["kind"] == target.kind
    assert (event["type"], event["reason"], event["message"]) == (
        "Warning",
        "Cordoned",
        "for RUN-3",
    )
    assert event["source"] == {"component": "flannel-bot"}


ON_THE_WAY = [
    ("abort", {}, actuation.Unsettled),
    ("lose", {}, actuation.Unsettled),
    ("error", {"code": 500}, actuation.Unsettled),
    ("error", {"code": 503}, actuation.Unsettled),
    ("html", {"code": 502}, actuation.Unsettled),
    ("error", {"code": 409}, errors.Conflict),
    ("error", {"code": 422}, errors.Conflict),
    ("error", {"code": 403}, errors.Refused),
    ("throttle", {"retry_after": 30}, failures.Failure),
    ("unauthorized", {}, failures.Failure),
]


@pytest.mark.parametrize(("fault", "params", "kind"), ON_THE_WAY)
async def test_what_became_of_a_write_is_found_out_by_looking(
    hands: Hands, fault: str, params: dict[str, Any], kind: type[errors.BotError]
) -> None:
    """Each write fails on the way; what is read afterwards tells whether it was done."""
    hand, registry = hands.actuator, hands.cluster.registry
    registry.create("namespaces", "", {"metadata": {"name": "shop"}})
    pods = {name: put(hands, name, "node-1")["metadata"]["uid"] for name in ("evicted", "deleted")}
    live = await hand.daemonset("kube-system", NAME)
    node = await hand.node("node-1")
    writes = [
        ("patch", hand.patch_daemonset(FLANNEL, raised(live.uid), operation="RUN-3")),
        ("patch", hand.cordon("node-1", uid=node.uid, operation="RUN-3")),
        ("create", hand.evict("shop", "evicted", uid=pods["evicted"])),
        ("delete", hand.delete_pod("shop", "deleted", uid=pods["deleted"])),
    ]
    for verb, write in writes:
        hands.cluster.server.switchboard.set(fault, {**params, "verb": verb})
        with pytest.raises(kind) as caught:
            await write
        assert isinstance(caught.value, actuation.Unsettled) == (kind is actuation.Unsettled)
        hands.cluster.server.switchboard.clear(fault)
    done = fault == "lose"
    assert limit((await hand.daemonset("kube-system", NAME)).document) == (
        "150Mi" if done else "50Mi"
    )
    assert (await hand.node("node-1")).cordoned_by == ("RUN-3" if done else "")
    states = [await hand.pod("shop", name) for name in pods]
    assert all(state is not None and state.deleting == done for state in states)
    # Repeated, it is done once, or known to be done.
    assert await hand.evict("shop", "evicted", uid=pods["evicted"])
    if done:
        with pytest.raises(errors.Conflict, match="not what the change expects"):
            await hand.patch_daemonset(FLANNEL, raised(live.uid), operation="RUN-3")


async def test_an_eviction_asks_the_budget(hands: Hands) -> None:
    registry, hand = hands.cluster.registry, hands.actuator
    registry.create("namespaces", "", {"metadata": {"name": "shop"}})
    uid = put(hands, "web", "node-1", labels={"app": "web"})["metadata"]["uid"]
    running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    registry.patch("pods", "shop", "web", {"status": running}, kind="merge", subresource="status")
    spec = {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 1}
    budget = registry.create(
        "poddisruptionbudgets", "shop", {"metadata": {"name": "stays"}, "spec": spec}
    )
    with pytest.raises(actuation.Blocked, match="stays is still being processed"):
        await hand.evict("shop", "web", uid=uid)
    seen = {
        "observedGeneration": 1,
        "disruptionsAllowed": 0,
        "currentHealthy": 1,
        "desiredHealthy": 1,
        "expectedPods": 1,
    }
    registry.replace(
        "poddisruptionbudgets", "shop", "stays", budget | {"status": seen}, subresource="status"
    )
    with pytest.raises(actuation.Blocked, match="stays needs 1 healthy pods and has 1 currently"):
        await hand.evict("shop", "web", uid=uid, dry_run=True)
    registry.create("poddisruptionbudgets", "shop", {"metadata": {"name": "too"}, "spec": spec})
    with pytest.raises(errors.Refused, match="more than one PodDisruptionBudget"):
        await hand.evict("shop", "web", uid=uid)
    for name in ("stays", "too"):
        registry.delete("poddisruptionbudgets", "shop", name)
    with pytest.raises(errors.Conflict, match="UID"):
        await hand.evict("shop", "web", uid="another")
    assert await hand.evict("shop", "web", uid=uid, dry_run=True)
    assert not (await hand.pod("shop", "web")).deleting  # type: ignore[union-attr]
    assert await hand.evict("shop", "web", uid=uid)
    assert (await hand.pod("shop", "web")).deleting  # type: ignore[union-attr]
    registry.delete("pods", "shop", "web", grace_seconds=0)
    assert not await hand.evict("shop", "web", uid=uid)
