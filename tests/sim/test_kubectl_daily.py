"""What people do with `kubectl` all day, by every kubectl that is found, on one whole cluster."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot.sim.cluster import resources, serve
from tests.sim import api, kubectls
from tests.sim.test_api_kubectl import FLANNEL

pytestmark = [pytest.mark.real("kubectl"), pytest.mark.asyncio(loop_scope="module")]

SYSTEM = ("-n", "kube-system")
EDITOR = "#!/bin/sh\nsed -i 's/k: patched/k: edited/' \"$1\"\n"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop-2}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: registry.example/app:1
        readinessProbe: {exec: {command: [/bin/true]}}
"""


@dataclass
class Daily:
    cluster: serve.SimulatedCluster
    kubectl: kubectls.Kubectl
    home: Path

    def requests(self, since: int, **like: str) -> list[str]:
        """The queries of what was asked of the server."""
        return [
            one["query"]
            for one in self.cluster.api.requests.since(since)
            if all(one[key] == value for key, value in like.items())
        ]


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=kubectls.found(), ids=lambda path: Path(path).name
)
async def daily(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Daily]:
    home = tmp_path_factory.mktemp("kubectl")
    cluster = serve.SimulatedCluster(
        serve.ClusterOptions(
            nodes=6, speed=100.0, scenario="healthy", write_kubeconfig=home / "kubeconfig"
        )
    )
    await cluster.start()
    try:
        yield Daily(cluster, kubectls.Kubectl(home / "kubeconfig", request.param), home)
    finally:
        await cluster.stop()
    assert cluster.clock.failures == 0


READS = {
    "get nodes -o wide": r"cp-1 +Ready +control-plane .*INTERNAL-IP|cp-1 +Ready.* containerd://",
    "get nodes -o name": r"(?m)^node/vm-1$",
    "get node vm-1 -o yaml": r"(?m)^kind: Node$",
    "get ds -A -o json": r'"kind": "DaemonSet"',
    f"get ds -n kube-system {FLANNEL} -o jsonpath={{..containers[0].name}}": r"^kube-flannel$",
    "get pods -A -o custom-columns=NAME:.metadata.name,ON:.spec.nodeName": r"etcd-cp-1 +cp-1\n",
    "get pods -n kube-system -l app=flannel -o name": r"^(pod/kube-flannel-ds-\S+\n){6}$",
    "get pods -n kube-system -l app!=flannel -o name": r"^(?!(.|\n)*kube-flannel)pod/",
    "get pods -A --field-selector spec.nodeName=vm-1 -o wide": r"^(NAME.*\n)(.* vm-1 .*\n)+$",
    "get all -n kube-system": r"daemonset.apps/kube-flannel(.|\n)*deployment.apps/coredns",
    "get pods,ds -n kube-system": r"pod/etcd-cp-1(.|\n)*daemonset.apps/kube-flannel",
    "get controllerrevisions -n kube-system": rf"daemonset.apps/{FLANNEL} +2",
    f"describe ds -n kube-system {FLANNEL}": r"Number of Nodes Scheduled with Up-to-date Pods: 6",
    "describe deploy -n kube-system coredns": r"Available +True +MinimumReplicasAvailable",
    "describe node vm-1": r"Non-terminated Pods: +\(\d+ in total\)(.|\n)*kube-flannel-ds",
    "describe pod -n kube-system etcd-cp-1": r"Node: +cp-1/10\.",
    "api-resources --no-headers -o name": r"(?m)^daemonsets\.apps$",
    "api-versions": r"(?m)^policy/v1$",
    "cluster-info": r"is running at \S*https://127\.0\.0\.1",
    "get --raw /readyz": r"^ok$",
    "auth can-i patch daemonsets.apps -n kube-system": r"^yes$",
    "auth can-i --list": r"\*\.\* +\[\] +\[\] +\[\*\]",
    "explain ds.spec.updateStrategy --recursive": r"rollingUpdate\s+<\S+>\s+maxSurge\s+<string>",
    "explain pods.spec.containers.resources": r"limits\s+<map\[string\]string>",
    "top nodes": r"vm-1 +\d+m +\d+% +\d+Mi +\d+%",
    f"rollout history -n kube-system ds/{FLANNEL}": r"2 +<none>",
    f"rollout status -n kube-system ds/{FLANNEL}": r"successfully rolled out",
    f"logs -n kube-system ds/{FLANNEL} -c kube-flannel --tail=3": r"^(.*\n){3}$",
}


