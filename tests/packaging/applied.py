"""A simulated cluster to which the chart was applied: its roles, its account, its policies."""

from typing import Any

import aiohttp

from bot.sim.cluster import resources, serve
from tests.packaging import chart

FLANNEL = "kube-flannel-ds-amd64"
VALUES = chart.merged(
    chart.LEAST,
    {
        "flannel": {"namespace": "kube-system", "daemonsets": [FLANNEL]},
        "config": {"inspection": {"probe_pods": "on"}, "remediation": {"enabled": True}},
    },
)
KINDS = {
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ServiceAccount",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


async def token(cluster: serve.SimulatedCluster, session: aiohttp.ClientSession) -> str:
    """Apply the chart as an administrator, and have a token made for its account."""

    async def post(path: str, body: Any) -> Any:
        head = {"Authorization": f"Bearer {cluster.token}"}
        async with session.post(cluster.url + path, json=body, headers=head) as answer:
            found = await answer.json()
            assert answer.status == 201, found
            return found

    for each in chart.render(VALUES):
        if each["kind"] in KINDS:
            row = resources.BY_KIND[each["kind"]]
            root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
            place = each["metadata"].get("namespace", chart.NAMESPACE)
            path = f"{root}/namespaces/{place}" if row.namespaced else root
            await post(f"{path}/{row.plural}", each)
    path = f"/api/v1/namespaces/{chart.NAMESPACE}/serviceaccounts/flannel-bot/token"
    return str((await post(path, {}))["status"]["token"])
