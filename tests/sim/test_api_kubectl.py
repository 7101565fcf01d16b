"""The simulated API server as `kubectl` sees it: the one client everybody has."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sim import api
from tests.sim.kubectls import Kubectl
from tests.sim.test_api_logs import Pages

pytestmark = pytest.mark.real("kubectl")
FLANNEL = "kube-flannel-ds-amd64"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


@contextlib.asynccontextmanager
async def cluster(kubeconfig: Path) -> AsyncIterator[tuple[api.Api, Kubectl]]:
    async with api.serving(logs=Pages()) as server:
        # JSON is YAML, too.
        kubeconfig.write_text(json.dumps(server.server.kubeconfig(api.TOKEN)))
        objects = server.registry
        for name in ("node-1", "node-2"):
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
            status = {
                "conditions": [ready],
                "nodeInfo": {"kubeletVersion": "v1.30.0", "osImage": "Ubuntu 20.04"},
                "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            }
            objects.create("nodes", "", {"metadata": {"name": name}, "status": status})
        objects.create("daemonsets", "kube-system", api.daemonset(FLANNEL))
        objects.create("pods", "default", api.pod("p", labels={"app": "x"}))
        objects.bind("default", "p", "node-1")
        container = {"name": "main", "ready": True, "restartCount": 2, "image": "i", "imageID": "i"}
        running = {
            "phase": "Running",
            "containerStatuses": [container | {"state": {"running": {}}}],
        }
        objects.patch(
            "pods", "default", "p", {"status": running}, kind="merge", subresource="status"
        )
        pod = objects.get("pods", "default", "p")
        about = {"kind": "Pod", "namespace": "default", "name": "p", "uid": pod["metadata"]["uid"]}
        event = {
            "metadata": {"name": "p.1"},
            "involvedObject": about,
            "type": "Warning",
            "reason": "BackOff",
            "message": "Back-off restarting failed container",
            "firstTimestamp": objects.now(after=-60),
            "lastTimestamp": objects.now(),
            "count": 3,
        }
        objects.create("events", "default", event)
        yield server, Kubectl(kubeconfig)


async def test_kubectl_shows_what_is_there(kubeconfig: Path) -> None:
    async with cluster(kubeconfig) as (_, kubectl):
        version, nodes, pods, sets, logs, described, pod = await asyncio.gather(
            kubectl("version"),
            kubectl("get", "nodes"),
            kubectl("get", "pods", "-A", "-o", "wide"),
            kubectl("get", "ds", "-n", "kube-system", "-o", "yaml"),
            kubectl("logs", "p", "--tail", "2"),
            kubectl("describe", "node", "node-1"),
            kubectl("describe", "pod", "p"),
        )
        assert re.search(r"Server Version: .*v1\.36\.2", version)
        assert [line.split()[:3] for line in nodes.splitlines()] == [
            ["NAME", "STATUS", "ROLES"],
            ["node-1", "Ready", "<none>"],
            ["node-2", "Ready", "<none>"],
        ]
        assert pods.splitlines()[1].split()[:5] == ["default", "p", "1/1", "Running", "2"]
        assert f"name: {FLANNEL}" in sets
        assert "maxUnavailable: 1" in sets
        assert logs == "line 1\nline 0\n"
        assert "Taints:             node.kubernetes.io/not-ready:NoSchedule" in described
        assert "Ready   True" in described
        assert "Back-off restarting failed container" in pod


async def test_kubectl_changes_what_it_is_told_to(kubeconfig: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "map.yaml"
    manifest.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: a}\n")
    async with cluster(kubeconfig) as (server, kubectl):
        assert "created" in await kubectl("apply", "-f", str(manifest))
        manifest.write_text(manifest.read_text().replace("k: a", "k: b"))
        assert "configured" in await kubectl("apply", "-f", str(manifest))
        assert "unchanged" in await kubectl("apply", "-f", str(manifest))
        assert server.registry.get("configmaps", "default", "m")["data"] == {"k": "b"}
        await kubectl("cordon", "node-1")
        assert server.registry.get("nodes", "", "node-1")["spec"]["unschedulable"] is True
        await kubectl("label", "pod", "p", "app=y", "--overwrite")
        await kubectl(
            "set", "resources", "-n", "kube-system", f"ds/{FLANNEL}", "--limits=memory=99Mi"
        )
        found = server.registry.get("daemonsets", "kube-system", FLANNEL)
        template = found["spec"]["template"]["spec"]
        assert template["containers"][0]["resources"]["limits"] == {"memory": "99Mi"}
        assert found["metadata"]["generation"] == 2
        await kubectl("delete", "configmap", "m")
        assert 'configmaps "m" not found' in await kubectl("get", "cm", "m", fails=True)
        manifest.write_text(manifest.read_text().replace("data: {k", "dta: {k"))
        assert 'unknown field "dta"' in await kubectl("apply", "-f", str(manifest), fails=True)


async def test_kubectl_watches(kubeconfig: Path) -> None:
    async with cluster(kubeconfig) as (server, kubectl):
        process = await kubectl.start("get", "nodes", "-w", "-o", "name")
        assert process.stdout is not None
        try:
            for name in ("node-1", "node-2"):
                line = await asyncio.wait_for(process.stdout.readline(), 30)
                assert line.decode().strip() == f"node/{name}"
            await api.until(lambda: server.server.watching)
            server.registry.create("nodes", "", {"metadata": {"name": "node-3"}})
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            assert line.decode().strip() == "node/node-3"
        finally:
            process.terminate()
            await process.communicate()
