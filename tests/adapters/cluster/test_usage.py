"""metrics.k8s.io as it is, as it is not, and as it should not be."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.cluster import client, usage
from bot.domain import errors
from bot.flow import memory_ports
from bot.sim.cluster import serve
from tests.adapters.cluster.conftest import FAST, Clock, Telemetry


def metrics(*pods: Any, kind: str = "PodMetricsList") -> bytes:
    return json.dumps({"kind": kind, "metadata": {}, "items": list(pods)}).encode()


def pod(name: str, *sizes: Any, **more: Any) -> dict[str, Any]:
    containers = [{"name": f"c{n}", "usage": {"memory": size}} for n, size in enumerate(sizes)]
    return {
        "metadata": {"name": name}, "timestamp": "2026-03-01T12:00:00Z", "window": "15s",
        "containers": containers, **more,
    }  # fmt: skip


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[serve.SimulatedCluster]:
    options = serve.ClusterOptions(nodes=4, write_kubeconfig=tmp_path / "kubeconfig")
    cluster = serve.SimulatedCluster(options)
    await cluster.start()
    yield cluster
    await cluster.stop()


def reaching(path: Path) -> client.Client:
    options = FAST.__class__(name="sim", kubeconfig=path, request_timeout=5.0)
    return client.Client(options, clock=Clock(), telemetry=Telemetry())


async def test_the_simulated_cluster_is_measured(
    simulated: serve.SimulatedCluster, tmp_path: Path
) -> None:
    async with reaching(tmp_path / "kubeconfig") as api:
        found = await usage.Usages(api).of("kube-system")
        flannel = [one for one in found if one.container == "kube-flannel"]
        truth = simulated.truth()["nodes"].values()
        assert {one.pod for one in flannel} == {one["pod"] for one in truth}
        assert all(9 * 2**20 < one.working_set < 50 * 2**20 for one in flannel)
        assert await usage.Usages(api).of("nowhere") == []
        simulated.switchboard.set("metrics-absent")
        with pytest.raises(memory_ports.Absent, match="install metrics-server"):
            await usage.Usages(api).of("kube-system")
        simulated.switchboard.set("error", {"code": 403})
        with pytest.raises(errors.Unavailable, match=r"pods\.metrics\.k8s\.io"):
            await usage.Usages(api).of("kube-system")


class Fixed:
    """An API server that answers one thing."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def send(self, ask: client.Ask) -> bytes:
        assert ask.path == "/apis/metrics.k8s.io/v1beta1/namespaces/kube-system/pods"
        return self.body


async def read(body: bytes) -> list[memory_ports.Usage]:
    return await usage.Usages(Fixed(body)).of("kube-system")  # type: ignore[arg-type]


async def test_quantities_are_bytes_and_bad_ones_are_left_out() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = await read(
        metrics(pod("a", "15Ki", "1M", "2e3", 7, None, "many", "-5Mi"), pod("b", containers=None))
    )
    assert found == [
        memory_ports.Usage("a", f"c{n}", at, size)
        for n, size in enumerate([15 * 1024, 1_000_000, 2000, 7])
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"{}", b"[]", b"null", metrics(kind="Status"), metrics("x"),
        metrics(pod("a", 1, timestamp="noon")), metrics({"timestamp": "2026-03-01T12:00:00Z"}),
    ],
)  # fmt: skip
async def test_what_is_no_list_of_measurements_is_no_empty_one(body: bytes) -> None:
    with pytest.raises(errors.Unavailable, match="memory use of pods in kube-system"):
        await read(body)
