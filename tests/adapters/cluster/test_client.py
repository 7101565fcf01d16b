"""Credentials, certificates and errors, over the wire."""

import asyncio
import base64
import socket
import stat
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import bot
from bot.adapters.cluster import client, credentials, failures, kubeconfig
from bot.domain import errors
from tests.adapters.cluster import objects
from tests.adapters.cluster.certificates import Authority
from tests.adapters.cluster.conftest import FAST, Clock, World
from tests.adapters.cluster.scripted import (
    NODES,
    PODS,
    Answer,
    Drop,
    Server,
    eventually,
    serving,
    write_kubeconfig,
)

ASK = client.Ask(verb="list", resource="nodes", what="nodes", grant="nodes", path=NODES)


def token_guard(*accepted: str) -> Callable[[Any], Answer | None]:
    """Refuse every token but these."""

    def guard(request: Any) -> Answer | None:
        header = request.headers.get("authorization", "")
        if header.removeprefix("Bearer ") in accepted:
            return None
        return Answer(objects.status(401, "Unauthorized", "Unauthorized"), 401)

    return guard


def plugin(tmp_path: Path, body: str) -> dict[str, Any]:
    """Write an exec plugin and return a kubeconfig user that names it."""
    file = tmp_path / "plugin"
    file.write_text(f"#!{sys.executable}\nimport json, os, sys\n{textwrap.dedent(body)}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "./plugin", "args": ["--cluster", "x"]}}


def granting(token_file: Path, count: Path) -> str:
    """A plugin that grants what a file holds and counts how often it was asked."""
    return f"""
        with open({str(count)!r}, "a") as f: f.write("x")
        status = {{"token": open({str(token_file)!r}).read()}}
        print(json.dumps({{"kind": "ExecCredential", "status": status}}))
    """


async def test_requests_carry_the_token_and_who_we_are(world: World) -> None:
    async with world.client() as api:
        await api.send(ASK)
    (seen,) = world.server.requests
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.headers["user-agent"] == f"flannel-bot/{bot.__version__}"
    assert seen.headers["accept-encoding"] == "identity"


async def test_proxies_of_the_environment_are_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with world.client() as api:
        await api.send(ASK)


async def test_a_proxy_that_was_asked_for_is_used(world: World) -> None:
    async with serving(Server()) as proxy, world.client(proxy=proxy.url) as api:
        await api.send(ASK)
        assert len(proxy.requests) == 1
        assert not world.server.requests


async def test_a_refused_token_is_definitely_wrong_at_the_start(world: World) -> None:
    world.server.guard = token_guard("other")
    async with world.client() as api:
        with pytest.raises(errors.Misconfigured, match=r"test.*401") as caught:
            await api.verify()
    assert str(world.kubeconfig) in str(caught.value)


async def test_a_request_that_arrives_anonymously_is_definitely_wrong(
    world: World, tmp_path: Path
) -> None:
    write_kubeconfig(world.kubeconfig, world.server.url, user={})
    text = 'nodes is forbidden: User "system:anonymous" cannot list resource "nodes"'
    world.server.guard = lambda r: Answer(objects.status(403, text, "Forbidden"), 403)
    async with world.client() as api:
        with pytest.raises(errors.Misconfigured, match="no credentials"):
            await api.verify()


async def test_a_missing_right_is_no_reason_not_to_start(world: World) -> None:
    text = 'nodes is forbidden: User "jane" cannot list resource "nodes" at the cluster scope'
    world.server.guard = lambda r: Answer(objects.status(403, text, "Forbidden"), 403)
    async with world.client() as api:
        await api.verify()
        with pytest.raises(failures.Failure, match=r"jane.*grant get, list and watch on nodes"):
            await api.send(ASK)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("<html>nginx</html>", 502), "HTTP 502: an HTML page"),
        (Answer(objects.status(503, "starting up"), 503), "HTTP 503: starting up"),
        (Answer("secret text of some proxy", 500), "HTTP 500$"),
        (Answer("404 page not found", 404), "HTTP 404"),
        (Answer(b"", after=60), "did not answer in time"),
    ],
)
async def test_a_server_that_answers_badly_may_be_tried_again(
    world: World, answer: Answer, told: str
) -> None:
    world.server.lists(NODES, answer)
    async with world.client(request_timeout=0.3 if answer.after else 10.0) as api:
        with pytest.raises(errors.Unavailable, match=told):
            await api.verify()


