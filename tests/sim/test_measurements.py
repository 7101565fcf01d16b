"""What the pretend cluster measures of itself: metrics.k8s.io, kubelets, kube-state-metrics."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.sim.cluster import usage
from tests.sim.test_api_kubectl import Kubectl
from tests.sim.test_world_serve import Client, served

pytestmark = pytest.mark.asyncio(loop_scope="module")
GROUP = "/apis/metrics.k8s.io/v1beta1"
MI = 2**20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    kubeconfig = tmp_path_factory.mktemp("kube") / "kubeconfig"
    async with served(nodes=12, write_kubeconfig=kubeconfig) as (_, asking):
        yield asking


async def asked(client: Client, path: str, **query: str) -> dict:
    status, text = await client.kube(path, **query)
    assert status == 200, text
    return json.loads(text)


def flannel_pod(client: Client, node: str) -> str:
    return str(client.cluster.truth()["nodes"][node]["pod"])


async def test_every_node_and_pod_is_measured(client: Client) -> None:
    nodes = await asked(client, f"{GROUP}/nodes")
    assert nodes["kind"] == "NodeMetricsList"
    names = sorted(client.cluster.truth()["nodes"])
    assert sorted(one["metadata"]["name"] for one in nodes["items"]) == names
    assert all(re.fullmatch(r"\d+Ki", one["usage"]["memory"]) for one in nodes["items"])
    pods = await asked(client, f"{GROUP}/namespaces/kube-system/pods")
    held = {one["metadata"]["name"]: one for one in pods["items"]}
    for node in names:
        (container,) = held[flannel_pod(client, node)]["containers"]
        size = int(container["usage"]["memory"][:-2]) * 1024
        assert container["name"] == "kube-flannel"
        assert size >= 9 * MI
    everywhere = await asked(client, f"{GROUP}/pods")
    assert len(everywhere["items"]) >= len(held) > len(names)


async def test_one_is_told_by_name_and_what_is_not_there_is_not(client: Client) -> None:
    node = min(client.cluster.truth()["nodes"])
    pod = flannel_pod(client, node)
    found = await asked(client, f"{GROUP}/namespaces/kube-system/pods/{pod}")
    assert (found["kind"], found["metadata"]["name"]) == ("PodMetrics", pod)
    assert (await asked(client, f"{GROUP}/nodes/{node}"))["kind"] == "NodeMetrics"
    for path in ("nodes/nowhere", "namespaces/kube-system/pods/nowhere", "services", "nodes/a/b"):
        status, text = await client.kube(f"{GROUP}/{path}")
        assert status == 404
        assert json.loads(text)["kind"] == "Status"


async def test_labels_select(client: Client) -> None:
    chosen = await asked(client, f"{GROUP}/pods", labelSelector="app=flannel")
    assert {one["containers"][0]["name"] for one in chosen["items"]} == {"kube-flannel"}
    none = await asked(client, f"{GROUP}/nodes", labelSelector="no=such")
    assert none["items"] == []


async def test_the_group_is_found_and_lost_with_metrics_server(client: Client) -> None:
    def groups(found: dict) -> set[str]:
        return {one["name"] for one in found["groups"]}

    assert "metrics.k8s.io" in groups(await asked(client, "/apis"))
    assert (await asked(client, GROUP))["groupVersion"] == "metrics.k8s.io/v1beta1"
    assert (await client.control("PUT", "/_sim/faults/metrics_absent"))[0] == 200
    assert "metrics.k8s.io" not in groups(await asked(client, "/apis"))
    assert (await client.kube(f"{GROUP}/nodes"))[0] == 404
    await client.control("DELETE", "/_sim/faults/metrics_absent")
    assert (await client.kube(f"{GROUP}/nodes"))[0] == 200


async def test_kubelets_tell_what_cadvisor_tells_with_its_traps(client: Client) -> None:
    node = min(client.cluster.truth()["nodes"])
    pod = flannel_pod(client, node)
    status, text = await client.kube(f"/api/v1/nodes/{node}/proxy/metrics/cadvisor")
    assert status == 200

    def lines(name: str) -> list[str]:
        return [one for one in text.splitlines() if one.startswith(name) and f'"{pod}"' in one]

    for name in (
        "container_memory_working_set_bytes", "container_memory_max_usage_bytes",
        "container_spec_memory_limit_bytes", "container_oom_events_total",
    ):  # fmt: skip
        container, whole = lines(name)
        assert 'container="kube-flannel"' in container
        assert 'container=""' in whole
        assert re.search(r"} \d+ \d{13}$", container), "cAdvisor stamps its samples itself"
    assert f" {256 * MI} " in lines("container_spec_memory_limit_bytes")[0]
    others = [one for one in text.splitlines() if "spec_memory_limit" in one and "} 0 " in one]
    assert others, "no limit is told as 0"
    status, resource = await client.kube(f"/api/v1/nodes/{node}/proxy/metrics/resource")
    assert status == 200
    assert f'container="kube-flannel",namespace="kube-system",pod="{pod}"' in resource
    assert (await client.kube("/api/v1/nodes/nowhere/proxy/metrics/cadvisor"))[0] == 503
    assert (await client.kube(f"/api/v1/nodes/{node}/proxy/elsewhere"))[0] == 404


async def test_kube_state_metrics_tell_limits_restarts_and_homes(client: Client) -> None:
    service = "/api/v1/namespaces/kube-system/services/kube-state-metrics:8080/proxy/metrics"
    status, text = await client.kube(service)
    assert status == 200
    node = min(client.cluster.truth()["nodes"])
    pod = flannel_pod(client, node)
    told = [one for one in text.splitlines() if f'pod="{pod}"' in one]
    assert any(one.startswith("kube_pod_info") and f'node="{node}"' in one for one in told)
    limit = next(one for one in told if "resource_limits" in one)
    assert limit.endswith(f" {256 * MI}")
    assert any("restarts_total" in one for one in told)


async def test_what_is_killed_by_the_kernel_had_weighed_most(client: Client) -> None:
    """The high-water mark holds what no sample sees: the children of the daemon."""
    source = usage.Source(client.cluster.world)
    for node in source.nodes():
        (found,) = [one for one in source.containers(node) if one.name == "kube-flannel"]
        assert found.working_set <= found.max_usage <= found.limit


@pytest.mark.real("kubectl")
async def test_kubectl_top_works(client: Client) -> None:
    path = client.cluster.options.write_kubeconfig
    assert path is not None
    assert shutil.which("kubectl")
    kubectl = Kubectl(Path(path))
    nodes = await kubectl("top", "nodes", "--no-headers")
    names = sorted(client.cluster.truth()["nodes"])
    assert sorted(line.split()[0] for line in nodes.splitlines()) == names
    assert all(line.split()[3].endswith("Mi") for line in nodes.splitlines())
    pods = await kubectl(
        "top", "pods", "-n", "kube-system", "-l", "app=flannel", "--containers", "--no-headers"
    )
    assert {line.split()[1] for line in pods.splitlines()} == {"kube-flannel"}
    assert len(pods.splitlines()) == len(names)
