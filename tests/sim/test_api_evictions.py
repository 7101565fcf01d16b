"""Budgets and evictions beyond what was recorded: with controllers, without kubelets."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sim import api, parts

PODS = "/api/v1/namespaces/shop/pods"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@contextlib.asynccontextmanager
async def shop() -> AsyncIterator[api.Api]:
    async with api.serving() as server:
        with parts.controllers(server.registry, speed=20.0, scheduler=False):
            server.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
            yield server


def budget(server: api.Api, **spec: Any) -> None:
    spec = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    server.registry.create(
        "poddisruptionbudgets", "shop", {"metadata": {"name": "web"}, "spec": spec}
    )


async def budget_is(server: api.Api, **status: int) -> None:
    """Wait for the controller."""

    def holds() -> bool:
        found = server.registry.get("poddisruptionbudgets", "shop", "web")["status"]
        return all(found.get(name) == value for name, value in status.items())

    await api.until(holds)


async def deployed(server: api.Api, replicas: int) -> list[str]:
    """A Deployment whose pods run; their names."""
    manifest = api.daemonset("web")
    manifest["spec"]["replicas"] = replicas
    server.registry.create("deployments", "shop", manifest)
    await api.until(lambda: len(server.store.list("pods", "shop")) == replicas)
    names = [pod["metadata"]["name"] for pod in server.store.list("pods", "shop")]
    for name in names:
        server.registry.bind("shop", name, "node-1")
        run(server, name)
    return names


def run(server: api.Api, name: str, **status: Any) -> None:
    status = {"phase": "Running", "conditions": [READY], **status}
    server.registry.patch(
        "pods", "shop", name, {"status": status}, kind="merge", subresource="status"
    )


async def evict(server: api.Api, name: str, **more: Any) -> tuple[int, Any]:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return await server.ask("POST", f"{PODS}/{name}/eviction", body, **more)


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"minAvailable": 3}, 3, 2),
        ({"minAvailable": "50%"}, 3, 2),
        ({"maxUnavailable": 1}, 4, 1),
        ({"maxUnavailable": "50%"}, 2, 3),
        ({"maxUnavailable": "100%"}, 0, 5),
        ({"minAvailable": 9}, 9, 0),
        ({"minAvailable": 3, "selector": {}}, 3, 2),
        (
            {
                "minAvailable": 1,
                "selector": {
                    "matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]
                },
            },
            1,
            4,
        ),
    ],
)
async def test_a_budget_counts_as_it_is_written(
    spec: dict[str, Any], desired: int, allowed: int
) -> None:
    async with shop() as server:
        await deployed(server, 5)
        budget(server, **spec)
        await budget_is(
            server,
            observedGeneration=1,
            desiredHealthy=desired,
            disruptionsAllowed=allowed,
            currentHealthy=5,
            expectedPods=5,
        )


async def test_a_dry_run_asks_the_budget_and_consumes_nothing() -> None:
    async with shop() as server:
        one, two, _ = await deployed(server, 3)
        budget(server, maxUnavailable=1)
        await budget_is(server, disruptionsAllowed=1)
        before = server.store.revision
        for name in (one, two):
            assert (await evict(server, name, dryRun="All"))[0] == 201
        assert server.store.revision == before
        assert (await evict(server, one))[0] == 201
        code, answer = await evict(server, two, dryRun="All")
        assert (code, answer["reason"]) == (429, "TooManyRequests")


async def test_evictions_at_the_same_time_share_one_budget() -> None:
    async with shop() as server:
        names = await deployed(server, 4)
        budget(server, minAvailable=2)
        await budget_is(server, disruptionsAllowed=2)
        codes = sorted([(await evict(server, name))[0] for name in names])
        assert codes == [201, 201, 429, 429]


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
async def test_a_pod_that_serves_nobody_needs_no_budget(phase: str) -> None:
    async with shop() as server:
        one, *_ = await deployed(server, 2)
        budget(server, minAvailable=2)
        await budget_is(server, observedGeneration=1)
        run(server, one, phase=phase)
        assert (await evict(server, one))[0] == 201


async def test_a_pod_that_is_not_ready_may_go_while_enough_others_are() -> None:
    async with shop() as server:
        one, two, _ = await deployed(server, 3)
        budget(server, minAvailable=2)
        run(server, one, conditions=[READY | {"status": "False"}])
        await budget_is(server, currentHealthy=2, disruptionsAllowed=0)
        assert (await evict(server, two))[0] == 429
        assert (await evict(server, one))[0] == 201


async def test_an_eviction_that_led_to_nothing_is_forgotten() -> None:
    async with shop() as server:
        (name,) = await deployed(server, 1)
        budget(server, minAvailable=0)
        await budget_is(server, disruptionsAllowed=1)
        for age, allowed in ((0, 0), (3_600, 1)):
            found = server.registry.get("poddisruptionbudgets", "shop", "web")
            disrupted = {name: server.registry.now(after=-age)}
            found |= {"status": found["status"] | {"disruptedPods": disrupted}}
            server.registry.replace(
                "poddisruptionbudgets", "shop", "web", found, subresource="status"
            )
            await budget_is(server, disruptionsAllowed=allowed)


async def test_a_budget_says_one_thing_or_the_other() -> None:
    async with shop() as server:
        spec = {"minAvailable": 1, "maxUnavailable": 1}
        body = {"metadata": {"name": "web"}, "spec": spec}
        path = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
        code, answer = await server.ask("POST", path, body)
        assert code == 422
        assert "cannot be both set" in answer["message"]


async def test_what_is_posted_for_an_eviction_must_be_one() -> None:
    async with shop() as server:
        (name,) = await deployed(server, 1)
        path = f"{PODS}/{name}/eviction"
        body = {"apiVersion": "policy/v2", "kind": "Eviction", "metadata": {"name": name}}
        assert (await server.ask("POST", path, body))[0] == 400
        body |= {"apiVersion": "policy/v1", "deleteOptions": {"dryRun": ["Some"]}}
        assert (await server.ask("POST", path, body, dryRun="All"))[0] == 400