@pytest.mark.parametrize("asked", READS)
async def test_what_is_there_is_shown(daily: Daily, asked: str) -> None:
    told = await daily.kubectl(*asked.split())
    assert re.search(READS[asked], told), told


REFUSED = {
    "get nosuch": 'the server doesn\'t have a resource type "nosuch"',
    "get pod nosuch": 'Error from server (NotFound): pods "nosuch" not found',
    "get pods -l a=b=c": "unable to parse requirement",
    "get pods --field-selector spec.color=red": "field label not supported: spec.color",
    "explain pods.nosuch": 'field "nosuch" does not exist',
    "logs -n kube-system etcd-cp-1 --previous": 'previous terminated container "etcd" in pod',
    "scale -n kube-system deploy/coredns --replicas=-1": "is required",
    "create job j --image=registry.example/app:1": "could not find the requested resource",
    "--token=wrong get nodes": "You must be logged in to the server",
}


@pytest.mark.parametrize("asked", REFUSED)
async def test_what_cannot_be_is_refused_clearly(daily: Daily, asked: str) -> None:
    assert REFUSED[asked] in await daily.kubectl(*asked.split(), fails=True)


async def test_every_kind_is_printed_as_a_table(daily: Daily) -> None:
    rows = [row for row in resources.ALL if "list" in row.verbs]
    kinds = ",".join(f"{row.plural}.{row.group}" if row.group else row.plural for row in rows)
    before = daily.cluster.api.requests.last
    await daily.kubectl("get", kinds, "-A", "-o", "wide")
    asked = [one for one in daily.cluster.api.requests.since(before) if one["verb"] == "list"]
    assert {one["resource"] for one in asked} == {row.plural for row in rows}
    assert {one["status"] for one in asked} == {200}


