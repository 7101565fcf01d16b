"""Asking as somebody else (`kubectl --as`) at the simulated API server."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.sim.cluster import rbac, registry, store
from tests.sim import accounts, api
from tests.sim.accounts import rule

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT = "system:serviceaccount:default:bot"
PODS = "/api/v1/namespaces/default/pods"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[api.Api]:
    """One in which `bot` may list pods, and `deputy` may ask as it and as one of the ops."""
    objects = registry.Registry(store.Store(), rng=random.Random(7))
    accounts.begin(objects)
    bot = accounts.account(objects, "bot")
    accounts.bind(objects, "bot", bot, rule("list", "pods"), namespace="default")
    deputy = accounts.account(objects, "deputy")
    may = rule("impersonate", "groups", resourceNames=["ops"])
    accounts.bind(objects, "deputy-ops", deputy, may, rule("impersonate", "users"))
    may = rule("impersonate", "serviceaccounts", resourceNames=["bot"])
    accounts.bind(objects, "deputy-bot", deputy, may, namespace="default")
    authorizer = rbac.Authorizer(objects.store)
    async with api.serving(objects=objects, authorizer=authorizer) as running:
        yield running


async def told(server: api.Api, *headers: tuple[str, str]) -> dict[str, object]:
    """Who an administrator is taken for with these headers."""
    head = [
        *headers,
        ("Authorization", f"Bearer {api.TOKEN}"),
        ("Content-Type", "application/json"),
    ]
    url = server.server.url + WHO
    async with server.session.post(url, data="{}", headers=head) as answer:
        found = (await answer.json())["status"]["userInfo"]
        assert isinstance(found, dict)
        return found


async def test_the_rights_of_the_other_count_and_no_others(server: api.Api) -> None:
    head = {"Impersonate-User": BOT}
    assert (await server.ask("GET", PODS, headers=head))[0] == 200
    code, refusal = await server.ask("GET", "/api/v1/nodes", headers=head)
    assert (code, refusal["message"]) == (
        403,
        f'nodes is forbidden: User "{BOT}" cannot list resource "nodes" in API group "" at the '
        "cluster scope",
    )
    assert server.server.requests.since()[-1]["identity"] == BOT


async def test_the_other_has_the_groups_that_are_asked_for_or_its_own(server: api.Api) -> None:
    accounts_of = ["system:serviceaccounts", "system:serviceaccounts:default"]
    assert await told(server, ("Impersonate-User", BOT)) == {
        "username": BOT,
        "groups": [*accounts_of, "system:authenticated"],
    }
    anna = ("Impersonate-User", "anna")
    groups = (("Impersonate-Group", "ops"), ("Impersonate-Group", "dev"))
    assert await told(server, anna, *groups, ("Impersonate-Uid", "7")) == {
        "username": "anna",
        "uid": "7",
        "groups": ["ops", "dev", "system:authenticated"],
    }
    assert (await told(server, ("Impersonate-User", BOT), *groups))["groups"] == [
        *("ops", "dev", "system:authenticated")
    ]
    head = {"Impersonate-User": "system:anonymous"}
    code, refusal = await server.ask("POST", WHO, {}, headers=head)
    assert code == 403
    assert 'User "system:anonymous" cannot create' in refusal["message"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Impersonate-User": BOT}, ""),
        ({"Impersonate-User": "anna", "Impersonate-Group": "ops"}, ""),
        (
            {"Impersonate-User": "system:serviceaccount:default:other"},
            'serviceaccounts "other" is forbidden: User "system:serviceaccount:default:deputy" '
            'cannot impersonate resource "serviceaccounts" in API group "" in the namespace '
            '"default"',
        ),
        (
            {"Impersonate-User": "anna", "Impersonate-Group": "system:masters"},
            'groups "system:masters" is forbidden: User "system:serviceaccount:default:deputy" '
            'cannot impersonate resource "groups" in API group "" at the cluster scope',
        ),
        (
            {"Impersonate-User": "anna", "Impersonate-Uid": "7"},
            'uids.authentication.k8s.io "7" is forbidden: User '
            '"system:serviceaccount:default:deputy" cannot impersonate resource "uids" in API '
            'group "authentication.k8s.io" at the cluster scope',
        ),
    ],
)
async def test_only_who_may_asks_as_another(
    server: api.Api, headers: dict[str, str], said: str
) -> None:
    token = await accounts.token(server, "deputy")
    code, answer = await server.ask("GET", "/version", token=token, headers=headers)
    assert (code, answer.get("message", "")) == ((403, said) if said else (200, ""))


async def test_a_group_of_nobody_and_what_is_not_kept_are_refused(server: api.Api) -> None:
    code, answer = await server.ask("GET", PODS, headers={"Impersonate-Group": "ops"})
    assert (code, answer["reason"]) == (500, "InternalError")
    head = {"Impersonate-User": "anna", "Impersonate-Extra-Scopes": "view"}
    assert (await server.ask("GET", PODS, headers=head))[0] == 400
