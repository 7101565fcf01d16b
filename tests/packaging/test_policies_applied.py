"""The chart's admission policies in force: applied to a simulated cluster with the chart's roles.

What passes is asked with a token of the bot's account, and so within its roles; what is refused is
asked by the account as if it might everything, so that nobody but a policy can have refused it.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.adapters.cluster import probepod, script
from bot.sim.cluster import http_access, serve
from tests.packaging import applied, chart
from tests.packaging.applied import FLANNEL
from tests.sim import worlds

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE = "vm-1"
MIGHTY = http_access.Identity(chart.ACCOUNT, ("system:masters", "system:authenticated"))
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
DAEMONSET = f"/apis/apps/v1/namespaces/kube-system/daemonsets/{FLANNEL}"
PODS = "/api/v1/namespaces/kube-system/pods"


class Cluster:
    """A simulated cluster in which the policies are, and who asks it as the bot or as an admin."""

    def __init__(
        self, made: serve.SimulatedCluster, session: aiohttp.ClientSession, token: str
    ) -> None:
        self.made = made
        self.session = session
        self.token = token
        made.api.tokens.add("mighty", MIGHTY)

    @property
    def pod(self) -> str:
        return str(worlds.flannel_on(self.made.world, NODE)["metadata"]["name"])

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        token: str = "",
        **more: Any,
    ) -> tuple[int, dict[str, Any]]:
        head = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        if body is not None:
            head["Content-Type"] = kind
        async with self.session.request(
            method, self.made.url + path, json=body, headers=head, **more
        ) as answer:
            return answer.status, await answer.json()

    async def patch(self, path: str, *changes: Any, token: str = "") -> tuple[int, dict[str, Any]]:
        """A JSON patch of (path, value)s, which are put there; a dry run."""
        body = [{"op": "add", "path": at, "value": value} for at, value in changes]
        kind = "application/json-patch+json"
        return await self.ask("PATCH", f"{path}?dryRun=All", body, kind=kind, token=token)

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> str:
        """What the policy says, which must be who refuses."""
        return _refusal(await self.ask(method, path, body, token="mighty", **more))

    async def unpatched(self, path: str, *changes: Any) -> str:
        """What the policy says to a patch."""
        return _refusal(await self.patch(path, *changes, token="mighty"))

    async def ran(self, command: list[str], **more: str) -> str | None:
        """What the policy says to a command; None where it ran."""
        query = [("command", word) for word in command] + [("stdout", "true"), *more.items()]
        query += [] if "container" in more else [("container", "kube-flannel")]
        path = f"{PODS}/{self.pod}/exec"
        with contextlib.suppress(aiohttp.WSServerHandshakeError):
            async with self.session.ws_connect(
                self.made.url + path,
                params=query,
                headers={"Authorization": f"Bearer {self.token}"},
                protocols=("v5.channel.k8s.io",),
            ) as socket:
                output = b"".join([message.data async for message in socket])
                assert b'"status": "Success"' in output
                return None
        return _refusal(await self.ask("GET", path, params=query))


def _refusal(answer: tuple[int, dict[str, Any]]) -> str:
    code, status = answer
    assert (code, status["reason"]) == (403, "Forbidden"), status
    before, _, said = status["message"].partition(" denied request: ")
    assert "ValidatingAdmissionPolicy 'flannel-bot-" in before
    return str(said)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    options = serve.ClusterOptions(nodes=3, seed=3, speed=50, scenario="healthy")
    made = serve.SimulatedCluster(options)
    await made.start()
    tls = ssl.create_default_context(cadata=made.api.certificates.authority.decode())
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            yield Cluster(made, session, await applied.token(made.url, made.token, session))
    finally:
        await made.stop()


async def test_the_policies_are_looked_through_and_nothing_is_found(cluster: Cluster) -> None:
    async def looked() -> bool:
        path = f"{ADMISSION}/validatingadmissionpolicies"
        _, listed = await cluster.ask("GET", path, token=cluster.made.token)
        assert len(listed["items"]) == 4
        wanted = {"observedGeneration": 1, "typeChecking": {}}
        return all(one["status"] == wanted for one in listed["items"])

    while not await looked():
        await worlds.pass_time(cluster.made.world, 0.1)


async def test_of_flannels_daemonset_args_and_memory_limit_change_and_no_image(
    cluster: Cluster,
) -> None:
    container = "/spec/template/spec/containers/0"
    args = (f"{container}/args", ["--ip-masq", "--kube-subnet-mgr", "--iface-regex=^eth1$"])
    limit = (f"{container}/resources/limits/memory", "256Mi")
    mark = ("/metadata/annotations/flannel-bot.io~1operation-id", "RUN-1")
    code, changed = await cluster.patch(DAEMONSET, args, limit, mark)
    assert code == 200, changed
    assert changed["spec"]["template"]["spec"]["containers"][0]["args"] == args[1]
    image = await cluster.unpatched(DAEMONSET, args, (f"{container}/image", "registry.example/x:1"))
    assert image == (
        "flannel-bot may change of a container only its args, its command and its memory limit"
    )
    assert "labels" in await cluster.unpatched(DAEMONSET, ("/metadata/labels/a", "b"))
    assert "only update" in await cluster.refused("DELETE", DAEMONSET)
    another = await cluster.patch(DAEMONSET, ("/metadata/labels/a", "b"), token=cluster.made.token)
    assert another[0] == 200


async def test_of_a_node_only_whether_it_is_schedulable_changes(cluster: Cluster) -> None:
    node = f"/api/v1/nodes/{NODE}"
    code, cordoned = await cluster.patch(node, ("/spec/unschedulable", True))
    assert (code, cordoned["spec"]["unschedulable"]) == (200, True)
    taint = [{"key": "a", "effect": "NoExecute"}]
    assert "schedulable" in await cluster.unpatched(node, ("/spec/taints", taint))


async def test_the_script_is_run_and_no_other_command(cluster: Cluster) -> None:
    looks = script.command(["10.244.1.7"])
    assert await cluster.ran(looks) is None
    another = [*looks[:2], looks[2] + "\nreboot", *looks[3:]]
    told = "flannel-bot may run only its one script that reads, in flannel's container"
    assert await cluster.ran(another) == told
    assert await cluster.ran(looks, container="install-cni") == told
    typed = await cluster.ran(looks, stdin="true")
    assert typed == "flannel-bot may type nothing into a container"


async def test_of_pods_only_the_probe_is_made_and_flannels_deleted(cluster: Cluster) -> None:
    """The probe as the server has filled it in when the policy is asked."""
    _, owner = await cluster.ask("GET", DAEMONSET)
    image = owner["spec"]["template"]["spec"]["containers"][0]["image"]
    source = probepod.Source(image, [], FLANNEL, owner["metadata"]["uid"])
    probe: Any = probepod.manifest(namespace="kube-system", node=NODE, source=source, lasts=60)
    code, made = await cluster.ask("POST", PODS, probe)
    assert code == 201, made
    root = {**probe, "spec": {**probe["spec"], "hostPID": True}}
    assert "nothing else of the host" in await cluster.refused("POST", PODS, root)
    assert (await cluster.ask("DELETE", f"{PODS}/{made['metadata']['name']}"))[0] == 200
    assert (await cluster.ask("DELETE", f"{PODS}/{cluster.pod}?dryRun=All"))[0] == 200
    proxy = worlds.pods(cluster.made.world, "kube-proxy")[0]["metadata"]["name"]
    assert "delete only" in await cluster.refused("DELETE", f"{PODS}/{proxy}")
    eviction = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": proxy}}
    path = f"{PODS}/{proxy}/eviction?dryRun=All"
    assert (await cluster.ask("POST", path, eviction))[0] == 201