async def test_a_server_that_is_not_there_may_be_tried_again(world: World, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write_kubeconfig(world.kubeconfig, f"https://127.0.0.1:{port}")
    async with world.client() as api:
        with pytest.raises(errors.Unavailable, match=r"cannot connect to https://127\.0\.0\.1"):
            await api.verify()


async def test_a_name_that_does_not_resolve_may_be_tried_again(world: World) -> None:
    write_kubeconfig(world.kubeconfig, "https://no-such-host.invalid:6443")
    async with world.client() as api:
        with pytest.raises(errors.Unavailable, match="no-such-host"):
            await api.verify()


async def test_a_rotated_token_file_is_read_again_at_the_first_401(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    write_kubeconfig(world.kubeconfig, world.server.url, user={"tokenFile": "token"})
    world.server.guard = token_guard("old")
    async with world.client(credentials_interval=3600.0) as api:
        await api.verify()
        file.write_text("new\n")
        world.server.guard = token_guard("new")
        await api.send(ASK)
        codes = [k[2] for k in world.telemetry.counts if k[0] == "kube_requests_total"]
        assert sorted(codes) == ["200", "401"]
        file.write_text("")
        await api.send(ASK)


async def test_a_kubeconfig_that_is_rewritten_is_read_again(world: World) -> None:
    world.server.guard = token_guard("secret")
    async with world.client(credentials_interval=3600.0) as api:
        await api.verify()
        world.server.guard = token_guard("new")
        write_kubeconfig(world.kubeconfig, world.server.url, user={"token": "new"})
        await api.send(ASK)


async def test_a_kubeconfig_that_is_rewritten_badly_does_not_stop_what_works(
    world: World,
) -> None:
    async with world.client(credentials_interval=0.0) as api:
        await api.verify()
        world.kubeconfig.write_text("{{{")
        await api.send(ASK)
        world.kubeconfig.unlink()
        await api.send(ASK)


async def test_a_mirror_survives_a_rotation_of_its_token(world: World) -> None:
    async with world.mirrored() as seen:
        world.server.guard = token_guard("new")
        world.server.push(NODES, Drop())
        await eventually(lambda: any("401" in gap.reason for gap in seen.snapshot().gaps))
        assert seen.snapshot().sees("Pod", "kube-system", "p")
        write_kubeconfig(world.kubeconfig, world.server.url, user={"token": "new"})
        await eventually(lambda: not seen.snapshot().gaps)


@pytest.mark.parametrize("user", [{"token": "t"}, {"tokenFile": "token"}])
async def test_credentials_that_stay_refused_do_not_double_every_request(
    world: World, tmp_path: Path, user: dict[str, str]
) -> None:
    (tmp_path / "token").write_text("t")
    write_kubeconfig(world.kubeconfig, world.server.url, user=user)
    world.server.guard = token_guard("other")
    async with world.client(reload_pause=60.0) as api:
        for _ in range(5):
            with pytest.raises(failures.Unauthorized):
                await api.send(ASK)
    assert len(world.server.requests) <= 6


async def test_an_impersonated_name_is_sent(world: World) -> None:
    write_kubeconfig(world.kubeconfig, world.server.url, user={"token": "t", "as": "jane"})
    async with world.client() as api:
        await api.send(ASK)
    assert world.server.requests[0].headers["impersonate-user"] == "jane"


async def test_a_user_name_and_a_password_are_sent(world: World) -> None:
    write_kubeconfig(world.kubeconfig, world.server.url, user={"username": "a", "password": "b"})
    async with world.client() as api:
        await api.send(ASK)
    assert world.server.requests[0].headers["authorization"] == "Basic YTpi"


async def test_connections_are_used_again(world: World) -> None:
    ports: set[int] = set()

    def note(request: Any) -> None:
        ports.add(request.transport.get_extra_info("peername")[1])

    world.server.guard = note
    async with world.client() as api:
        for _ in range(4):
            await api.send(ASK)
    assert len(ports) == 1


async def test_an_exec_plugin_is_asked_once_and_again_after_a_401(
    world: World, tmp_path: Path
) -> None:
    token, count = tmp_path / "token", tmp_path / "count"
    token.write_text("one")
    user = plugin(tmp_path, granting(token, count))
    write_kubeconfig(world.kubeconfig, world.server.url, user=user)
    world.server.guard = token_guard("one")
    async with world.client() as api:
        await api.verify()
        await api.send(ASK)
        assert count.read_text() == "x"
        token.write_text("two")
        world.server.guard = token_guard("two")
        await api.send(ASK)
        assert count.read_text() == "xx"


async def test_an_exec_plugin_is_asked_again_before_its_token_expires(
    world: World, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
    user = plugin(
        tmp_path,
        f"""
        with open({str(count)!r}, "a") as f: f.write("x")
        status = {{"token": "t", "expirationTimestamp": {soon!r}}}
        print(json.dumps({{"kind": "ExecCredential", "status": status}}))
        """,
    )
    write_kubeconfig(world.kubeconfig, world.server.url, user=user)
    async with world.client() as api:
        await api.send(ASK)
        await api.send(ASK)
    assert len(count.read_text()) >= 2


async def test_an_exec_plugin_is_told_what_the_protocol_asks(world: World, tmp_path: Path) -> None:
    user = plugin(
        tmp_path,
        """
        info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
        assert info["kind"] == "ExecCredential" and info["spec"]["interactive"] is False
        token = os.environ["FLAVOUR"] + "-".join(sys.argv[1:]) + info["spec"]["cluster"]["server"]
        print(json.dumps({"status": {"token": token}}))
        """,
    )
    user["exec"].update(env=[{"name": "FLAVOUR", "value": "sweet"}], provideClusterInfo=True)
    write_kubeconfig(world.kubeconfig, world.server.url, user=user)
    async with world.client() as api:
        await api.send(ASK)
    sent = world.server.requests[0].headers["authorization"]
    assert sent == f"Bearer sweet--cluster-x{world.server.url}"


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ("print('{}')", errors.Misconfigured, "neither a token nor a certificate"),
        ("print('hello')", errors.Misconfigured, "did not print an ExecCredential"),
        (
            "print(json.dumps({'status': {'token': ''}}))",
            errors.Misconfigured,
            "neither a token nor a certificate",
        ),
        (
            "sys.stderr.write('session expired, log in'); sys.exit(3)",
            errors.Unavailable,
            "exit code 3: session expired, log in",
        ),
        ("import time; time.sleep(60)", errors.Unavailable, "did not finish in 0.5 s"),
    ],
)
async def test_an_exec_plugin_that_fails_is_told_and_never_becomes_anonymity(
    world: World, tmp_path: Path, body: str, kind: type[Exception], told: str
) -> None:
    write_kubeconfig(world.kubeconfig, world.server.url, user=plugin(tmp_path, body))
    async with world.client(exec_timeout=0.5) as api:
        with pytest.raises(kind, match=told):
            await api.verify()
    assert not world.server.requests


async def test_an_exec_plugin_that_is_not_installed_is_told_with_its_hint(world: World) -> None:
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-plugin-anywhere",
            "installHint": "install it from there",
        }
    }
    write_kubeconfig(world.kubeconfig, world.server.url, user=user)
    async with world.client() as api:
        with pytest.raises(errors.Misconfigured, match=r"no-such-plugin.*install it from there"):
            await api.verify()


