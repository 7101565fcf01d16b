"""Metadata alone and tables, of every kind that is served, got, listed and watched."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.sim.cluster import resources
from tests.sim import api

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORED = [row for row in resources.ALL if row.stored]
TEMPLATE = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]},
}
SELECTOR = {"selector": {"matchLabels": {"app": "x"}}}
WORKLOAD = {"spec": {**SELECTOR, "template": TEMPLATE}}
RULE = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["secrets"]}
CONTENT: dict[str, dict[str, Any]] = {
    "pods": {"spec": TEMPLATE["spec"]},
    "daemonsets": WORKLOAD,
    "deployments": WORKLOAD,
    "replicasets": WORKLOAD,
    "controllerrevisions": {"data": {"a": 1}, "revision": 1},
    "services": {"spec": {"ports": [{"port": 80}], "selector": {"app": "x"}}},
    "poddisruptionbudgets": {"spec": {**SELECTOR, "minAvailable": "50%"}},
    "endpoints": {
        "subsets": [
            {"addresses": [{"ip": f"10.0.0.{n}"} for n in range(5)], "ports": [{"port": 53}]}
        ]
    },
    "events": {
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "x"},
        "reason": "Tested",
        "type": "Normal",
        "message": "m",
    },
    "validatingadmissionpolicies": {
        "spec": {
            "matchConstraints": {"resourceRules": [RULE]},
            "validations": [{"expression": "true"}] * 2,
        }
    },
    "validatingadmissionpolicybindings": {
        "spec": {"policyName": "y", "validationActions": ["Deny"]}
    },
}
for kind in ("Role", "ClusterRole"):
    CONTENT[f"{kind.lower()}bindings"] = {
        "roleRef": {"kind": kind, "name": "x"},
        "subjects": [
            {"kind": "User", "name": "ann"},
            {"kind": "User", "name": "bob"},
            {"kind": "ServiceAccount", "name": "bot", "namespace": "there"},
        ],
    }
CELLS = {
    "rolebindings": ["x", "Role/x"],
    "clusterrolebindings": ["x", "ClusterRole/x"],
    "poddisruptionbudgets": ["x", "50%", "N/A", 0],
    "endpoints": ["x", "10.0.0.0:53,10.0.0.1:53,10.0.0.2:53 + 2 more..."],
    "serviceaccounts": ["x", 0],
    "configmaps": ["x", 0],
    "services": ["x", "ClusterIP"],
    "validatingadmissionpolicies": ["x", 2, "<unset>"],
    "validatingadmissionpolicybindings": ["x", "y", "<unset>"],
}


def address(row: resources.Resource) -> str:
    root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
    return f"{root}/namespaces/default/{row.plural}" if row.namespaced else f"{root}/{row.plural}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[api.Api]:
    async with api.serving() as running:
        for row in STORED:
            body = {
                "metadata": {"name": "x", "labels": {"app": "x"}},
                **CONTENT.get(row.plural, {}),
            }
            code, made = await running.ask("POST", address(row), body)
            assert code == 201, made
        yield running


@pytest.mark.parametrize("row", STORED, ids=lambda row: row.plural)
async def test_metadata_alone_is_that_of_the_object(server, row: resources.Resource) -> None:
    headers = {"Accept": api.METADATA.format("")}
    _, one = await server.ask("GET", f"{address(row)}/x", headers=headers)
    assert set(one) == {"kind", "apiVersion", "metadata"}
    assert (one["kind"], one["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert one["metadata"]["labels"] == {"app": "x"} | (
        {"kubernetes.io/metadata.name": "x"} if row.plural == "namespaces" else {}
    )
    lists = {"Accept": api.METADATA.format("List")}
    _, listed = await server.ask("GET", address(row), headers=lists, labelSelector="app=x")
    assert listed["kind"] == "PartialObjectMetadataList"
    assert listed["items"] == [one]
    async with server.watch(address(row), headers=headers, labelSelector="app=x") as watch:
        assert await watch.next() == {"type": "ADDED", "object": one}


@pytest.mark.parametrize("row", STORED, ids=lambda row: row.plural)
async def test_a_table_has_a_cell_for_each_column_and_as_much_of_the_object_as_is_asked(
    server, row: resources.Resource
) -> None:
    headers, path = {"Accept": api.TABLE}, f"{address(row)}/x"
    _, whole = await server.ask("GET", path)
    _, partial = await server.ask("GET", path, headers={"Accept": api.METADATA.format("")})
    for include, content in (
        ("", partial),
        ("Metadata", partial),
        ("Object", whole),
        ("None", None),
    ):
        more = {"includeObject": include} if include else {}
        _, table = await server.ask("GET", path, headers=headers, **more)
        (only,) = table["rows"]
        assert len(only["cells"]) == len(table["columnDefinitions"])
        assert only.get("object") == content, include
        expected = CELLS.get(row.plural, [])
        assert only["cells"][: len(expected)] == expected
    _, listed = await server.ask("GET", address(row), headers=headers, labelSelector="app=x")
    assert listed["kind"] == "Table"
    assert [item["object"]["metadata"]["name"] for item in listed["rows"]] == ["x"]
    async with server.watch(address(row), headers=headers, labelSelector="app=x") as watch:
        event = await watch.next()
        assert event["object"]["columnDefinitions"] == listed["columnDefinitions"]
        assert event["object"]["rows"][0]["cells"][0] == listed["rows"][0]["cells"][0]


@pytest.mark.parametrize("form", [api.METADATA.format(""), api.TABLE, "application/json"])
async def test_the_end_of_what_was_there_is_marked_in_every_form(server, form: str) -> None:
    async with server.watch(
        "/api/v1/nodes",
        headers={"Accept": form},
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    ) as watch:
        assert (await watch.next())["type"] == "ADDED"
        mark = await watch.next()
        assert mark["type"] == "BOOKMARK"
        about = mark["object"]
        if "Table" in form:
            about = about["rows"][0]["object"]
        assert about["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


@pytest.mark.parametrize(
    ("accept", "query", "code", "said"),
    [
        ("application/xml", {}, 406, "Available representations: application/json"),
        ("application/json;as=Table;v=v2;g=meta.k8s.io", {}, 406, "406: Not Acceptable"),
        ("application/json;as=Picture;v=v1;g=meta.k8s.io", {}, 406, "406: Not Acceptable"),
        (api.TABLE, {"includeObject": "All"}, 400, 'unrecognized includeObject value: "All"'),
        (api.TABLE, {"watch": "1", "includeObject": "All"}, 400, "unrecognized includeObject"),
    ],
)
async def test_a_form_that_is_not_there_is_refused(server, accept, query, code, said) -> None:
    got, refusal = await server.ask("GET", "/api/v1/nodes", headers={"Accept": accept}, **query)
    assert got == code
    assert said in refusal["message"]


async def test_who_can_read_something_else_too_gets_that(server) -> None:
    for accept in ("application/vnd.kubernetes.protobuf,application/json", "text/html, */*"):
        _, listed = await server.ask("GET", "/api/v1/nodes", headers={"Accept": accept})
        assert listed["kind"] == "NodeList", accept
