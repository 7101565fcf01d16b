"""The mirror beside the simulated API server: real TLS, real controllers, real log lines."""

from pathlib import Path

import pytest

from bot.adapters.cluster import reader
from bot.sim.cluster import serve
from tests.adapters.cluster.conftest import World
from tests.adapters.cluster.scripted import Server, eventually


@pytest.fixture
async def simulated(tmp_path: Path):
    options = serve.ClusterOptions(
        nodes=8, seed=3, speed=50.0, write_kubeconfig=tmp_path / "kubeconfig"
    )
    cluster = serve.SimulatedCluster(options)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()


async def test_a_simulated_cluster_is_mirrored_as_it_is(
    simulated: serve.SimulatedCluster, tmp_path: Path
) -> None:
    world = World(Server(), tmp_path / "kubeconfig")
    world.watched = lambda seen: True  # type: ignore[method-assign]
    async with world.mirrored(namespaces=("kube-system", "kube-flannel"), discover=True) as seen:
        assert len(seen.snapshot().nodes) == 8
        flannel = await eventually(
            lambda: [
                pod
                for pod in seen.snapshot().pods.values()
                if any(c.name == "kube-flannel" for c in pod.containers)
            ]
        )
        assert flannel[0].node in seen.snapshot().nodes
        daemonsets = seen.snapshot().daemonsets.values()
        assert any("--iface-regex=eth1|bond1" in arg for d in daemonsets for arg in _args(d))
        text = await reader.Logs(seen._api).tail(
            flannel[0].namespace, flannel[0].name, "kube-flannel", previous=False, lines=20
        )
        assert "main.go" in text
        before = {pod.uid for pod in seen.snapshot().pods.values()}
        await seen.relist()
        assert before & {pod.uid for pod in seen.snapshot().pods.values()}
        assert not seen.snapshot().gaps


def _args(daemonset) -> list[str]:
    return [arg for c in daemonset.template.containers for arg in (*c.command, *c.args)]
