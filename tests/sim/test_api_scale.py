"""Scales and reviews: what is asked of objects and callers beside reading and writing them."""

import pytest

from tests.sim import api

WEB = "/apis/apps/v1/namespaces/default/deployments/web"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def deployment() -> dict:
    return {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]},
            },
        },
    }


async def test_a_scale_shows_how_many_there_shall_be_and_are() -> None:
    async with api.serving() as server:
        made = server.registry.create("deployments", "default", deployment())
        _, scale = await server.ask("GET", f"{WEB}/scale")
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["metadata"]["uid"] == made["metadata"]["uid"]
        assert scale["spec"] == {"replicas": 2}
        assert scale["status"] == {"replicas": 0, "selector": "app=web"}


@pytest.mark.parametrize("way", ["put", "merge", "json"])
async def test_a_deployment_is_scaled_and_only_its_number_changes(way: str) -> None:
    async with api.serving() as server:
        before = server.registry.create("deployments", "default", deployment())
        _, scale = await server.ask("GET", f"{WEB}/scale")
        if way == "put":
            scale["spec"]["replicas"] = 5
            code, answer = await server.ask("PUT", f"{WEB}/scale", scale)
        elif way == "merge":
            code, answer = await server.patch(f"{WEB}/scale", {"spec": {"replicas": 5}})
        else:
            change = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
            code, answer = await server.patch(f"{WEB}/scale", change, kind="json")
        assert (code, answer["spec"]) == (200, {"replicas": 5})
        after = server.registry.get("deployments", "default", "web")
        assert after["spec"] == before["spec"] | {"replicas": 5}
        assert after["metadata"]["generation"] == 2


async def test_a_scale_that_is_old_or_nonsense_changes_nothing() -> None:
    async with api.serving() as server:
        server.registry.create("deployments", "default", deployment())
        _, scale = await server.ask("GET", f"{WEB}/scale")
        label = {"metadata": {"labels": {"a": "b"}}}
        server.registry.patch("deployments", "default", "web", label, kind="merge")
        scale["spec"]["replicas"] = 9
        code, refusal = await server.ask("PUT", f"{WEB}/scale", scale)
        assert (code, refusal["reason"]) == (409, "Conflict")
        code, refusal = await server.patch(f"{WEB}/scale", {"spec": {"replicas": -1}})
        assert (code, refusal["reason"]) == (422, "Invalid")
        assert "spec.replicas: Invalid value: -1: must be greater than" in refusal["message"]
        code, refusal = await server.patch(f"{WEB}/scale", {"spec": {"replicas": "many"}})
        assert (code, refusal["reason"]) == (400, "BadRequest")
        code, _ = await server.patch(f"{WEB}/scale", {"spec": {"replicas": 7}}, dryRun="All")
        assert code == 200
        assert server.registry.get("deployments", "default", "web")["spec"]["replicas"] == 2


async def test_the_server_says_whom_it_takes_the_caller_for() -> None:
    async with api.serving() as server:
        code, review = await server.ask("POST", SELF, {})
        assert (code, review["kind"]) == (201, "SelfSubjectReview")
        assert review["status"]["userInfo"] == {
            "username": "kubernetes-admin",
            "groups": ["system:masters", "system:authenticated"],
        }
        code, refusal = await server.ask("POST", SELF, {}, token="wrong")
        assert (code, refusal["message"]) == (401, "Unauthorized")
