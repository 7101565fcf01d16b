"""The account that the chart gives a bot: its rights and admission policies, and a token for it."""

import base64
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import make_mocked_request

from bot.sim.cluster import http_access, http_questions, manifests
from tests.acceptance import processes
from tests.packaging import applied, chart
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
    values = chart.merged(chart.LEAST, HERE, values)
    config = json.loads(outside.kubeconfig.read_text())
    held = config["clusters"][0]["cluster"]
    authority = base64.b64decode(held["certificate-authority-data"]).decode()
    tls = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority))
    async with aiohttp.ClientSession(connector=tls) as session:
        token = await applied.token(
            held["server"], outside.cluster["token"], session, values, name=name
        )
    config["users"][0]["user"] = {"token": token}
    kubeconfig = outside.directory / f"{name}.kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    objects = chart.render(values, name=name)
    (account,) = chart.of_kind(objects, "ServiceAccount")
    user = f"system:serviceaccount:{chart.NAMESPACE}:{account['metadata']['name']}"
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