async def test_no_credentials_are_sent_over_plain_http_to_another_machine() -> None:
    for server, sent in (
        ("http://10.0.0.1:8080", ""),
        ("https://10.0.0.1:6443", "Bearer t"),
        ("http://127.0.0.1:8001", "Bearer t"),
    ):
        access = kubeconfig.Access(server=server, origin="x", token="t")
        source = credentials.Credentials(access, FAST, clock=Clock())
        assert await source.authorization() == sent


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_https_with_the_ca_of_the_kubeconfig(world: World, tmp_path: Path) -> None:
    authority = Authority("ours")
    async with serving(Server(), tls=authority.server(tmp_path)) as server:
        for cluster in (
            {"certificate-authority-data": encoded(authority.pem)},
            {"certificate-authority": "ca.crt"},
            {"insecure-skip-tls-verify": True},
        ):
            (tmp_path / "ca.crt").write_text(authority.pem)
            write_kubeconfig(world.kubeconfig, server.url, cluster=cluster)
            async with world.client() as api:
                await api.verify()


async def test_a_ca_that_did_not_sign_the_server_is_definitely_wrong(
    world: World, tmp_path: Path
) -> None:
    async with serving(Server(), tls=Authority("theirs").server(tmp_path)) as server:
        cluster = {"certificate-authority-data": encoded(Authority("ours").pem)}
        write_kubeconfig(world.kubeconfig, server.url, cluster=cluster)
        async with world.client() as api:
            with pytest.raises(errors.Misconfigured, match="is not trusted"):
                await api.verify()
        assert not server.requests


async def test_a_certificate_for_another_name_is_definitely_wrong(
    world: World, tmp_path: Path
) -> None:
    authority = Authority("ours")
    async with serving(Server(), tls=authority.server(tmp_path)) as server:
        cluster = {
            "certificate-authority-data": encoded(authority.pem),
            "tls-server-name": "kubernetes.default.svc",
        }
        write_kubeconfig(world.kubeconfig, server.url, cluster=cluster)
        async with world.client() as api:
            with pytest.raises(errors.Misconfigured, match="is not trusted"):
                await api.verify()