async def test_lists_come_in_order_and_in_pages(daily: Daily) -> None:
    before = daily.cluster.api.requests.last
    names = "custom-columns=NAME:.metadata.name"
    whole, paged = await asyncio.gather(
        daily.kubectl("get", "pods", *SYSTEM, "--sort-by=.metadata.name", "-o", names),
        daily.kubectl("get", "pods", *SYSTEM, "--chunk-size=7", "-o", "name"),
    )
    sorted_names = whole.split()[1:]
    assert sorted_names == sorted(sorted_names)
    assert sorted(line.removeprefix("pod/") for line in paged.split()) == sorted_names
    queries = [query for query in daily.requests(before, verb="list") if "limit=7" in query]
    assert len(queries) == -(-len(sorted_names) // 7)
    assert sum("continue=" in query for query in queries) == len(queries) - 1


async def test_a_deployment_lives_as_long_as_it_is_wanted(daily: Daily) -> None:
    kubectl, registry = daily.kubectl, daily.cluster.registry
    manifest = daily.home / "web.yaml"
    manifest.write_text(WEB)
    here, web = ("-n", "shop-2"), "deployment/web"
    assert "created" in await kubectl("create", "namespace", "shop-2")
    assert "created" in await kubectl("apply", "-f", str(manifest))
    assert "successfully rolled out" in await kubectl("rollout", "status", *here, web)
    assert "scaled" in await kubectl("scale", *here, web, "--replicas=3")
    await kubectl("wait", *here, web, "--for=condition=Available", "--timeout=20s")
    await kubectl("set", "image", *here, web, "main=registry.example/app:2")
    assert "successfully rolled out" in await kubectl("rollout", "status", *here, web)
    assert "main=registry" not in await kubectl("rollout", "history", *here, web)
    assert "app:1" in await kubectl("rollout", "history", *here, web, "--revision=1")
    assert "rolled back" in await kubectl("rollout", "undo", *here, web)
    spec = registry.get("deployments", "shop-2", "web")["spec"]
    assert spec["replicas"] == 3
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/app:1"
    assert container["readinessProbe"]["exec"] == {"command": ["/bin/true"]}
    assert "restarted" in await kubectl("rollout", "restart", *here, web)
    assert "successfully rolled out" in await kubectl("rollout", "status", *here, web)
    assert "configured" in await kubectl("apply", "-f", str(manifest))
    assert registry.get("deployments", "shop-2", "web")["spec"]["replicas"] == 1
    assert "deleted" in await kubectl("delete", "-f", str(manifest))
    await api.until(lambda: not registry.store.list("pods", "shop-2"))


async def test_a_config_map_is_created_patched_edited_and_deleted(daily: Daily) -> None:
    kubectl, registry = daily.kubectl, daily.cluster.registry
    editor = daily.home / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)

    def data() -> dict[str, str]:
        found: dict[str, str] = registry.get("configmaps", "default", "m")["data"]
        return found

    await kubectl("create", "configmap", "m", "--from-literal=k=v")
    assert data() == {"k": "v"}
    for kind, patch in (
        ("strategic", {"data": {"a": "1"}}),
        ("merge", {"data": {"a": None, "b": "2"}}),
        ("json", [{"op": "replace", "path": "/data/k", "value": "patched"}]),
    ):
        await kubectl("patch", "configmap", "m", "--type", kind, "-p", json.dumps(patch))
    assert data() == {"k": "patched", "b": "2"}
    assert "edited" in await kubectl("edit", "configmap", "m", EDITOR=str(editor))
    assert data() == {"k": "edited", "b": "2"}
    await asyncio.gather(
        kubectl("label", "configmap", "m", "color=red"),
        kubectl("annotate", "configmap", "m", "note=seen"),
    )
    metadata = registry.get("configmaps", "default", "m")["metadata"]
    assert metadata["labels"] == {"color": "red"}
    assert metadata["annotations"]["note"] == "seen"
    assert 'configmap "m" deleted' in await kubectl("delete", "configmap", "-l", "color=red")
    assert registry.store.list("configmaps", "default") == []


async def test_what_is_followed_is_told_line_by_line(daily: Daily) -> None:
    log, watch = await asyncio.gather(
        daily.kubectl.start("logs", *SYSTEM, f"ds/{FLANNEL}", "-c", "kube-flannel", "-f"),
        daily.kubectl.start("get", "configmaps", "-w", "-o", "name"),
    )
    try:
        assert log.stdout is not None
        assert watch.stdout is not None
        assert await asyncio.wait_for(log.stdout.readline(), 30)
        await api.until(lambda: daily.cluster.api.watching)
        daily.cluster.registry.create("configmaps", "default", {"metadata": {"name": "new"}})
        line = await asyncio.wait_for(watch.stdout.readline(), 30)
        assert line.decode() == "configmap/new\n"
    finally:
        for process in (log, watch):
            process.kill()
            await process.communicate()
        daily.cluster.registry.delete("configmaps", "default", "new")


async def test_a_server_of_another_authority_is_not_trusted(daily: Daily) -> None:
    config = daily.cluster.api.kubeconfig("any")
    about = config["clusters"][0]["cluster"]
    about["certificate-authority-data"] = base64.b64encode(api.CERTIFICATES.authority).decode()
    (daily.home / "stranger").write_text(json.dumps(config))
    other = kubectls.Kubectl(daily.home / "stranger", daily.kubectl.command)
    said = await other("get", "nodes", fails=True)
    assert "x509: certificate signed by unknown authority" in said
