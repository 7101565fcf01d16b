"""Rights as people give them by `kubectl`, by every kubectl that is found, and what they are worth."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.sim.cluster import serve
from tests.sim import kubectls

pytestmark = [pytest.mark.real("kubectl"), pytest.mark.asyncio(loop_scope="module")]

HERE = ("-n", "kube-system")
TOKENS_SINCE = 24
"""The first minor version that has `create token`."""


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=kubectls.found(), ids=lambda path: Path(path).name
)
async def kubectl(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[kubectls.Kubectl]:
    home = tmp_path_factory.mktemp("kubectl")
    cluster = serve.SimulatedCluster(
        serve.ClusterOptions(
            nodes=2, speed=100.0, scenario="healthy", write_kubeconfig=home / "kubeconfig"
        )
    )
    await cluster.start()
    try:
        yield kubectls.Kubectl(home / "kubeconfig", request.param)
    finally:
        await cluster.stop()


async def token(kubectl: kubectls.Kubectl, name: str) -> str:
    """A token of an account."""
    if kubectls.minor(kubectl.command) >= TOKENS_SINCE:
        return (await kubectl("create", "token", name, *HERE)).strip()
    wanted = kubectl.home / "token.json"
    wanted.write_text('{"spec": {}}')
    path = f"/api/v1/namespaces/kube-system/serviceaccounts/{name}/token"
    made = await kubectl("create", "--raw", path, "-f", str(wanted))
    return str(json.loads(made)["status"]["token"])


async def test_an_account_may_what_its_role_says_and_nothing_else(kubectl) -> None:
    await kubectl("create", "serviceaccount", "watcher", *HERE)
    reads = ("--verb=get,list", "--resource=pods", "--resource=daemonsets.apps")
    await kubectl("create", "role", "watcher", *HERE, *reads)
    bound = ("--role=watcher", "--serviceaccount=kube-system:watcher")
    await kubectl("create", "rolebinding", "watcher", *HERE, *bound)
    told = await kubectl("get", "rolebindings", *HERE, "-o", "wide")
    assert re.search(r"watcher +Role/watcher +\S+ +kube-system/watcher", told), told
    assert "daemonsets.apps" in await kubectl("describe", "role", "watcher", *HERE)

    mine = f"--token={await token(kubectl, 'watcher')}"
    rights = await kubectl(mine, "auth", "can-i", "--list", *HERE)
    assert re.search(r"(?m)^pods +\[\] +\[\] +\[get list\]$", rights), rights
    assert "secrets" not in rights
    assert "kube-flannel-ds-amd64" in await kubectl(mine, "get", "daemonsets", *HERE)
    await kubectl(mine, "auth", "can-i", "get", "pods", "--all-namespaces", fails=True)
    refusal = await kubectl(mine, "get", "secrets", *HERE, fails=True)
    assert 'User "system:serviceaccount:kube-system:watcher" cannot list resource' in refusal
    await kubectl("delete", "rolebinding", "watcher", *HERE)
    assert "Forbidden" in await kubectl(mine, "get", "daemonsets", *HERE, fails=True)
    await kubectl("delete", "serviceaccount", "watcher", *HERE)
    assert "You must be logged in" in await kubectl(mine, "get", "daemonsets", *HERE, fails=True)
