"""Pods that somebody makes: they really run, end at their deadline, and go with their owners."""

import json
from typing import Any

import pytest

from bot.sim.cluster import execution, podworker, world
from tests.sim import worlds

pytestmark = pytest.mark.looptime

NODE = "vm-1"


def made(one: world.World, *, node: str = NODE, image: str = "", **spec: Any) -> str:
    """Make a pod by the API that sleeps on a node's network; return its name."""
    owner = spec.pop("owner", None)
    container = {
        "name": "look",
        "image": image or _image(one),
        "imagePullPolicy": spec.pop("policy", "Never"),
        "command": ["sleep", str(spec.pop("sleep", 600))],
    }
    metadata: dict[str, Any] = {"generateName": "made-"}
    if owner is not None:
        reference = {key: owner["metadata"][key] for key in ("name", "uid")}
        metadata["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "DaemonSet", **reference, **spec.pop("more", {})}
        ]
    wanted = {
        "nodeName": node,
        "hostNetwork": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 2,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        **spec,
    }
    pod = one.api.create("pods", "kube-system", {"metadata": metadata, "spec": wanted})
    return str(pod["metadata"]["name"])


def _image(one: world.World) -> str:
    return str(worlds.flannel_on(one, NODE)["spec"]["containers"][0]["image"])


def seen(one: world.World, name: str) -> dict[str, Any]:
    return one.api.store.get("pods", "kube-system", name) or {}


async def running(one: world.World, name: str) -> None:
    await worlds.eventually(lambda: worlds.container_of(seen(one, name))["state"].get("running"))


async def test_a_pod_made_for_a_node_runs_there_and_sees_its_network() -> None:
    async with worlds.living() as one:
        name = made(one)
        phases = [seen(one, name)["status"]["phase"]]
        await running(one, name)
        phases.append(seen(one, name)["status"]["phase"])
        assert phases == ["Pending", "Running"]
        source = execution.Source(one)
        told = source.exec("kube-system", name, "look", ("ip", "-j", "addr"))
        flannels = worlds.flannel_on(one, NODE)["metadata"]["name"]
        theirs = source.exec("kube-system", flannels, "kube-flannel", ("ip", "-j", "addr"))
        assert told
        assert theirs
        assert (told.out, told.code) == (theirs.out, theirs.code)
        assert {row["ifname"] for row in json.loads(theirs.out)} > {"lo", "eth1", "flannel.1"}


async def test_a_file_of_the_host_is_seen_only_where_it_is_mounted() -> None:
    async with worlds.living() as one:
        name = made(one)
        await running(one, name)
        source = execution.Source(one)
        command = ("cat", "/run/flannel/subnet.env")
        flannels = worlds.flannel_on(one, NODE)["metadata"]["name"]
        mounted = source.exec("kube-system", flannels, "kube-flannel", command)
        bare = source.exec("kube-system", name, "look", command)
        assert mounted
        assert mounted.code == 0
        assert bare
        assert bare.code == 1
        assert "No such file" in bare.err


async def test_an_image_that_is_not_there_is_never_pulled_against_its_policy() -> None:
    async with worlds.living() as one:
        name = made(one, image="quay.example/elsewhere/flannel:v9")
        state = await worlds.eventually(
            lambda: worlds.container_of(seen(one, name))["state"].get("waiting", {}).get("message")
        )
        assert state == (
            'Container image "quay.example/elsewhere/flannel:v9" is not present with pull policy '
            "of Never"
        )
        other = made(one, image="quay.example/elsewhere/flannel:v9", policy="IfNotPresent")
        await running(one, other)
        await worlds.pass_time(one, 15.0)
        await running(one, name)


async def test_a_pod_that_outlives_its_deadline_is_ended_as_failed_and_stays() -> None:
    async with worlds.living() as one:
        name = made(one, activeDeadlineSeconds=20)
        await running(one, name)
        await worlds.pass_time(one, 25.0)
        status = seen(one, name)["status"]
        assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
        assert "longer than the specified deadline" in status["message"]
        await worlds.pass_time(one, 60.0)
        assert seen(one, name)["status"]["phase"] == "Failed"
        one.api.delete("pods", "kube-system", name)
        assert not seen(one, name), "nobody has to wait for what has ended"


@pytest.mark.parametrize(("policy", "phase"), [("Never", "Succeeded"), ("Always", "Running")])
async def test_a_sleep_that_is_over_ends_the_pod_unless_it_is_to_be_restarted(
    policy: str, phase: str
) -> None:
    async with worlds.living() as one:
        name = made(one, sleep=5, restartPolicy=policy)
        await running(one, name)
        await worlds.pass_time(one, 12.0)
        assert seen(one, name)["status"]["phase"] == phase


async def test_a_first_process_that_hears_no_signal_is_killed_at_the_end_of_its_grace() -> None:
    async with worlds.living() as one:
        name = made(one, terminationGracePeriodSeconds=5)
        await running(one, name)
        one.api.delete("pods", "kube-system", name)
        await worlds.pass_time(one, podworker.SYNC + podworker.STOP + 1.0)
        assert seen(one, name), "it sleeps on"
        await worlds.pass_time(one, 5.0)
        assert not seen(one, name)


async def test_a_pod_goes_with_its_owner_and_the_owner_takes_it_for_no_child() -> None:
    async with worlds.living() as one:
        daemonset = worlds.daemonset(one)
        before = {pod["metadata"]["uid"] for pod in worlds.pods(one)}
        name = made(one, owner=daemonset)
        await running(one, name)
        await worlds.pass_time(one, 30.0)
        assert seen(one, name)["status"]["phase"] == "Running"
        assert {pod["metadata"]["uid"] for pod in worlds.pods(one)} == before
        one.api.delete("daemonsets", "kube-system", daemonset["metadata"]["name"])
        await worlds.pass_time(one, 10.0)
        assert not seen(one, name)


async def test_a_pod_whose_owner_never_was_is_collected() -> None:
    async with worlds.living() as one:
        name = made(one, owner={"metadata": {"name": "gone", "uid": "none"}})
        await worlds.pass_time(one, 10.0)
        assert not seen(one, name)


async def test_a_pod_of_a_node_that_goes_is_gone_too() -> None:
    async with worlds.living() as one:
        name = made(one)
        await running(one, name)
        one.api.delete("nodes", "", NODE)
        await worlds.eventually(lambda: not seen(one, name), seconds=60)
