"""The cluster as others meet it: HTTPS, control over HTTP, a process that starts and stops."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sim.cluster import serve
from tests.sim import worlds

ROOT = Path(__file__).parent.parent.parent


@contextlib.asynccontextmanager
async def served(**changes: Any) -> AsyncIterator[tuple[serve.SimulatedCluster, "Client"]]:
    options = serve.ClusterOptions(**{"nodes": 6, "speed": 50.0, "scenario": "healthy", **changes})
    cluster = serve.SimulatedCluster(options)
    await cluster.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield cluster, Client(cluster, session)
    finally:
        await cluster.stop()
    assert cluster.clock.failures == 0


class Client:
    """Asks the control endpoints, and the API server with its token."""

    def __init__(self, cluster: serve.SimulatedCluster, session: aiohttp.ClientSession) -> None:
        self.cluster = cluster
        self.session = session
        authority = cluster.api.certificates.authority.decode()
        self.tls = ssl.create_default_context(cadata=authority)

    async def control(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        data = body if isinstance(body, str | None) else json.dumps(body)
        url = self.cluster.control_url + path
        async with self.session.request(method, url, data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    async def kube(self, path: str, **query: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.cluster.token}"}
        url = self.cluster.url + path
        async with self.session.get(url, params=query, headers=headers, ssl=self.tls) as answer:
            return answer.status, await answer.text()


async def test_the_api_server_serves_the_world_and_its_logs() -> None:
    async with served() as (cluster, client):
        status, text = await client.kube("/api/v1/nodes")
        assert status == 200
        assert len(json.loads(text)["items"]) == 6
        pod = worlds.flannel_on(cluster.world, "vm-1")["metadata"]["name"]
        path = f"/api/v1/namespaces/kube-system/pods/{pod}/log"
        status, text = await client.kube(path, container="kube-flannel")
        assert status == 200
        assert "Using interface with name eth1 and address 10." in text
        status, text = await client.kube(path, container="kube-flannel", previous="true")
        assert status == 400
        assert "previous terminated container" in text


async def test_a_followed_log_goes_on_until_the_container_ends() -> None:
    async with served() as (cluster, client):
        pod = worlds.flannel_on(cluster.world, "vm-1")["metadata"]["name"]
        path = f"/api/v1/namespaces/kube-system/pods/{pod}/log"
        following = asyncio.create_task(
            client.kube(path, container="kube-flannel", follow="true", tailLines="0")
        )
        await worlds.eventually(lambda: cluster.world.book._listeners)
        cluster.world.relist()
        await worlds.eventually(
            lambda: (
                "watch of *v1.Node ended"
                in str(cluster.world.book.lines(("kube-system", pod, "kube-flannel")))
            )
        )
        worker, container = cluster.world.kubelets["vm-1"].flannel_container() or pytest.fail(
            "none"
        )
        worker.kill(container, 137)
        status, text = await following
        assert status == 200
        assert "watch of *v1.Node ended" in text
        assert not cluster.world.book._listeners


async def test_truth_faults_and_requests_are_told_over_http() -> None:
    async with served() as (_, client):
        status, truth = await client.control("GET", "/_sim/truth")
        assert status == 200
        assert set(truth) >= {"taken_at", "speed", "nodes", "summary"}
        node = truth["nodes"]["vm-1"]
        assert set(node) >= {
            "nics", "flags", "chosen_nic", "chosen_address", "oom_kills", "restarts",
            "crash_looping", "last_error", "ready", "routes", "kernel",
        }  # fmt: skip
        assert {"name", "ifindex", "addresses", "up"} <= set(node["nics"][0])
        status, told = await client.control("GET", "/_sim/faults")
        assert status == 200
        assert {"relist", "services", "node_down", "api_401", "watch_410"} <= set(told["faults"])
        assert all(
            set(one) == {"active", "about", "by_node", "nodes", "params", "default_params"}
            for one in told["faults"].values()
        )
        body = {"nodes": ["vm-1"], "params": {}}
        status, told = await client.control("PUT", "/_sim/faults/node_down", body)
        assert (status, told["active"], told["nodes"]) == (200, True, ["vm-1"])
        _, truth = await client.control("GET", "/_sim/truth")
        assert truth["summary"]["not_ready_nodes"] == ["vm-1"]
        status, told = await client.control("DELETE", "/_sim/faults/node_down")
        assert (status, told["active"], told["healed"]) == (200, False, True)
        assert (await client.control("DELETE", "/_sim/faults/node_down"))[1]["healed"] is False
        _, before = await client.control("GET", "/_sim/requests")
        await client.kube("/api/v1/pods")
        status, after = await client.control("GET", f"/_sim/requests?since={before['last']}")
        assert [(one["path"], one["status"]) for one in after["requests"]] == [
            ("/api/v1/pods", 200)
        ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/_sim/faults/nope", {}, 404),
        ("DELETE", "/_sim/faults/nope", None, 404),
        ("GET", "/_sim/faults/nope", None, 404),
        ("PUT", "/_sim/faults/node_down", "{", 400),
        ("PUT", "/_sim/faults/node_down", [], 400),
        ("PUT", "/_sim/faults/node_down", {"node": ["vm-1"]}, 400),
        ("PUT", "/_sim/faults/node_down", {"nodes": "vm-1"}, 400),
        ("PUT", "/_sim/faults/node_down", {"params": []}, 400),
        ("PUT", "/_sim/faults/node_down", {"nodes": ["nope"]}, 400),
        ("POST", "/_sim/faults/node_down", {}, 405),
        ("GET", "/_sim/requests?since=x", None, 400),
        ("GET", "/_sim/nope", None, 404),
    ],
)
async def test_what_control_does_not_understand_is_refused_in_json(
    method: str, path: str, body: Any, status: int
) -> None:
    async with served() as (_, client):
        found, told = await client.control(method, path, body)
        assert found == status
        assert told["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "sim.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
    ],
)
async def test_control_answers_nobody_but_this_machine(headers: dict[str, str]) -> None:
    async with served() as (_, client):
        for method, path in (("GET", "/_sim/truth"), ("PUT", "/_sim/faults/node_down")):
            assert (await client.control(method, path, **headers))[0] == 403
        assert (await client.control("GET", "/_sim/truth"))[1]["summary"]["not_ready_nodes"] == []
        port = client.cluster.control_url.rpartition(":")[2]
        fine = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
        assert (await client.control("GET", "/_sim/truth", **fine))[0] == 200


async def test_a_misbehaving_api_server_leaves_control_alone_and_heals() -> None:
    async with served() as (_, client):
        await client.control("PUT", "/_sim/faults/api_401")
        assert (await client.kube("/api/v1/nodes"))[0] == 401
        assert (await client.control("GET", "/_sim/truth"))[0] == 200
        await client.control("DELETE", "/_sim/faults/api_401")
        assert (await client.kube("/api/v1/nodes"))[0] == 200


@pytest.mark.parametrize("option", ["port", "control_port"])
async def test_a_taken_port_is_told_with_its_option(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cluster = serve.SimulatedCluster(serve.ClusterOptions(nodes=3, **{option: port}))
        with pytest.raises(serve.CannotStart, match=f"--{option.replace('_', '-')}: .*port {port}"):
            await cluster.start()
        await cluster.stop()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scenario": "storry"}, "--scenario: no scenario 'storry'; there are: story"),
        ({"nodes": 0}, "--nodes must be between"),
        ({"nodes": 100_000}, "--nodes must be between"),
        ({"speed": 0.0}, "--speed must be above 0"),
        ({"speed": float("nan")}, "--speed must be above 0"),
    ],
)
def test_senseless_options_are_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(serve.CannotStart, match=words):
        serve.SimulatedCluster(serve.ClusterOptions(**changes))


async def test_a_kubeconfig_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    options = serve.ClusterOptions(nodes=3, write_kubeconfig=tmp_path / "no" / "config")
    with pytest.raises(serve.CannotStart, match="--write-kubeconfig: cannot write"):
        await serve.SimulatedCluster(options).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_says_ready_and_ends_cleanly_when_asked(
    number: signal.Signals, tmp_path: Path
) -> None:
    config, ready = tmp_path / "config", tmp_path / "ready.json"
    program = (
        "import asyncio, pathlib, sys\n"
        "from bot.sim.cluster import serve\n"
        "asyncio.run(serve.run(serve.ClusterOptions(nodes=120,"
        " write_kubeconfig=pathlib.Path(sys.argv[1]), ready_file=pathlib.Path(sys.argv[2]))))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(config), str(ready)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert line.startswith("READY ")
    told = json.loads(line.removeprefix("READY "))
    assert told == json.loads(ready.read_text())
    assert set(told) == {"kube_api", "control", "kubeconfig", "token", "nodes"}
    assert told["kube_api"].startswith("https://127.0.0.1:")
    assert told["kubeconfig"] == str(config)
    assert json.loads(config.read_text())["users"][0]["user"]["token"] == told["token"]
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert (out, err, process.returncode) == ("", "", 0)


async def test_the_first_kill_comes_when_the_cluster_has_been_seen_healthy() -> None:
    began = asyncio.get_running_loop().time()
    async with served(nodes=120, scenario="story", speed=80.0, seed=2) as (cluster, _):
        await worlds.eventually(lambda: cluster.truth()["summary"]["oom_killed_nodes"])
        taken = (asyncio.get_running_loop().time() - began) * 80
        assert taken >= 98


@pytest.mark.real("kubectl")
async def test_kubectl_reads_nodes_pods_and_logs(tmp_path: Path) -> None:
    config = tmp_path / "config"
    async with served(write_kubeconfig=config) as (cluster, _):
        pod = worlds.flannel_on(cluster.world, "vm-1")["metadata"]["name"]

        async def kubectl(*words: str) -> str:
            process = await asyncio.create_subprocess_exec(
                "kubectl",
                f"--kubeconfig={config}",
                f"--cache-dir={tmp_path / 'cache'}",
                *words,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            return out.decode()

        assert (await kubectl("get", "nodes")).count("Ready") == 6
        listed = await kubectl("get", "daemonsets", "-n", "kube-system")
        assert listed.count("kube-flannel-ds") == 5
        assert "Using interface" in await kubectl("logs", "-n", "kube-system", pod)
        assert "successfully rolled out" in await kubectl(
            "rollout", "status", "-n", "kube-system", f"ds/{worlds.FLANNEL}", "--timeout=5s"
        )
