"""A simulated cluster to which the chart was applied: its roles, its account, its policies."""

from typing import Any

import aiohttp

from bot.sim.cluster import resources
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


async def token(
    url: str,
    administrator: str,
    session: aiohttp.ClientSession,
    values: chart.Values = VALUES,
    *,
    name: str = "flannel-bot",
) -> str:
    """Apply a release of the chart as an administrator, and have a token made for its account."""
    head = {"Authorization": f"Bearer {administrator}"}

    async def post(path: str, body: Any) -> Any:
        async with session.post(url + path, json=body, headers=head) as answer:
            found = await answer.json()
            assert answer.status == 201, found
            return found

    objects = chart.render(values, name=name)
    for each in objects:
        if each["kind"] in KINDS:
            row = resources.BY_KIND[each["kind"]]
            root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
            place = each["metadata"].get("namespace", chart.NAMESPACE)
            path = f"{root}/namespaces/{place}" if row.namespaced else root
            await post(f"{path}/{row.plural}", each)
    (account,) = chart.of_kind(objects, "ServiceAccount")
    path = f"/api/v1/namespaces/{chart.NAMESPACE}/serviceaccounts/{account['metadata']['name']}"
    return str((await post(f"{path}/token", {}))["status"]["token"])
