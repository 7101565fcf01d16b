"""Who may come in, over which certificates, and what is noted of it."""

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from bot.sim.cluster import certificates, http_access, requestlog
from tests.sim import api

ROOT = Path(__file__).parents[2]
NODES = "/api/v1/nodes"


async def test_a_wrong_token_is_401_and_none_is_anonymous() -> None:
    async with api.serving() as server:
        code, refusal = await server.ask("GET", NODES, token="wrong")
        assert (code, refusal["reason"]) == (401, "Unauthorized")
        code, refusal = await server.ask("GET", NODES, token=None)
        assert (code, refusal["reason"]) == (403, "Forbidden")
        assert 'User "system:anonymous" cannot list resource "nodes"' in refusal["message"]
        code, refusal = await server.ask("GET", "/apis", token=None)
        assert 'cannot get path "/apis"' in refusal["message"]
        async with server.request("GET", "/readyz", token=None) as response:
            assert await response.text() == "ok"


async def test_tokens_may_be_rotated_and_revoked_while_it_runs() -> None:
    async with api.serving() as server:
        server.server.tokens.rotate(api.TOKEN, "new")
        assert (await server.ask("GET", NODES))[0] == 401
        assert (await server.ask("GET", NODES, token="new"))[0] == 200
        assert server.server.tokens.revoke("new")
        assert not server.server.tokens.revoke("new")
        assert (await server.ask("GET", NODES, token="new"))[0] == 401


async def test_rights_can_be_ruled() -> None:
    def reads_only(question: http_access.Question) -> bool:
        return question.verb in {"get", "list", "watch"}

    async with api.serving(authorizer=reads_only) as server:
        assert (await server.ask("GET", NODES))[0] == 200
        code, refusal = await server.ask("POST", NODES, {"metadata": {"name": "n"}})
        assert (code, refusal["details"]) == (403, {"kind": "nodes"})
        review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert (await server.ask("POST", review, {"spec": {}}))[0] == 403


@pytest.mark.parametrize("verb", ["patch", "nothing-known"])
async def test_an_access_review_says_what_the_rules_say(verb: str) -> None:
    def all_but_unknown(question: http_access.Question) -> bool:
        return question.verb != "nothing-known"

    async with api.serving(authorizer=all_but_unknown) as server:
        attributes = {"verb": verb, "group": "apps", "resource": "daemonsets", "namespace": "x"}
        code, answer = await server.ask(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {"spec": {"resourceAttributes": attributes}},
        )
        assert (code, answer["status"]) == (201, {"allowed": verb == "patch"})


async def test_a_strict_client_accepts_the_certificates() -> None:
    context = ssl.create_default_context(cadata=api.CERTIFICATES.authority.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    async with api.serving() as server:
        for host in ("127.0.0.1", "localhost"):
            _, writer = await asyncio.open_connection(
                host, server.server.port, ssl=context, family=socket.AF_INET
            )
            writer.close()
            await writer.wait_closed()
        other = ssl.create_default_context(cadata=certificates.issue().authority.decode())
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", server.server.port, ssl=other)


async def test_a_taken_port_is_an_os_error() -> None:
    async with api.serving() as server:
        from bot.sim.cluster import http

        second = http.ApiServer(
            server.registry, certificates=api.CERTIFICATES, tokens=http_access.Tokens()
        )
        with pytest.raises(OSError, match="in use"):
            await second.start("127.0.0.1", server.server.port)
        await second.stop()


async def test_every_request_is_noted_with_what_it_was() -> None:
    async with api.serving() as server:
        log = server.server.requests
        await server.ask("GET", f"{NODES}/absent", headers={"User-Agent": "tester"})
        await server.ask("GET", NODES, token="wrong", limit="5")
        async with server.watch(NODES):
            pass
        first, second, third = log.since()
        assert first | {"time": "", "seq": 0} == {
            "seq": 0,
            "time": "",
            "method": "GET",
            "path": f"{NODES}/absent",
            "query": "",
            "user_agent": "tester",
            "identity": "kubernetes-admin",
            "status": 404,
            "verb": "get",
            "resource": "nodes",
            "namespace": "",
            "name": "absent",
            "body": "",
        }
        assert (second["status"], second["query"], second["identity"]) == (401, "limit=5", "")
        assert (third["verb"], third["status"]) == ("watch", 200)
        assert log.since(first["seq"])[0]["seq"] == second["seq"]
        assert log.last == third["seq"]


async def test_what_was_sent_is_noted_in_bounds_and_without_secrets() -> None:
    async with api.serving() as server:
        log, here = server.server.requests, "/api/v1/namespaces/default"
        long = {"metadata": {"name": "m"}, "data": {"k": "x" * 5000}}
        await server.ask("POST", f"{here}/configmaps", long)
        await server.patch(f"{here}/configmaps/m", {"data": {"k": "short"}})
        for secret in ({"stringData": {"k": "s3cret"}}, {"data": "no base64 s3cret"}):
            await server.ask("POST", f"{here}/secrets", {"metadata": {"name": "s"}, **secret})
        await server.ask("POST", f"{here}/configmaps", "no JSON", token=None)
        await server.ask("POST", f"{here}/configmaps", "no JSON")
        first, second, *secrets, anonymous, nonsense = (entry["body"] for entry in log.since())
        assert first.startswith('{"metadata": {"name": "m"}')
        assert first.endswith("characters in all)")
        assert len(first) < requestlog.BODY_LIMIT + 50
        assert second == '{"data": {"k": "short"}}'
        assert all("hidden" in body and "s3cret" not in body for body in secrets)
        # Of who may not write, nothing is read.
        assert (anonymous, nonsense) == ("", "no JSON")


async def test_the_kubeconfig_names_the_server_its_authority_and_the_token() -> None:
    async with api.serving() as server:
        config = server.server.kubeconfig(api.TOKEN, name="east")
        assert config["current-context"] == "east"
        assert config["clusters"][0]["cluster"]["server"] == server.server.url
        assert config["users"][0]["user"] == {"token": api.TOKEN}


async def test_a_part_of_the_server_that_breaks_is_a_500_and_told_in_the_log(
    monkeypatch, caplog
) -> None:
    async with api.serving() as server:

        def broken(*_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(server.store, "get", broken)
        code, refusal = await server.ask("GET", f"{NODES}/node-1")
        assert (code, refusal["reason"]) == (500, "InternalError")
        assert "request failed: GET /api/v1/nodes/node-1" in caplog.text


async def test_it_serves_on_after_a_client_that_speaks_no_tls() -> None:
    async with api.serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await server.ask("GET", NODES))[0] == 200


async def test_a_stopped_server_refuses_connections() -> None:
    async with api.serving() as server:
        await server.server.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await server.ask("GET", NODES)
