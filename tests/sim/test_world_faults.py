"""Every fault does what it says and heals when it is taken away."""

import contextlib
import random
from typing import Any

import pytest

from bot.sim.cluster import faults, misbehaviour, truth, world
from tests.sim import worlds

pytestmark = pytest.mark.looptime


def switches(one: world.World) -> faults.Faults:
    return faults.Faults(one, misbehaviour.Switchboard(rng=random.Random(1)))


def summary(one: world.World) -> dict[str, list[str]]:
    return truth.of_world(one)["summary"]


def state(one: world.World, node: str) -> dict[str, Any]:
    return worlds.container_of(worlds.flannel_on(one, node))


def well(one: world.World, node: str) -> bool:
    container = state(one, node)
    return "running" in container["state"] and container["ready"]


async def test_a_relist_strikes_now_and_leaves_nothing_to_heal() -> None:
    async with worlds.living(nodes=120, name="story", first_burst=None) as one:
        board = switches(one)
        board.set("relist")
        assert not board.describe_one("relist")["active"]
        await worlds.eventually(lambda: summary(one)["oom_killed_nodes"])


async def test_more_services_weigh_flannel_down_until_they_are_gone() -> None:
    async with worlds.living(nodes=120, name="story", first_burst=None) as one:
        board = switches(one)
        board.set("services", params={"factor": 3})
        await worlds.pass_time(one, 30.0)
        killed = len(summary(one)["oom_killed_nodes"])
        assert killed > 8
        assert killed < 120
        board.clear("services")
        total = sum(node.flannel.oom_kills for node in one.kubelets.values())
        await worlds.pass_time(one, 120.0)
        assert sum(node.flannel.oom_kills for node in one.kubelets.values()) == total


async def test_a_matching_veth_makes_a_restarted_flannel_loop_until_it_is_unplugged() -> None:
    async with worlds.living(nodes=30, name="story", first_burst=None) as one:
        board = switches(one)
        board.set("matching_veth")
        (node,) = board.describe_one("matching_veth")["nodes"]
        await worlds.eventually(lambda: summary(one)["crash_looping_nodes"] == [node])
        assert "for interface veth1" in truth.of_world(one)["nodes"][node]["last_error"]
        assert summary(one)["oom_killed_nodes"] == []
        board.clear("matching_veth")
        await worlds.eventually(lambda: not summary(one)["crash_looping_nodes"] and well(one, node))


async def test_a_panic_is_exit_2_with_its_trace_and_heals() -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("flannel_crash", nodes=["vm-1"])
        await worlds.eventually(lambda: summary(one)["crash_looping_nodes"] == ["vm-1"])
        assert state(one, "vm-1")["lastState"]["terminated"]["exitCode"] == 2
        worker, container = one.kubelets["vm-1"].flannel_container() or pytest.fail("none")
        lines = one.book.lines(worker.place(container)) or []
        assert any("panic: runtime error" in text for _, text in lines)
        board.clear("flannel_crash")
        await worlds.eventually(
            lambda: well(one, "vm-1") and not summary(one)["crash_looping_nodes"]
        )


async def test_a_false_label_is_no_oom_kill_in_truth() -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("flannel_kill_sigterm_oom_label", nodes=["vm-1"])
        ended = state(one, "vm-1")["state"]["terminated"]
        assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 143)
        await worlds.eventually(lambda: well(one, "vm-1"))
        assert summary(one)["oom_killed_nodes"] == []
        assert state(one, "vm-1")["restartCount"] == 1


async def test_missed_restarts_show_only_the_last_end() -> None:
    async with worlds.living() as one:
        board = switches(one)
        seen: list[int] = []

        def note(change: Any) -> None:
            pod = change.object
            if change.resource != "pods" or pod["spec"].get("nodeName") != "vm-1":
                return
            if pod["metadata"]["labels"].get("app") == "flannel":
                seen.append(worlds.container_of(pod)["restartCount"])

        one.api.store.subscribe(note)
        board.set("missed_restarts", nodes=["vm-1"], params={"times": 4})
        await worlds.eventually(lambda: seen and well(one, "vm-1"), seconds=30)
        assert set(seen) == {4}
        assert one.kubelets["vm-1"].flannel.oom_kills == 4
        assert state(one, "vm-1")["lastState"]["terminated"]["reason"] == "OOMKilled"


async def test_missed_restarts_end_even_where_flannel_never_comes_up_again() -> None:
    async with worlds.living(nodes=30, name="story", first_burst=None) as one:
        board = switches(one)
        board.set("matching_veth", params={"restart": False})
        nodes = board.describe_one("matching_veth")["nodes"]
        board.set("missed_restarts", nodes=nodes, params={"times": 2})
        await worlds.pass_time(one, 130.0)
        assert not one.kubelets[nodes[0]].held
        assert state(one, nodes[0])["restartCount"] > 1


async def test_a_node_goes_down_and_comes_back() -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("node_down", nodes=["vm-1"])
        assert summary(one)["not_ready_nodes"] == ["vm-1"]

        def ready() -> str:
            return worlds.condition(one.api.get("nodes", "", "vm-1"), "Ready")["status"]

        await worlds.eventually(lambda: ready() == "Unknown")
        board.clear("node_down")
        await worlds.eventually(lambda: ready() == "True" and well(one, "vm-1"))
        assert summary(one)["not_ready_nodes"] == []


