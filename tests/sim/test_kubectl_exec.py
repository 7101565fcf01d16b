"""`kubectl exec` against the pretend cluster, as people run it, and exec as old clients ask for it."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bot.sim.cluster import serve
from tests.sim import kubectls, worlds

pytestmark = pytest.mark.asyncio(loop_scope="module")

HINT = "Defaulted container"
_FIRST_WITH_WEBSOCKETS = 31


class Cluster:
    """One pretend cluster for all of these tests, and clients for it."""

    def __init__(self, made: serve.SimulatedCluster, kubeconfig: Path) -> None:
        self.made = made
        self._kubeconfig = kubeconfig

    def pod(self, node: str) -> str:
        return str(worlds.flannel_on(self.made.world, node)["metadata"]["name"])

    async def exec(self, *words: str, given: bytes | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and errors of `kubectl exec`, its hint left out."""
        command = kubectls.found()[0]
        if kubectls.minor(command) < _FIRST_WITH_WEBSOCKETS:
            pytest.skip(f"{command} is too old: it runs commands by SPDY, which is not spoken here")
        process = await asyncio.create_subprocess_exec(
            command,
            f"--kubeconfig={self._kubeconfig}",
            "--namespace=kube-system",
            "exec",
            *words,
            stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(self._kubeconfig.parent)},
        )
        out, err = await asyncio.wait_for(process.communicate(given), 30)
        assert process.returncode is not None
        said = [one for one in err.decode().splitlines() if not one.startswith(HINT)]
        return process.returncode, out.decode(), "\n".join(said)

    async def refused(self, headers: dict[str, str], **query: str) -> tuple[int, str]:
        """Code and message of a request to exec that is answered without an upgrade."""
        tls = ssl.create_default_context(cadata=self.made.api.certificates.authority.decode())
        path = f"/api/v1/namespaces/kube-system/pods/{self.pod('vm-1')}/exec"
        head = {"Authorization": f"Bearer {self.made.token}", **headers}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
            session.post(self.made.url + path, params=query, headers=head) as answer,
        ):
            return answer.status, (await answer.json())["message"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    kubeconfig = tmp_path_factory.mktemp("exec") / "kubeconfig"
    made = serve.SimulatedCluster(
        serve.ClusterOptions(
            nodes=6, seed=3, speed=50, scenario="healthy", write_kubeconfig=kubeconfig
        )
    )
    await made.start()
    try:
        yield Cluster(made, kubeconfig)
    finally:
        await made.stop()


def not_started(program: str, why: str) -> str:
    """What kubectl says of a program that the container runtime could not start, from its cause."""
    return f'unable to start container process: exec: "{program}": {why}: unknown'


ENDS: dict[str, tuple[tuple[str, ...], bytes | None, tuple[int, str, str]]] = {
    "both streams and the exit code": (
        ("--", "sh", "-c", "echo out; echo err >&2; exit 7"),
        None,
        (7, "out\n", "err\ncommand terminated with exit code 7"),
    ),
    "nothing to say": (("--", "true"), None, (0, "", "")),
    "what is given is read to its end": (("-i", "--", "cat"), b"a\nb\n", (0, "a\nb\n", "")),
    "through a shell, too": (
        ("-i", "--", "sh", "-c", "x=$(cat); echo got $x"),
        b"it",
        (0, "got it\n", ""),
    ),
    "who does not read need not wait": (("-i", "--", "echo", "x"), b"", (0, "x\n", "")),
    "without -i there is nothing to read": (("--", "cat"), b"lost", (0, "", "")),
    "no such program in a shell": (
        ("--", "sh", "-c", "nothing"),
        None,
        (127, "", "sh: nothing: not found\ncommand terminated with exit code 127"),
    ),
    "a file that is no program, in a shell": (
        ("--", "sh", "-c", "/run/flannel/subnet.env"),
        None,
        (
            126,
            "",
            "sh: /run/flannel/subnet.env: Permission denied\ncommand terminated with exit code 126",
        ),
    ),
}


@pytest.mark.real("kubectl")
@pytest.mark.parametrize("name", ENDS)
async def test_a_command_ends_for_kubectl_as_it_did(cluster: Cluster, name: str) -> None:
    words, given, ends = ENDS[name]
    assert await cluster.exec(cluster.pod("vm-1"), *words, given=given) == ends


REFUSED = {
    "no such program": (
        ("--", "nothing"),
        not_started("nothing", "executable file not found in $PATH"),
    ),
    "no such program by its path": (
        ("--", "/bin/nothing"),
        not_started("/bin/nothing", "stat /bin/nothing: no such file or directory"),
    ),
    "a file that is no program": (
        ("--", "/run/flannel/subnet.env"),
        not_started("/run/flannel/subnet.env", "permission denied"),
    ),
    "no such container": (
        ("-c", "nope", "--", "ip", "addr"),
        "Error from server (BadRequest): container nope is not valid for pod ",
    ),
    "a container that has ended": (
        ("-c", "install-cni", "--", "ip", "addr"),
        "error: Internal error occurred: unable to upgrade connection: "
        'container not found ("install-cni")',
    ),
}


@pytest.mark.real("kubectl")
@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_run_is_refused_as_by_a_real_server(
    cluster: Cluster, name: str
) -> None:
    words, why = REFUSED[name]
    code, out, err = await cluster.exec(cluster.pod("vm-1"), *words)
    assert (code, out) == (1, "")
    assert why in err


@pytest.mark.real("kubectl")
async def test_a_pod_that_is_not_there_is_said_so(cluster: Cluster) -> None:
    told = (1, "", 'Error from server (NotFound): pods "no-such" not found')
    assert await cluster.exec("no-such", "--", "ip", "addr") == told


@pytest.mark.real("kubectl")
async def test_an_image_without_any_program_runs_nothing(cluster: Cluster) -> None:
    code, _, err = await cluster.exec("deploy/coredns", "--", "sh")
    assert code == 1
    assert not_started("sh", "executable file not found in $PATH") in err


@pytest.mark.real("kubectl")
async def test_a_container_that_does_not_start_is_refused(cluster: Cluster) -> None:
    cluster.made.faults.set("image_pull", nodes=["phys-1"])
    one = cluster.made.world.kubelets["phys-1"]

    def waits() -> bool:
        found = one.flannel_container()
        return bool(found and not found[0].terminating and found[1].waiting)

    await worlds.eventually(waits)
    assert await cluster.exec(cluster.pod("phys-1"), "--", "ip", "addr") == (
        1,
        "",
        "error: Internal error occurred: unable to upgrade connection: "
        'container not found ("kube-flannel")',
    )
    cluster.made.faults.clear("image_pull")


SPDY = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}


@pytest.mark.parametrize(
    ("headers", "query", "why"),
    [
        (SPDY, {"command": "ip", "stdout": "true"}, "SPDY is not spoken here: .*WebSocket"),
        ({}, {"command": "ip", "stdout": "true"}, "Upgrade request required"),
        (SPDY, {"stdout": "true"}, "at least 1 command"),
        (SPDY, {"command": "ip"}, "at least 1 of stdin, stdout, stderr"),
        (SPDY, {"command": "ip", "stdout": "true", "container": "nope"}, "container nope is not"),
    ],
)
async def test_exec_is_refused_with_a_reason_where_it_cannot_be_had(
    cluster: Cluster, headers: dict[str, str], query: dict[str, str], why: str
) -> None:
    code, message = await cluster.refused(headers, **query)
    assert code == 400
    assert re.search(why, message), message
