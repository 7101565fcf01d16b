"""`kubectl apply --server-side`, with its own words for a conflict."""

import asyncio
from pathlib import Path

import pytest

from tests.sim import kubectls
from tests.sim.test_api_kubectl import FLANNEL, cluster

pytestmark = pytest.mark.real("kubectl")
MANIFEST = f"""\
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: {FLANNEL}, namespace: kube-system}}
spec:
  template:
    spec:
      containers:
      - name: main
        resources: {{limits: {{memory: 80Mi}}}}
"""


async def test_kubectl_applies_on_the_server_s_side(tmp_path: Path) -> None:
    manifest = tmp_path / "set.yaml"
    manifest.write_text(MANIFEST)
    new = tmp_path / "map.yaml"
    new.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: a}\n")
    apply = ("apply", "--server-side", "-f")
    async with cluster(tmp_path / "kubeconfig") as (server, kubectl):
        refusal, made = await asyncio.gather(
            kubectl(*apply, str(manifest), fails=True), kubectl(*apply, str(new))
        )
        assert (
            'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: '
            '.spec.template.spec.containers[name="main"].resources.limits.memory'
        ) in refusal
        assert "they currently have other managers" in refusal
        assert made == "configmap/m serverside-applied\n"
        forced, dry = await asyncio.gather(
            kubectl(*apply, str(manifest), "--force-conflicts"),
            kubectl("delete", "cm", "m", "--dry-run=server"),
        )
        assert forced == f"daemonset.apps/{FLANNEL} serverside-applied\n"
        assert dry == 'configmap "m" deleted (server dry run)\n'
        # Clients before this flag show them always.
        flags = ["--show-managed-fields"] if kubectls.minor(kubectl.command) > 20 else []
        shown, again = await asyncio.gather(
            kubectl("get", "cm", "m", "-o", "yaml", *flags),
            kubectl(*apply, str(manifest)),
        )
        assert "manager: kubectl\n" in shown
        assert "f:k: {}" in shown
        assert "serverside-applied" in again
        found = server.registry.get("daemonsets", "kube-system", FLANNEL)
        [container] = found["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"] == {"memory": "80Mi"}
        assert container["image"]


async def test_kubectl_goes_over_from_the_client_s_side_to_the_server_s(tmp_path: Path) -> None:
    manifest = tmp_path / "map.yaml"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: a, gone: b}\n"
    manifest.write_text(text)
    async with cluster(tmp_path / "kubeconfig") as (server, kubectl):
        await kubectl("apply", "-f", str(manifest))
        manifest.write_text(text.replace("k: a, gone: b", "k: c"))
        await kubectl("apply", "--server-side", "-f", str(manifest))
        found = server.registry.get("configmaps", "default", "m")
        managers = {
            (one["manager"], one["operation"]) for one in found["metadata"]["managedFields"]
        }
        assert managers == {("kubectl", "Apply"), ("kubectl-last-applied", "Apply")}
        assert found["data"] == {"k": "c"}
        last = found["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
        assert '"data":{"k":"c"}' in last