@pytest.mark.parametrize("app", ["flannel", "kube-proxy", "kube-dns"])
async def test_an_image_that_cannot_be_pulled_keeps_new_pods_waiting(app: str) -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("image_pull", params={"app": app})

        def reasons() -> set[str]:
            return {
                entry["state"].get("waiting", {}).get("reason")
                for pod in worlds.pods(one, app)
                for key in ("initContainerStatuses", "containerStatuses")
                for entry in pod["status"].get(key) or ()
            }

        if app != "kube-dns":  # its pods may find another node
            await worlds.eventually(lambda: "ErrImagePull" in reasons())
            await worlds.eventually(lambda: "ImagePullBackOff" in reasons())
            assert [event for event in one.api.store.list("events") if event["reason"] == "Failed"]
        board.clear("image_pull")
        await worlds.eventually(
            lambda: all(
                worlds.condition(pod, "Ready").get("status") == "True"
                for pod in worlds.pods(one, app)
            )
        )


async def test_a_failing_readiness_probe_makes_a_running_pod_unready() -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("pod_unready", nodes=["vm-1"])
        (pod,) = [
            pod for pod in worlds.pods(one, "kube-proxy") if pod["spec"]["nodeName"] == "vm-1"
        ]
        assert worlds.condition(pod, "Ready")["status"] == "False"
        assert "running" in worlds.container_of(pod)["state"]
        board.clear("pod_unready")
        (pod,) = [
            pod for pod in worlds.pods(one, "kube-proxy") if pod["spec"]["nodeName"] == "vm-1"
        ]
        assert worlds.condition(pod, "Ready")["status"] == "True"


async def test_coredns_goes_down_and_its_deployment_with_it() -> None:
    async with worlds.living() as one:
        board = switches(one)

        def available() -> str:
            found = one.api.get("deployments", "kube-system", "coredns")
            return worlds.condition(found, "Available")["status"]

        board.set("coredns_down")
        await worlds.eventually(lambda: available() == "False")
        board.clear("coredns_down")
        await worlds.eventually(lambda: available() == "True")


async def test_an_unschedulable_pod_waits_and_goes_with_its_deployment() -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("unschedulable")
        await worlds.eventually(
            lambda: [
                pod
                for pod in worlds.pods(one, "oversized")
                if worlds.condition(pod, "PodScheduled").get("reason") == "Unschedulable"
            ]
        )
        board.clear("unschedulable")
        await worlds.eventually(lambda: not worlds.pods(one, "oversized"))


async def test_flannel_goes_missing_on_a_node_without_its_label_and_returns() -> None:
    async with worlds.living() as one:
        board = switches(one)
        board.set("flannel_missing", nodes=["vm-1"])
        await worlds.eventually(
            lambda: not [pod for pod in worlds.pods(one) if pod["spec"].get("nodeName") == "vm-1"]
        )
        assert worlds.daemonset(one)["status"]["desiredNumberScheduled"] == 5
        board.clear("flannel_missing")
        await worlds.eventually(
            lambda: (
                [pod for pod in worlds.pods(one) if pod["spec"].get("nodeName") == "vm-1"]
                and well(one, "vm-1")
            )
        )


async def test_misbehaviour_of_the_api_server_is_switched_by_its_names_here() -> None:
    async with worlds.living() as one:
        board = switches(one)
        for name in [
            name for name in board.describe() if name.startswith(("api_", "watch_", "bad_"))
        ]:
            board.set(name)
            assert board.describe_one(name)["active"]
            assert len(board.switchboard.active()) == 1
            board.clear(name)
            assert not board.switchboard.active()
        board.set("api_429", params={"count": 1})
        board.switchboard.find(["throttle"])
        assert not board.describe_one("api_429")["active"], "it has worn off"


async def test_every_fault_can_be_struck_and_healed_in_any_order_without_harm() -> None:
    async with worlds.living(nodes=12) as one:
        board = switches(one)
        rng = random.Random(4)
        for _ in range(60):
            name = rng.choice(sorted(board.describe()))
            if rng.random() < 0.6:
                with contextlib.suppress(faults.BadRequest):  # nowhere left to strike
                    board.set(name)
            else:
                board.clear(name)
            await worlds.pass_time(one, rng.random() * 20.0)
        board.clear_all()
        await worlds.pass_time(one, 700.0)
        assert not summary(one)["not_ready_nodes"]
        assert not summary(one)["crash_looping_nodes"]
        status = worlds.daemonset(one)["status"]
        assert status["numberAvailable"] == status["desiredNumberScheduled"] == 12
        for app in ("kube-proxy", "kube-dns"):
            for pod in worlds.pods(one, app):
                assert worlds.condition(pod, "Ready")["status"] == "True"


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("node_down", {"nodes": ["nope"]}, "unknown nodes: nope"),
        ("services", {"params": {"facto": 2}}, "has no parameter 'facto'; there are: factor"),
        ("services", {"params": {"factor": "two"}}, "must be of type float"),
        ("services", {"params": {"factor": True}}, "must be of type float"),
        ("services", {"params": {"factor": -1}}, "factor must be positive"),
        ("missed_restarts", {"params": {"times": 1}}, "at least 2"),
        ("api_slow", {"nodes": ["vm-1"]}, "concerns the whole cluster"),
        ("image_pull", {"params": {"app": "nobody"}}, "finds no node to strike"),
    ],
)
async def test_what_does_not_fit_is_refused_with_a_reason(
    name: str, more: dict[str, Any], words: str
) -> None:
    async with worlds.living() as one:
        board = switches(one)
        with pytest.raises(faults.BadRequest, match=words):
            board.set(name, **more)
        assert not board.describe_one(name)["active"]


async def test_an_unknown_fault_is_answered_with_those_there_are() -> None:
    async with worlds.living() as one:
        with pytest.raises(faults.UnknownFault, match="node_down"):
            switches(one).set("nodedown")
