"""Roles, bindings and tokens over HTTP, beyond what was recorded."""

import base64
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.sim.cluster import rbac, registry, store
from tests.sim import accounts, api
from tests.sim.accounts import rule

HERE = "/api/v1/namespaces/default"


class Clock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, 400_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def ruled(clock: Clock | None = None) -> AsyncIterator[api.Api]:
    """A server that lives by what is stored in it; the account `bot` is there."""
    objects = registry.Registry(store.Store(), rng=random.Random(7))
    accounts.begin(objects)
    accounts.account(objects, "bot")
    more = {} if clock is None else {"clock": clock}
    authorizer = rbac.Authorizer(objects.store)
    async with api.serving(objects=objects, authorizer=authorizer, **more) as server:
        yield server


BOT = {"kind": "ServiceAccount", "name": "bot", "namespace": "default"}


async def test_a_right_is_there_with_the_next_request_and_gone_with_the_next() -> None:
    async with ruled() as server:
        token = await accounts.token(server, "bot")
        assert (await server.ask("GET", f"{HERE}/pods", token=token))[0] == 403
        accounts.bind(server.registry, "bot", BOT, rule("list", "pods"), namespace="default")
        assert (await server.ask("GET", f"{HERE}/pods", token=token))[0] == 200
        server.registry.delete("rolebindings", "default", "bot")
        code, refusal = await server.ask("GET", f"{HERE}/pods", token=token)
        assert (code, refusal["message"]) == (
            403,
            'pods is forbidden: User "system:serviceaccount:default:bot" cannot list resource '
            '"pods" in API group "" in the namespace "default"',
        )


async def test_a_missing_role_is_named_in_the_refusal_and_in_reviews() -> None:
    async with ruled() as server:
        accounts.bind(server.registry, "bot", BOT, rule("list", "pods"), namespace="default")
        server.registry.delete("roles", "default", "bot")
        token = await accounts.token(server, "bot")
        missing = 'role.rbac.authorization.k8s.io "bot" not found'
        _, refusal = await server.ask("GET", f"{HERE}/pods", token=token)
        assert refusal["message"].endswith(f'in the namespace "default": RBAC: {missing}')
        asked = {"namespace": "default", "verb": "list", "resource": "pods"}
        _, review = await server.ask(
            "POST", accounts.REVIEW, {"spec": {"resourceAttributes": asked}}, token=token
        )
        assert review["status"] == {"allowed": False, "reason": f"RBAC: {missing}"}
        _, review = await server.ask(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            {"spec": {"namespace": "default"}},
            token=token,
        )
        assert review["status"]["evaluationError"] == missing


async def test_a_list_and_a_watch_of_one_name_are_reads_of_that_object() -> None:
    named = rule("get list watch", "configmaps", resourceNames=["cfg"])
    async with ruled() as server:
        accounts.bind(server.registry, "bot", BOT, named, namespace="default")
        token = await accounts.token(server, "bot")
        server.registry.create("configmaps", "default", {"metadata": {"name": "cfg"}})

        async def code(**query: str) -> int:
            return (await server.ask("GET", f"{HERE}/configmaps", token=token, **query))[0]

        assert await code() == 403
        assert await code(fieldSelector="metadata.name=cfg") == 200
        assert await code(fieldSelector="metadata.name==cfg,metadata.namespace=default") == 200
        assert await code(fieldSelector="metadata.name!=cfg") == 403
        assert await code(fieldSelector="metadata.name=other") == 403
        one = {"fieldSelector": "metadata.name=cfg"}
        async with server.watch(f"{HERE}/configmaps", token=token, **one) as watch:
            assert (await watch.next())["object"]["metadata"]["name"] == "cfg"
        code_, refusal = await server.ask("DELETE", f"{HERE}/configmaps", token=token, **one)
        assert code_ == 403
        assert "cannot deletecollection resource" in refusal["message"]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        (
            "GET",
            "/apis/argoproj.io/v1alpha1/namespaces/x/applications/a",
            'applications.argoproj.io "a" is forbidden',
        ),
        ("GET", "/api/v1/nodes/n/proxy/metrics", 'cannot get resource "nodes/proxy"'),
        ("GET", "/apis/metrics.k8s.io/v1beta1/nodes", '"nodes" in API group "metrics.k8s.io"'),
        ("PUT", "/api/v1/nodes", 'cannot update resource "nodes"'),
        ("GET", "/metrics", 'cannot get path "/metrics"'),
        ("DELETE", "/version", 'cannot delete path "/version"'),
        ("GET", "/api/v1/namespaces/x", 'cannot get resource "namespaces" in API group "" in the'),
    ],
)
async def test_who_may_not_is_told_that_and_not_what_exists(
    method: str, path: str, said: str
) -> None:
    async with ruled() as server:
        token = await accounts.token(server, "bot")
        code, refusal = await server.ask(method, path, token=token)
        assert code == 403
        assert said in refusal["message"]


