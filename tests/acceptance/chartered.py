"""The account that the chart gives a bot: its rights and admission policies, and a token for it."""

import base64
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp.test_utils import make_mocked_request

from bot.sim.cluster import http_access, http_questions, manifests, resources
from tests.acceptance import processes
from tests.packaging import chart
from tests.packaging.test_rights import Grant, granted

HERE: chart.Values = {
    "flannel": {
        "namespace": "kube-system",
        "daemonsets": [
            f"kube-flannel-ds-{architecture}" for architecture in manifests.ARCHITECTURES
        ],
    }
}
"""Where flannel is in the pretend cluster."""
_INSTALLED = (
    *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
)


@dataclass(frozen=True)
class Account:
    """One release's."""

    user: str
    kubeconfig: Path
    grants: set[Grant]

    def clusters(self) -> str:
        """The setting of a bot that watches the pretend cluster with it."""
        named = {"name": "sim", "kubeconfig": str(self.kubeconfig), "namespaces": ["kube-system"]}
        return json.dumps([named])

    def unused(self, made: list[dict[str, Any]]) -> set[Grant]:
        """What it may and did not do in any of these requests."""
        used = [
            question
            for one in made
            if one["identity"] == self.user
            for question in http_questions.asked(
                http_access.ANONYMOUS,
                make_mocked_request(one["method"], f"{one['path']}?{one['query']}"),
            )
        ]
        return {grant for grant in self.grants if not any(_uses(one, grant) for one in used)}


async def install(
    outside: processes.Outside, values: chart.Values, *, name: str = "flannel-bot"
) -> Account:
    """Give the pretend cluster what a release of the chart holds of rights, with a token for it."""
    objects = chart.render(chart.merged(chart.LEAST, HERE, values), name=name)
    config = json.loads(outside.kubeconfig.read_text())
    held = config["clusters"][0]["cluster"]
    authority = ssl.create_default_context(
        cadata=base64.b64decode(held["certificate-authority-data"]).decode()
    )

    async def post(path: str, body: Any, *, there: bool = False) -> Any:
        async with outside.session.post(
            held["server"] + path,
            json=body,
            headers={"Authorization": f"Bearer {outside.cluster['token']}"},
            ssl=authority,
        ) as answer:
            assert answer.status == 201 or (there and answer.status == 409), await answer.text()
            return await answer.json()

    await post("/api/v1/namespaces", {"metadata": {"name": chart.NAMESPACE}}, there=True)
    for kind in _INSTALLED:
        row = resources.BY_KIND[kind]
        for each in chart.of_kind(objects, kind):
            where = each["metadata"].get("namespace", chart.NAMESPACE)
            place = f"/namespaces/{where}" if row.namespaced else ""
            root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
            await post(f"{root}{place}/{row.plural}", each)
    (account,) = chart.of_kind(objects, "ServiceAccount")
    called = account["metadata"]["name"]
    made = await post(
        f"/api/v1/namespaces/{chart.NAMESPACE}/serviceaccounts/{called}/token", {"spec": {}}
    )
    config["users"][0]["user"] = {"token": made["status"]["token"]}
    kubeconfig = outside.directory / f"{name}.kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    user = f"system:serviceaccount:{chart.NAMESPACE}:{called}"
    return Account(user, kubeconfig, granted(objects))


def refused(made: list[dict[str, Any]]) -> list[str]:
    """What was asked for by somebody who may not, or who was not known."""
    return [
        f"{one['identity']}: {one['method']} {one['path']}"
        for one in made
        if one["status"] in (401, 403)
    ]


def _uses(question: http_access.Question, grant: Grant) -> bool:
    found = question.target
    if found is None or question.verb != grant.verb:
        return False
    kind = f"{found.row.plural}/{found.subresource}" if found.subresource else found.row.plural
    return (
        (found.row.group, kind) == (grant.group, grant.resource)
        and grant.namespace in ("", found.namespace)
        and grant.name in ("", found.name)
    )