async def test_a_rotated_ca_is_read_again_when_the_server_is_no_longer_trusted(
    world: World, tmp_path: Path
) -> None:
    old, new = Authority("old"), Authority("new")
    (tmp_path / "ca.crt").write_text(old.pem)
    async with serving(Server(), tls=old.server(tmp_path)) as server:
        port = int(server.url.rpartition(":")[2])
        cluster = {"certificate-authority": "ca.crt"}
        write_kubeconfig(world.kubeconfig, server.url, cluster=cluster)
        api = world.client(credentials_interval=3600.0, reload_pause=0.0)
        await api.verify()
    try:
        async with serving(Server(), port=port, tls=new.server(tmp_path)):
            with pytest.raises(failures.Failure):
                await api.send(ASK)
            (tmp_path / "ca.crt").write_text(old.pem + new.pem)
            await api.send(ASK)
    finally:
        await api.close()


@pytest.mark.parametrize("tls", [False, True])
async def test_stopping_closes_every_connection_at_once(
    world: World, tmp_path: Path, tls: bool
) -> None:
    authority = Authority("ours")
    context = authority.server(tmp_path) if tls else None
    async with serving(Server(), tls=context) as server:
        cluster = {"certificate-authority-data": encoded(authority.pem)} if tls else {}
        write_kubeconfig(world.kubeconfig, server.url, cluster=cluster)
        world.server = server
        loop = asyncio.get_running_loop()
        async with world.mirrored() as seen:
            assert len(seen.ages()) == 5
            assert len(_connections(loop, server)) >= 5
        assert not _connections(loop, server)


def _connections(loop: Any, server: Server) -> list[Any]:
    """Return our ends of open connections to that server."""
    port = int(server.url.rpartition(":")[2])
    sockets = [t.get_extra_info("socket") for t in loop._transports.values()]
    return [s for s in sockets if s.fileno() != -1 and s.getpeername()[1] == port]


async def test_a_client_certificate_is_shown_and_its_key_is_left_nowhere(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    authority = Authority("ours")
    certificate, key = authority.issue("flannel-bot")
    async with serving(Server(), tls=authority.server(tmp_path, clients=authority)) as server:
        cluster = {"certificate-authority-data": encoded(authority.pem)}
        user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
        write_kubeconfig(world.kubeconfig, server.url, cluster=cluster, user=user)
        async with world.client() as api:
            await api.verify()
            assert not list((tmp_path / "tmp").iterdir())
        assert "authorization" not in server.requests[0].headers


async def test_an_exec_plugin_may_give_a_client_certificate(world: World, tmp_path: Path) -> None:
    authority = Authority("ours")
    certificate, key = authority.issue("flannel-bot")
    user = plugin(
        tmp_path,
        f"""
        status = {{"clientCertificateData": {certificate!r}, "clientKeyData": {key!r}}}
        print(json.dumps({{"status": status}}))
        """,
    )
    async with serving(Server(), tls=authority.server(tmp_path, clients=authority)) as server:
        cluster = {"certificate-authority-data": encoded(authority.pem)}
        write_kubeconfig(world.kubeconfig, server.url, cluster=cluster, user=user)
        async with world.client() as api:
            await api.verify()


async def test_a_replaced_client_lets_its_open_watch_finish(world: World) -> None:
    async with world.mirrored(credentials_interval=0.0) as seen:
        write_kubeconfig(world.kubeconfig, world.server.url, user={"token": "new"})
        await seen._api.send(ASK)
        assert world.server.requests[-1].headers["authorization"] == "Bearer new"
        world.server.push(PODS, objects.event("ADDED", objects.pod("p", version=101)))
        await eventually(lambda: seen.snapshot().pods)
        assert len(world.server.asked(PODS, watch=True)) == 1


async def test_no_more_requests_than_allowed_are_in_flight(world: World) -> None:
    inside = most = 0

    def count(_: Any) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)

    world.server.guard = count
    world.server.lists(NODES, Answer(objects.listed("Node", []), after=0.05))

    async def ask(api: client.Client) -> None:
        nonlocal inside
        await api.send(ASK)
        inside -= 1

    async with world.client(concurrent_requests=2) as api:
        await asyncio.gather(*(ask(api) for _ in range(6)))
    assert most == 2


async def test_a_closed_client_answers_unavailable(world: World) -> None:
    api = world.client()
    await api.send(ASK)
    await api.close()
    with pytest.raises(errors.Unavailable, match="stopping"):
        await api.send(ASK)
