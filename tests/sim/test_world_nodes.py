"""Nodes: silence and return (as recorded), cordons, pod networks, removal; and the scheduler."""

import collections
import json
from pathlib import Path
from typing import Any

import pytest

from bot.sim.cluster import world
from tests.sim import worlds

pytestmark = pytest.mark.looptime

RECORDED = json.loads(
    (Path(__file__).parent.parent / "recorded" / "kubernetes-1.36" / "06-cordon.json").read_text()
)["exchanges"]


def answer(index: int) -> Any:
    return RECORDED[index]["response"]["body"]


def plain(conditions: list[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in conditions}


async def test_a_silent_node_turns_unknown_as_recorded_and_comes_back() -> None:
    recorded = answer(17)
    async with worlds.living() as one:
        one.kubelets["vm-1"].fall_silent()
        tainted = []

        def note(change: Any) -> None:
            if change.resource == "nodes" and change.object["metadata"]["name"] == "vm-1":
                taints = [taint["effect"] for taint in change.object["spec"].get("taints", ())]
                if taints and taints not in tainted:
                    tainted.append(taints)

        one.api.store.subscribe(note)
        await worlds.eventually(lambda: len(tainted) == 2)
        assert tainted == [["NoSchedule"], ["NoSchedule", "NoExecute"]], "two writes, as upstream"
        node = one.api.get("nodes", "", "vm-1")
        mine, theirs = plain(node["status"]["conditions"]), plain(recorded["status"]["conditions"])
        assert mine.pop("NetworkUnavailable")[0] == theirs.pop("NetworkUnavailable")[0] == "False"
        assert mine == theirs
        assert [(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]] == [
            (taint["key"], taint["effect"]) for taint in recorded["spec"]["taints"]
        ]
        assert all("timeAdded" in taint for taint in node["spec"]["taints"])
        await worlds.eventually(lambda: worlds.daemonset(one)["status"]["numberAvailable"] == 5)
        pod = worlds.flannel_on(one, "vm-1")
        assert worlds.condition(pod, "Ready")["status"] == "False"
        assert worlds.condition(pod, "ContainersReady")["status"] == "True"
        assert worlds.container_of(pod)["ready"] is True
        assert worlds.daemonset(one)["status"]["numberUnavailable"] == 1
        assert [
            one
            for one in one.api.store.list("events", "default")
            if one["reason"] == "NodeNotReady"
        ]
        one.kubelets["vm-1"].speak()
        await worlds.eventually(
            lambda: (
                worlds.daemonset(one)["status"].get("numberAvailable") == 6
                and "taints" not in one.api.get("nodes", "", "vm-1")["spec"]
            )
        )
        assert plain(one.api.get("nodes", "", "vm-1")["status"]["conditions"])["Ready"][0] == "True"


async def test_a_short_silence_is_not_noticed() -> None:
    async with worlds.living(speed=1.0) as one:
        one.kubelets["vm-1"].fall_silent()
        await worlds.pass_time(one, 40.0)
        one.kubelets["vm-1"].speak()
        assert "taints" not in one.api.get("nodes", "", "vm-1")["spec"]


async def test_pods_that_do_not_tolerate_a_lost_node_are_evicted_after_five_minutes() -> None:
    async with worlds.living() as one:
        pod = worlds.pods(one, "kube-dns")[0]
        node = pod["spec"]["nodeName"]
        one.kubelets[node].fall_silent()
        gone = pod["metadata"]["name"]
        await worlds.eventually(
            lambda: "deletionTimestamp" in one.api.get("pods", "kube-system", gone)["metadata"],
            seconds=30,
        )
        assert one.clock.elapsed() > 300
        assert "deletionTimestamp" not in worlds.flannel_on(one, node)["metadata"]
        await worlds.eventually(
            lambda: (
                one.api.get("deployments", "kube-system", "coredns")["status"].get(
                    "availableReplicas"
                )
                == 2
            )
        )


async def test_a_cordon_brings_a_taint_a_moment_later_and_an_uncordon_takes_it_away() -> None:
    async with worlds.living() as one:
        body = {"spec": {"unschedulable": True}}
        at_once = one.api.patch("nodes", "", "vm-1", body, kind="merge")
        assert "taints" not in at_once["spec"]
        await worlds.eventually(lambda: one.api.get("nodes", "", "vm-1")["spec"].get("taints"))
        (taint,) = one.api.get("nodes", "", "vm-1")["spec"]["taints"]
        recorded = answer(2)["spec"]["taints"][0]
        assert taint | {"timeAdded": ""} == recorded | {"timeAdded": ""}
        # The DaemonSet's pods tolerate it: flannel stays, and returns after a deletion.
        name = worlds.flannel_on(one, "vm-1")["metadata"]["name"]
        one.api.delete("pods", "kube-system", name)
        await worlds.eventually(
            lambda: (
                worlds.condition(worlds.flannel_on(one, "vm-1"), "Ready").get("status") == "True"
                and worlds.flannel_on(one, "vm-1")["metadata"]["name"] != name
            )
        )
        one.api.patch("nodes", "", "vm-1", {"spec": {"unschedulable": None}}, kind="merge")
        await worlds.eventually(lambda: "taints" not in one.api.get("nodes", "", "vm-1")["spec"])


async def test_a_new_node_gets_a_free_pod_network_and_is_counted_by_every_flannel() -> None:
    async with worlds.living() as one:
        taken = {node["spec"]["podCIDR"] for node in one.api.store.list("nodes")}
        one.api.create("nodes", "", {"metadata": {"name": "fresh"}})
        node = await worlds.eventually(
            lambda: (found := one.api.get("nodes", "", "fresh"))["spec"].get("podCIDR") and found
        )
        assert node["spec"]["podCIDR"] not in taken
        assert one.burden.nodes == 7
        await worlds.eventually(lambda: one.api.get("nodes", "", "fresh")["spec"].get("taints"))


async def test_a_deleted_node_takes_its_pods_with_it_and_is_missed_by_nobody() -> None:
    async with worlds.living() as one:
        one.api.delete("nodes", "", "vm-1")
        await worlds.eventually(
            lambda: (
                not one.ctx.index.on_node("vm-1")
                and worlds.daemonset(one)["status"]["desiredNumberScheduled"] == 5
            )
        )
        assert one.burden.nodes == 5
        assert not [pod for pod in worlds.pods(one) if pod["spec"].get("nodeName") == "vm-1"]


async def deploy(one: world.World, *, replicas: int, cpu: str) -> None:
    template = {
        "metadata": {"labels": {"app": "shelf"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "registry.example/web:1",
                    "resources": {"requests": {"cpu": cpu}},
                }
            ]
        },
    }
    one.api.create(
        "deployments",
        "default",
        {
            "metadata": {"name": "shelf"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "shelf"}},
                "template": template,
            },
        },
    )


