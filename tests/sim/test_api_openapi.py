"""OpenAPI as clients read it: every kind that is served, closed in itself."""

import json
from typing import Any

import pytest

from bot.sim.cluster import openapi_wire, resources
from tests.sim import api

GROUPS = ["api/v1", *(f"apis/{group}/v1" for group in resources.GROUPS if group)]


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def kinds(schemas: dict[str, Any]) -> set[tuple[str, str]]:
    told = (item.get("x-kubernetes-group-version-kind", ()) for item in schemas.values())
    return {(one["group"], one["kind"]) for listed in told for one in listed}


async def test_version_3_describes_the_kinds_of_every_group_and_all_they_hold() -> None:
    async with api.serving() as server:
        _, root = await server.ask("GET", "/openapi/v3")
        assert sorted(root["paths"]) == sorted(GROUPS)
        described: set[tuple[str, str]] = set()
        for path in root["paths"].values():
            address = path["serverRelativeURL"].partition("?")[0]
            _, document = await server.ask("GET", address)
            schemas = document["components"]["schemas"]
            described |= kinds(schemas)
            named = {f"#/components/schemas/{name}" for name in schemas}
            assert references(document) <= named
        assert described == {(row.group, row.kind) for row in resources.ALL if row.stored}
        code, _ = await server.ask("GET", "/openapi/v3/api/v1")
        assert code == 200


async def test_version_2_describes_them_all_and_how_lists_are_merged() -> None:
    async with api.serving() as server:
        _, document = await server.ask("GET", "/openapi/v2")
        definitions = document["definitions"]
        assert kinds(definitions) == {(row.group, row.kind) for row in resources.ALL if row.stored}
        assert references(document) <= {f"#/definitions/{name}" for name in definitions}
        containers = definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
        assert containers["x-kubernetes-patch-merge-key"] == "name"
        ports = definitions["io.k8s.api.core.v1.ServiceSpec"]["properties"]["ports"]
        assert ports["x-kubernetes-patch-merge-key"] == "port"
        tolerations = definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["tolerations"]
        assert "x-kubernetes-patch-merge-key" not in tolerations


@pytest.mark.parametrize("asked", [openapi_wire.ACCEPTED, openapi_wire.MEDIA_TYPE])
async def test_version_2_comes_as_protobuf_to_whom_it_is_all_they_read(asked: str) -> None:
    async with api.serving() as server:
        headers = {"Accept": asked}
        async with server.request("GET", "/openapi/v2", headers=headers) as answer:
            body = await answer.read()
            # The name that clients ask by has a character that no media type may have.
            assert answer.headers["Content-Type"] == openapi_wire.MEDIA_TYPE
        _, document = await server.ask("GET", "/openapi/v2")
        assert all(name.encode() in body for name in document["definitions"])
        told = [{"group": "apps", "version": "v1", "kind": "DaemonSet"}]
        assert json.dumps(told).encode() in body


async def test_other_forms_and_other_paths_are_refused() -> None:
    async with api.serving() as server:
        for path in ("/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apps/v1"):
            code, _ = await server.ask("GET", path, headers={"Accept": "text/html"})
            assert code == 406, path
        for path in ("/openapi/v4", "/openapi/v3/apis/batch/v1", "/openapi/v3/apis/apps/v2"):
            async with server.request("GET", path) as answer:
                assert (answer.status, await answer.text()) == (404, "404 page not found\n"), path