async def test_exec_by_websocket_takes_the_right_to_create_too() -> None:
    async with ruled() as server:
        accounts.bind(server.registry, "bot", BOT, rule("get", "pods/exec"), namespace="default")
        token = await accounts.token(server, "bot")
        code, refusal = await server.ask("GET", f"{HERE}/pods/p/exec", token=token)
        assert code == 403
        assert 'cannot create resource "pods/exec"' in refusal["message"]
        accounts.bind(
            server.registry, "more", BOT, rule("create", "pods/exec"), namespace="default"
        )
        assert (await server.ask("GET", f"{HERE}/pods/p/exec", token=token))[0] == 404


async def test_every_account_may_look_around_and_ask_what_it_may() -> None:
    async with ruled() as server:
        token = await accounts.token(server, "bot")
        for path in ("/api", "/apis/apps/v1", "/openapi/v3", "/version"):
            assert (await server.ask("GET", path, token=token))[0] == 200, path
        _, review = await server.ask(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            {"spec": {"namespace": "default"}},
        )
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        assert everything in review["status"]["resourceRules"]


async def test_a_token_ends_with_its_time() -> None:
    clock = Clock()
    async with ruled(clock) as server:
        token = await accounts.token(server, "bot", expirationSeconds=600)
        for after, code in ((timedelta(seconds=599), 403), (timedelta(seconds=601), 401)):
            now, clock.now = clock.now, clock.now + after
            assert (await server.ask("GET", "/api/v1/nodes", token=token))[0] == code, after
            clock.now = now


async def test_a_token_ends_with_its_account_also_where_another_takes_its_name() -> None:
    async with ruled() as server:
        token = await accounts.token(server, "bot")
        assert (await server.ask("GET", "/apis", token=token))[0] == 200
        server.registry.delete("serviceaccounts", "default", "bot")
        code, refusal = await server.ask("GET", "/apis", token=token)
        assert (code, refusal["message"]) == (401, "Unauthorized")
        accounts.account(server.registry, "bot")
        assert (await server.ask("GET", "/apis", token=token))[0] == 401
        token = await accounts.token(server, "bot")
        assert (await server.ask("GET", "/apis", token=token))[0] == 200


async def test_a_token_lasts_an_hour_unless_it_says_otherwise_and_names_its_account() -> None:
    clock = Clock()
    async with ruled(clock) as server:
        path = f"{HERE}/serviceaccounts/bot/token"
        code, answer = await server.ask("POST", path, {"spec": {}})
        assert (code, answer["status"]["expirationTimestamp"]) == (201, "2026-03-01T13:00:00Z")
        payload = answer["status"]["token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert claims["sub"] == "system:serviceaccount:default:bot"
        assert claims["exp"] - claims["iat"] == 3600
        code, refusal = await server.ask("POST", path, {"spec": {"expirationSeconds": 2**32 + 1}})
        assert (code, refusal["reason"]) == (422, "Invalid")
        reference = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}
        assert (await server.ask("POST", path, {"spec": reference}))[0] == 400
        absent = f"{HERE}/serviceaccounts/absent/token"
        code, refusal = await server.ask("POST", absent, {"spec": {}})
        assert (code, refusal["message"]) == (404, 'serviceaccounts "absent" not found')


async def test_a_token_that_is_for_others_forged_or_of_another_server_is_not_good() -> None:
    async with ruled() as server, ruled() as other:
        good = await accounts.token(server, "bot")
        head, payload, signature = good.split(".")
        for bad in (
            await accounts.token(server, "bot", audiences=["vault"]),
            await accounts.token(other, "bot"),
            f"{head}.{payload}.{signature[:-2]}AA",
            f"{head}.{payload}x.{signature}",
            f"{head}.{payload}.",
            "\u00e9",
        ):
            assert (await server.ask("GET", "/apis", token=bad))[0] == 401, bad
        assert (await server.ask("GET", "/apis", token=good))[0] == 200


async def test_who_may_not_make_tokens_gets_none() -> None:
    async with ruled() as server:
        token = await accounts.token(server, "bot")
        path = f"{HERE}/serviceaccounts/bot/token"
        code, refusal = await server.ask("POST", path, {"spec": {}}, token=token)
        assert code == 403
        assert 'cannot create resource "serviceaccounts/token"' in refusal["message"]
