"""Cordon, drain, uncordon and undo by `kubectl`, on one whole simulated cluster."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.sim.cluster import serve
from tests.sim import api
from tests.sim.kubectls import Kubectl
from tests.sim.test_api_kubectl import FLANNEL

pytestmark = [pytest.mark.real("kubectl"), pytest.mark.asyncio(loop_scope="module")]

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


@dataclass
class Moving:
    cluster: serve.SimulatedCluster
    kubectl: Kubectl

    def node(self, name: str) -> dict[str, Any]:
        return self.cluster.registry.get("nodes", "", name)

    def tainted(self, name: str) -> bool:
        return any(one["key"] == UNSCHEDULABLE for one in self.node(name)["spec"].get("taints", ()))

    def pods_on(self, name: str) -> list[dict[str, Any]]:
        return self.cluster.world.ctx.index.on_node(name)

    def kinds_on(self, name: str) -> set[str]:
        owners = [pod["metadata"].get("ownerReferences") or [{}] for pod in self.pods_on(name)]
        return {owner[0].get("kind", "nobody") for owner in owners}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def moving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Moving]:
    kubeconfig: Path = tmp_path_factory.mktemp("kubectl") / "kubeconfig"
    cluster = serve.SimulatedCluster(
        serve.ClusterOptions(nodes=6, speed=100.0, scenario="healthy", write_kubeconfig=kubeconfig)
    )
    await cluster.start()
    try:
        yield Moving(cluster, Kubectl(kubeconfig))
    finally:
        await cluster.stop()
    assert cluster.clock.failures == 0


def worker(moving: Moving) -> str:
    """A node that is no control plane."""
    names = [node["metadata"]["name"] for node in moving.cluster.registry.store.list("nodes")]
    return next(name for name in names if "ReplicaSet" in moving.kinds_on(name))


async def test_a_node_is_drained_and_taken_back(moving: Moving) -> None:
    name = worker(moving)
    before = {pod["metadata"]["uid"] for pod in moving.pods_on(name)}
    told = await moving.kubectl("drain", name, "--ignore-daemonsets", "--delete-emptydir-data")
    assert re.search(f"node/{name} (drained|evicted)", told), told
    assert moving.kinds_on(name) <= {"DaemonSet", "Node"}
    assert {pod["metadata"]["uid"] for pod in moving.pods_on(name)} < before
    assert moving.tainted(name)
    await moving.kubectl("uncordon", name)
    await api.until(lambda: not moving.tainted(name))
    assert "unschedulable" not in moving.node(name)["spec"]


async def test_a_cordon_is_said_once_and_keeps_all_but_daemonsets_away(moving: Moving) -> None:
    name, kubectl = worker(moving), moving.kubectl
    assert f"node/{name} cordoned" in await kubectl("cordon", name)
    assert "already cordoned" in await kubectl("cordon", name)
    await api.until(lambda: moving.tainted(name))
    there = moving.pods_on(name)
    flannel = next(pod for pod in there if FLANNEL in pod["metadata"]["name"])
    other = next(
        pod for pod in there if pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    )
    for pod in (flannel, other):
        metadata = pod["metadata"]
        await kubectl("delete", "pod", "-n", metadata["namespace"], metadata["name"])

    def replaced() -> bool:
        left = moving.pods_on(name)
        uids = {pod["metadata"]["uid"] for pod in left}
        again = [pod for pod in left if FLANNEL in pod["metadata"]["name"]]
        return len(again) == 1 and not uids & {one["metadata"]["uid"] for one in (flannel, other)}

    await api.until(replaced)
    replicaset = other["metadata"]["ownerReferences"][0]["uid"]
    await api.until(
        lambda: all(
            pod["spec"].get("nodeName") not in ("", name)
            for pod in moving.cluster.world.ctx.index.owned_by(replicaset)
            if pod["metadata"]["creationTimestamp"] > other["metadata"]["creationTimestamp"]
        )
    )
    assert f"node/{name} uncordoned" in await kubectl("uncordon", name)


async def test_a_budget_holds_up_a_drain_until_it_allows(moving: Moving) -> None:
    name, registry = worker(moving), moving.cluster.registry
    pod = next(
        pod
        for pod in moving.pods_on(name)
        if pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    )
    namespace = pod["metadata"]["namespace"]
    selector = {"matchLabels": {"app": pod["metadata"]["labels"]["app"]}}
    spec = {"selector": selector, "minAvailable": "100%"}

    def held(one: dict[str, Any]) -> bool:
        about = one["metadata"]
        app = (about.get("labels") or {}).get("app")
        return about["namespace"] == namespace and app == pod["metadata"]["labels"]["app"]

    registry.create(
        "poddisruptionbudgets", namespace, {"metadata": {"name": "stays"}, "spec": spec}
    )
    process = await moving.kubectl.start(
        "drain", name, "--ignore-daemonsets", "--delete-emptydir-data"
    )
    assert process.stderr is not None
    async for line in process.stderr:
        if b"error when evicting" in line:
            break
    same = [one["metadata"] for one in moving.pods_on(name) if held(one)]
    assert any(one["name"].encode() in line for one in same)
    assert b"violate the pod's disruption budget" in line
    process.kill()
    await process.communicate()
    assert registry.get("pods", namespace, pod["metadata"]["name"]) == pod
    registry.delete("poddisruptionbudgets", namespace, "stays")
    await moving.kubectl("drain", name, "--ignore-daemonsets", "--delete-emptydir-data")
    assert moving.kinds_on(name) <= {"DaemonSet", "Node"}
    await moving.kubectl("uncordon", name)


@pytest.mark.parametrize(("plural", "name"), [("daemonsets", FLANNEL), ("deployments", "coredns")])
async def test_a_rollout_is_undone(moving: Moving, plural: str, name: str) -> None:
    system, kubectl = ("-n", "kube-system"), moving.kubectl
    what = f"{plural}/{name}"

    def found() -> dict[str, Any]:
        return moving.cluster.registry.get(plural, "kube-system", name)

    before = found()
    await kubectl("set", "resources", *system, what, "--limits=memory=199Mi")
    assert found()["spec"]["template"] != before["spec"]["template"]
    await kubectl("rollout", "status", *system, what)
    assert "rolled back" in await kubectl("rollout", "undo", *system, what)
    assert found()["spec"]["template"] == before["spec"]["template"]
    await kubectl("rollout", "status", *system, what)
    history = await kubectl("rollout", "history", *system, what)
    numbers = [int(line.split()[0]) for line in history.splitlines() if line[:1].isdigit()]
    assert len(numbers) >= 2
    assert numbers[-1] >= 3
