"""Admission policies at the simulated API server, beyond what was recorded of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.sim import admission, api
from tests.sim.admission import (
    ANNA,
    BINDINGS,
    CONFIGS,
    NEVER,
    POLICIES,
    binding,
    config,
    policy,
    stored,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served() -> AsyncIterator[api.Api]:
    async with api.serving(identities={"anna": ANNA}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def server(served: api.Api) -> AsyncIterator[api.Api]:
    """One server for all: each begins without policies and objects of its own."""
    async for emptied in admission.emptied(served):
        yield emptied


async def test_a_policy_alone_does_nothing_and_goes_on_doing_so_when_its_binding_goes(
    server: api.Api,
) -> None:
    await stored(server, policy(NEVER))
    assert (await config(server, "one"))[0] == 201
    await stored(server, binding())
    assert (await config(server, "two"))[0] == 403
    assert (await server.ask("DELETE", f"{BINDINGS}/p"))[0] == 200
    assert (await config(server, "two"))[0] == 201


async def test_a_binding_of_no_policy_does_nothing(server: api.Api) -> None:
    await stored(server, binding(to="another"))
    assert (await config(server))[0] == 201


async def test_of_two_policies_the_one_that_refuses_is_named(server: api.Api) -> None:
    passing = policy({"expression": "true"}, name="a")
    await stored(server, passing, binding(name="a", to="a"), policy(NEVER, name="b"))
    await stored(server, binding(name="of-b", to="b"), binding("Audit", name="seen-b", to="b"))
    code, message, warned = await config(server)
    assert (code, warned) == (403, [])
    told = "ValidatingAdmissionPolicy 'b' with binding 'of-b' denied request: not today"
    assert message == f'configmaps "m" is forbidden: {told}'


async def test_what_another_warns_of_is_told_beside_the_refusal(server: api.Api) -> None:
    await stored(server, policy(NEVER, name="a"), binding("Warn", to="a"), policy(NEVER, name="b"))
    await stored(server, binding(name="q", to="b"))
    code, message, warned = await config(server)
    assert (code, message.partition(" with")[0].rpartition(" ")[2]) == (403, "'b'")
    assert [one.partition(" with")[0].rpartition(" ")[2] for one in warned] == ["'a'"]


async def test_an_audit_shows_nothing_and_a_warning_is_told_to_who_wrote(server: api.Api) -> None:
    await stored(server, policy(NEVER), binding("Audit"))
    assert await config(server, "one") == (201, "", [])
    await stored(server, binding("Warn", name="w"))
    told = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'w': not today"
    assert await config(server, "two") == (201, "", [f'"{told}"'])


@pytest.mark.parametrize(
    ("reason", "code"),
    [(None, 422), ("Invalid", 422), ("Unauthorized", 401), ("RequestEntityTooLarge", 413)],
)
async def test_the_reason_decides_the_code(server: api.Api, reason: str | None, code: int) -> None:
    given = {"expression": "false", **({"reason": reason} if reason else {})}
    await stored(server, policy(given), binding())
    found, answer = await server.ask("POST", CONFIGS, {"metadata": {"name": "m"}})
    assert (found, answer["code"], answer["reason"]) == (code, code, reason or "Invalid")
    assert "denied request: failed expression: false" in answer["details"]["causes"][0]["message"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("'no ' + object.metadata.name", "no m"),
        ("'two\\nlines'", "plain"),
        ("' '", "plain"),
        ("object.nothing.there", "plain"),
        ("1 + 1", "plain"),
    ],
)
async def test_a_message_may_be_made_and_else_the_plain_one_is_told(
    server: api.Api, made: str, said: str
) -> None:
    given = {"expression": "false", "message": "plain", "messageExpression": made}
    await stored(server, policy(given), binding())
    assert (await config(server))[1].endswith(f"denied request: {said}")


@pytest.mark.parametrize("where", ["validation", "condition", "variable"])
async def test_what_cannot_be_evaluated_refuses_or_is_passed_over_as_the_policy_says(
    server: api.Api, where: str
) -> None:
    broken = "object.data.absent == 'x'"
    more: dict[str, Any] = {}
    expression = broken if where == "validation" else "true"
    if where == "condition":
        more["matchConditions"] = [{"name": "c", "expression": broken}]
    if where == "variable":
        more["variables"] = [
            {"name": "unasked", "expression": "1 / 0"},
            {"name": "v", "expression": broken},
        ]
        expression = "variables.v"
    closed = policy({"expression": expression}, **more, failurePolicy="Fail")
    await stored(server, closed, binding())
    code, message, _ = await config(server, "one")
    assert code == 422
    why = f"expression '{broken}' resulted in error: no such key: absent"
    if where == "variable":
        why = f'composited variable "v" fails to evaluate: {why}'
        why = f"expression 'variables.v' resulted in error: {why}"
    assert message.endswith(f"denied request: {why}")
    change = {"spec": {"failurePolicy": "Ignore"}}
    assert (await server.patch(f"{POLICIES}/p", change))[0] == 200
    assert await config(server, "one") == (201, "", [])


async def test_a_condition_that_does_not_hold_outweighs_one_that_fails(server: api.Api) -> None:
    conditions = [
        {"name": "broken", "expression": "object.data.absent == 'x'"},
        {"name": "of-anna", "expression": "request.userInfo.username == 'anna'"},
    ]
    await stored(server, policy(NEVER, matchConditions=conditions), binding())
    assert (await config(server, "one"))[0] == 201
    assert (await config(server, "two", token="anna"))[0] == 422


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        ({"rule": {"operations": ["UPDATE"]}}, False),
        ({"rule": {"apiGroups": ["apps"]}}, False),
        ({"rule": {"apiVersions": ["v2"]}}, False),
        ({"rule": {"scope": "Cluster"}}, False),
        ({"rule": {"scope": "Namespaced"}}, True),
        ({"rule": {"resourceNames": ["other"]}}, False),
        ({"rule": {"resourceNames": ["m"]}}, True),
        ({"resources": ["configmaps/status"]}, False),
        ({"resources": ["*/*"]}, True),
        ({"resources": ["configmaps/*"]}, True),
        ({"constraints": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}, False),
        (
            {
                "constraints": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}
                }
            },
            True,
        ),
        ({"constraints": {"objectSelector": {"matchLabels": {"app": "x"}}}}, True),
        ({"constraints": {"objectSelector": {"matchLabels": {"app": "y"}}}}, False),
        (
            {
                "constraints": {
                    "excludeResourceRules": [
                        {
                            "operations": ["CREATE"],
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "resources": ["configmaps"],
                        }
                    ]
                }
            },
            False,
        ),
    ],
)
async def test_it_is_asked_only_about_what_it_is_for(
    server: api.Api, wanted: dict[str, Any], refused: bool
) -> None:
    await stored(server, policy(NEVER, **wanted), binding())
    code, _, _ = await config(server, metadata={"labels": {"app": "x"}})
    assert code == (403 if refused else 201)


async def test_a_binding_may_narrow_it_further(server: api.Api) -> None:
    labels = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    narrowed = binding(matchResources={"namespaceSelector": labels})
    await stored(server, policy(NEVER), narrowed)
    assert (await config(server))[0] == 201
    there = "/api/v1/namespaces/kube-system/configmaps"
    assert (await config(server, path=there))[0] == 403


async def test_every_way_of_writing_is_asked_about_with_what_it_changes(server: api.Api) -> None:
    """A refusal tells what the policy has seen."""
    seen = (
        "request.operation + ' ' + (has(request.subResource) ? request.subResource : 'whole') + "
        "' ' + request.userInfo.username + ' ' + (object == null ? 'gone' : object.kind) + "
        "' ' + (oldObject == null ? 'new' : oldObject.metadata.name) + "
        "(request.dryRun ? ' dry' : '')"
    )
    shown = {"expression": "false", "message": "unsaid", "messageExpression": seen}
    everything = ["deployments/*", "pods/*", "serviceaccounts/*"]
    mine = [{"name": "anna", "expression": "request.userInfo.username == 'anna'"}]
    await stored(server, policy(shown, resources=everything, matchConditions=mine), binding())
    template = {"metadata": {"labels": {"app": "d"}}, "spec": api.pod("x")["spec"]}
    spec = {"selector": {"matchLabels": {"app": "d"}}, "template": template}
    deployment = {"metadata": {"name": "d"}, "spec": spec}
    pods, deployments = (
        "/api/v1/namespaces/default/pods",
        "/apis/apps/v1/namespaces/default/deployments",
    )
    await server.ask("POST", deployments, deployment)
    await server.ask("POST", pods, api.pod("held"))
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    await server.ask("POST", accounts, {"metadata": {"name": "default"}})
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment}
    fresh = {**applied, "metadata": {"name": "e"}}
    one, merge = f"{deployments}/d", {"Content-Type": "application/merge-patch+json"}
    apply = {"Content-Type": "application/apply-patch+yaml"}
    eviction = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "held"}}
    bound = {"kind": "Binding", "apiVersion": "v1", "target": {"name": "n"}}
    attempts: list[tuple[str, str, Any, dict[str, Any], str]] = [
        ("POST", deployments, fresh, {}, "CREATE whole anna Deployment new"),
        ("POST", deployments, fresh, {"dryRun": "All"}, "CREATE whole anna Deployment new dry"),
        ("PUT", one, deployment, {}, "UPDATE whole anna Deployment d"),
        ("PATCH", one, {}, {"headers": merge}, "UPDATE whole anna Deployment d"),
        ("PATCH", f"{one}/status", {}, {"headers": merge}, "UPDATE status anna Deployment d"),
        (
            "PATCH",
            f"{one}/scale",
            {"spec": {"replicas": 2}},
            {"headers": merge},
            "UPDATE scale anna Scale d",
        ),
        (
            "PATCH",
            one,
            applied,
            {"headers": apply, "fieldManager": "a", "force": "true"},
            "UPDATE whole anna Deployment d",
        ),
        (
            "PATCH",
            f"{deployments}/e",
            fresh,
            {"headers": apply, "fieldManager": "a", "dryRun": "All"},
            "CREATE whole anna Deployment new dry",
        ),
        ("DELETE", one, None, {}, "DELETE whole anna gone d"),
        ("DELETE", one, {"dryRun": ["All"]}, {}, "DELETE whole anna gone d dry"),
        ("DELETE", deployments, None, {}, "DELETE whole anna gone d"),
        ("DELETE", f"{pods}/held", None, {}, "DELETE whole anna gone held"),
        ("POST", f"{pods}/held/eviction", eviction, {}, "CREATE eviction anna Eviction new"),
        ("POST", f"{pods}/held/binding", bound, {}, "CREATE binding anna Binding new"),
        (
            "POST",
            f"{accounts}/default/token",
            {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"},
            {},
            "CREATE token anna TokenRequest new",
        ),
        (
            "GET",
            f"{pods}/held/exec",
            None,
            {"command": "ls", "container": "main"},
            "CONNECT exec anna PodExecOptions new",
        ),
    ]
    for method, path, body, more, said in attempts:
        code, answer = await server.ask(method, path, body, token="anna", **more)
        assert (code, answer["message"].rpartition(": ")[2]) == (422, said), (method, path)
    # Nothing of all this was done, and whom it does not concern may do it.
    assert (await server.ask("GET", f"{deployments}/e"))[0] == 404
    code, kept = await server.ask("GET", one)
    assert (code, kept["metadata"]["generation"], kept["spec"]["replicas"]) == (200, 1, 1)
    assert (await server.ask("POST", f"{pods}/held/eviction", eviction))[0] == 201


async def test_what_is_deleted_with_its_owner_is_not_asked_about(server: api.Api) -> None:
    await stored(server, policy(NEVER, rule={"operations": ["DELETE"]}), binding())
    deployments = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"app": "d"}}, "spec": api.pod("x")["spec"]}
    spec = {"selector": {"matchLabels": {"app": "d"}}, "template": template}
    body = {"metadata": {"name": "d"}, "spec": spec}
    _, owner = await server.ask("POST", deployments, body)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    reference |= {"uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}
    assert (await config(server, metadata={"ownerReferences": [reference]}))[0] == 201
    assert (await server.ask("DELETE", f"{CONFIGS}/m"))[0] == 403
    held = {"propagationPolicy": "Foreground"}
    assert (await server.ask("DELETE", f"{deployments}/d", held))[0] == 200
    assert (await server.ask("GET", f"{CONFIGS}/m"))[0] == 404


async def test_no_policy_keeps_itself_from_being_taken_away(server: api.Api) -> None:
    await stored(server, policy(NEVER, resources=["*"]), binding())
    assert (await config(server))[0] == 403
    assert (await server.patch(f"{POLICIES}/p", {"metadata": {"labels": {"a": "b"}}}))[0] == 200
    assert (await server.ask("DELETE", f"{BINDINGS}/p"))[0] == 200


async def test_a_policy_sees_the_namespace_and_all_that_is_known_of_who_asks(
    server: api.Api,
) -> None:
    expression = (
        "namespaceObject.metadata.name == request.namespace && request.userInfo.uid == '7' && "
        "request.userInfo.groups == ['system:authenticated'] && request.resource == "
        "{'group': '', 'version': 'v1', 'resource': 'configmaps'} && request.kind.kind == "
        "'ConfigMap' && request.name == object.metadata.name && !has(request.subResource)"
    )
    await stored(server, policy({"expression": expression}), binding())
    assert await config(server, token="anna") == (201, "", [])
    cluster = policy({"expression": "namespaceObject == null && !has(request.namespace)"}, name="c")
    await stored(server, cluster, binding(name="c", to="c"))
    labelled = {"metadata": {"labels": {"a": "b"}}}
    assert (await server.patch("/api/v1/namespaces/default", labelled))[0] == 200
