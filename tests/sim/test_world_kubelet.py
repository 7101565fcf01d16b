"""What a kubelet does with containers: back-off, statuses, graceful ends, silence."""

from typing import Any

import pytest

from bot.sim.cluster import store, world
from tests.sim import worlds

pytestmark = pytest.mark.looptime


def history(one: world.World, node: str) -> list[dict[str, Any]]:
    """All statuses of flannel's container on a node from now on."""
    found: list[dict[str, Any]] = []

    def note(change: store.Change) -> None:
        pod = change.object
        if change.resource != "pods" or pod["metadata"]["labels"].get("app") != "flannel":
            return
        if pod["spec"].get("nodeName") == node:
            found.append(pod["status"] | {"container": worlds.container_of(pod)})

    one.api.store.subscribe(note)
    return found


def break_flannel(one: world.World, node: str) -> None:
    """Let it choose again and find nothing: its NIC has gone."""
    host = one.host(node)
    number = next(link.ifindex for link in host.links.values() if link.name == host.private_nic)
    del host.links[number]
    worker, container = one.kubelets[node].flannel_container() or pytest.fail("no flannel")
    worker.kill(container, 137, "OOMKilled")


async def test_a_killed_container_is_told_terminated_then_running_with_its_last_state() -> None:
    async with worlds.living() as one:
        found = history(one, "vm-1")
        worker, container = one.kubelets["vm-1"].flannel_container() or pytest.fail("no flannel")
        before = container.id
        worker.kill(container, 137, "OOMKilled")
        await worlds.eventually(lambda: container.ready)
        ended, running = found[0]["container"], found[-1]["container"]
        assert ended["state"]["terminated"] | {"startedAt": "", "finishedAt": ""} == {
            "exitCode": 137,
            "reason": "OOMKilled",
            "startedAt": "",
            "finishedAt": "",
            "containerID": before,
        }
        assert (ended["ready"], ended["started"], ended["restartCount"]) == (False, False, 0)
        assert found[0]["phase"] == "Running"
        assert running["lastState"] == ended["state"]
        assert (running["ready"], running["restartCount"]) == (True, 1)
        assert running["containerID"] != before
        assert list(running["state"]) == ["running"]


async def test_a_failing_container_is_never_ready_and_waits_in_the_kubelets_words() -> None:
    async with worlds.living() as one:
        found = history(one, "vm-1")
        break_flannel(one, "vm-1")
        await worlds.eventually(lambda: one.kubelets["vm-1"].flannel.restarts >= 4, seconds=30)
        reasons = [
            next(iter(row["container"]["state"].values())).get("reason", "running") for row in found
        ]
        assert reasons[:5] == [
            "OOMKilled",
            "Error",
            "CrashLoopBackOff",
            "Error",
            "CrashLoopBackOff",
        ]
        assert not [row for row in found if row["container"]["ready"]]
        waiting = [row for row in found if "waiting" in row["container"]["state"]]
        pod = worlds.flannel_on(one, "vm-1")["metadata"]
        name = f"container=kube-flannel pod={pod['name']}_kube-system({pod['uid']})"
        assert [row["container"]["state"]["waiting"]["message"] for row in waiting][:3] == [
            f"back-off 10s restarting failed {name}",
            f"back-off 20s restarting failed {name}",
            f"back-off 40s restarting failed {name}",
        ]
        assert waiting[0]["container"]["lastState"]["terminated"]["exitCode"] == 1
        assert waiting[0]["container"]["restartCount"] == 1
        ready = next(item for item in waiting[0]["conditions"] if item["type"] == "Ready")
        assert ready["reason"] == "ContainersNotReady"
        assert ready["message"] == "containers with unready status: [kube-flannel]"
        (event,) = [
            one
            for one in one.api.store.list("events")
            if one["reason"] == "BackOff" and one["involvedObject"]["uid"] == pod["uid"]
        ]
        assert event["type"] == "Warning"
        assert event["count"] >= 3
        assert event["involvedObject"]["fieldPath"] == "spec.containers{kube-flannel}"


async def test_a_deleted_pod_ends_gracefully_and_returns_elsewhere_by_name() -> None:
    async with worlds.living() as one:
        old = worlds.flannel_on(one, "vm-1")["metadata"]
        answer = one.api.delete("pods", "kube-system", old["name"])
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 30
        assert one.api.get("pods", "kube-system", old["name"])
        new = await worlds.eventually(
            lambda: [
                pod
                for pod in worlds.pods(one)
                if pod["spec"].get("nodeName") == "vm-1"
                and pod["metadata"]["uid"] != old["uid"]
                and worlds.condition(pod, "Ready").get("status") == "True"
            ]
        )
        assert new[0]["metadata"]["name"] != old["name"]
        assert one.api.store.get("pods", "kube-system", old["name"]) is None
        assert one.book.lines(("kube-system", old["name"], "kube-flannel")) is None
        assert one.kubelets["vm-1"].flannel.restarts == 0, "a new pod is no restart"


async def test_mirror_pods_cannot_be_got_rid_of() -> None:
    async with worlds.living() as one:
        first = one.api.get("pods", "kube-system", "etcd-cp-1")["metadata"]["uid"]
        one.api.delete("pods", "kube-system", "etcd-cp-1")

        def again() -> bool:
            pod = one.api.store.get("pods", "kube-system", "etcd-cp-1")
            return (
                pod is not None
                and pod["metadata"]["uid"] != first
                and worlds.condition(pod, "Ready").get("status") == "True"
            )

        await worlds.eventually(again)


async def test_heartbeats_change_times_and_nothing_else() -> None:
    async with worlds.living(speed=1.0) as one:
        before = one.api.get("nodes", "", "vm-1")
        changed: list[dict[str, Any]] = []
        one.api.store.subscribe(
            lambda change: changed.append(change.object) if change.resource == "nodes" else None
        )
        await worlds.pass_time(one, 310.0)
        beats = [node for node in changed if node["metadata"]["name"] == "vm-1"]
        assert 1 <= len(beats) <= 2
        assert beats[0]["spec"] == before["spec"]
        kinds = [item["type"] for item in beats[0]["status"]["conditions"]]
        assert kinds == [item["type"] for item in before["status"]["conditions"]]
        for new, old in zip(
            beats[0]["status"]["conditions"], before["status"]["conditions"], strict=True
        ):
            assert new | {"lastHeartbeatTime": ""} == old | {"lastHeartbeatTime": ""}


async def test_pods_with_a_network_of_their_own_have_a_veth_as_long_as_they_run() -> None:
    async with worlds.living() as one:
        pod = worlds.pods(one, "kube-dns")[0]
        host = one.host(pod["spec"]["nodeName"])
        before = set(host.veths)
        one.api.delete("pods", "kube-system", pod["metadata"]["name"])
        await worlds.eventually(
            lambda: one.api.store.get("pods", "kube-system", pod["metadata"]["name"]) is None
        )
        assert before - set(host.veths)
        replacement = await worlds.eventually(
            lambda: [
                new
                for new in worlds.pods(one, "kube-dns")
                if new["metadata"]["name"] != pod["metadata"]["name"]
                and worlds.condition(new, "Ready").get("status") == "True"
                and "kube-flannel" not in new["metadata"]["name"]
            ]
        )
        assert replacement[0]["status"]["podIP"].startswith("10.244.")