def shelf(one: world.World) -> list[dict[str, Any]]:
    return one.api.store.list("pods", "default")


async def test_a_pod_without_a_node_says_why_in_the_schedulers_words_and_goes_when_it_can() -> None:
    async with worlds.living() as one:
        for node in one.api.store.list("nodes"):
            name = node["metadata"]["name"]
            body = {"spec": {"unschedulable": True, "taints": None}}
            one.api.patch("nodes", "", name, body, kind="merge")
        await deploy(one, replicas=1, cpu="100m")
        pod = await worlds.eventually(
            lambda: shelf(one) and worlds.condition(shelf(one)[0], "PodScheduled") and shelf(one)[0]
        )
        mine, theirs = (
            worlds.condition(pod, "PodScheduled"),
            worlds.condition(answer(10), "PodScheduled"),
        )
        assert mine | {"lastTransitionTime": ""} == theirs | {"lastTransitionTime": ""}
        (event,) = [
            event for event in one.api.store.list("events") if event["reason"] == "FailedScheduling"
        ]
        (recorded,) = answer(11)["items"]
        assert event["message"] == recorded["message"]
        assert {key for key, value in event.items() if value is None} == {
            key for key, value in recorded.items() if value is None
        }
        one.api.patch("nodes", "", "vm-1", {"spec": {"unschedulable": False}}, kind="merge")
        await worlds.eventually(
            lambda: worlds.condition(shelf(one)[0], "Ready").get("status") == "True"
        )
        assert shelf(one)[0]["spec"]["nodeName"] == "vm-1"


async def test_no_machine_is_filled_beyond_what_it_has() -> None:
    async with worlds.living() as one:
        await deploy(one, replicas=6, cpu="5")
        await worlds.eventually(
            lambda: (
                (
                    len([pod for pod in shelf(one) if pod["spec"].get("nodeName")]) > 2
                    and [
                        pod
                        for pod in one.api.store.list("events")
                        if pod["reason"] == "FailedScheduling"
                    ]
                )
                or len([pod for pod in shelf(one) if pod["spec"].get("nodeName")]) == 6
            )
        )
        wanted: collections.Counter[str] = collections.Counter()
        for pod in shelf(one):
            wanted[pod["spec"].get("nodeName", "")] += 5
        for node, cpu in wanted.items():
            if node:
                assert cpu < int(one.api.get("nodes", "", node)["status"]["allocatable"]["cpu"])
                assert not node.startswith("cp-"), "the control plane is tainted"


async def test_a_deployment_rolls_without_losing_its_minimum() -> None:
    async with worlds.living() as one:
        least = 2

        def note(change: Any) -> None:
            nonlocal least
            if change.resource == "deployments":
                least = min(least, change.object["status"].get("availableReplicas", 0))

        one.api.store.subscribe(note)
        path = "/spec/template/spec/containers/0/image"
        body = [{"op": "replace", "path": path, "value": "registry.example/coredns:v2"}]
        one.api.patch("deployments", "kube-system", "coredns", body, kind="json")

        def done() -> bool:
            found = one.api.get("deployments", "kube-system", "coredns")
            status = found["status"]
            return (
                status["observedGeneration"] == found["metadata"]["generation"]
                and status.get("updatedReplicas") == 2
                and status.get("replicas") == 2
                and status.get("availableReplicas") == 2
            )

        await worlds.eventually(done)
        assert least >= 1
        progress = worlds.condition(
            one.api.get("deployments", "kube-system", "coredns"), "Progressing"
        )
        assert progress["reason"] == "NewReplicaSetAvailable"
        sets = one.api.store.list("replicasets", "kube-system")
        assert sorted(row["spec"]["replicas"] for row in sets) == [0, 2]
