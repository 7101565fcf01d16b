"""Admission policies for tests: made in one line, stored, and asked by making a ConfigMap."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.sim.cluster import http_access
from tests.sim import api

ROOT = "/apis/admissionregistration.k8s.io/v1"
POLICIES = f"{ROOT}/validatingadmissionpolicies"
BINDINGS = f"{ROOT}/validatingadmissionpolicybindings"
CONFIGS = "/api/v1/namespaces/default/configmaps"
ANNA = http_access.Identity("anna", ("system:authenticated",), uid="7")
NEVER = {"expression": "false", "message": "not today", "reason": "Forbidden"}


async def emptied(served: api.Api) -> AsyncIterator[api.Api]:
    """A server that is without policies, bindings and what they were tried on afterwards."""
    yield served
    for path in (BINDINGS, POLICIES, CONFIGS, "/apis/apps/v1/namespaces/default/deployments"):
        code, _ = await served.ask("DELETE", path)
        assert code == 200


def policy(*validations: Mapping[str, Any], name: str = "p", **spec: Any) -> dict[str, Any]:
    rule = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"]}
    rules = [{**rule, "resources": spec.pop("resources", ["configmaps"]), **spec.pop("rule", {})}]
    constraints = {"resourceRules": rules, **spec.pop("constraints", {})}
    held = {"matchConstraints": constraints, "validations": list(validations), **spec}
    return {"metadata": {"name": name}, "spec": held}


def binding(*actions: str, name: str = "p", to: str = "p", **spec: Any) -> dict[str, Any]:
    held = {"policyName": to, "validationActions": list(actions) or ["Deny"], **spec}
    return {"metadata": {"name": name}, "spec": held}


async def stored(server: api.Api, *objects: Mapping[str, Any]) -> None:
    for obj in objects:
        path = BINDINGS if "policyName" in obj["spec"] else POLICIES
        code, answer = await server.ask("POST", path, obj)
        assert code == 201, answer


async def config(server: api.Api, name: str = "m", **more: Any) -> tuple[int, str, list[str]]:
    """Code, message and warnings of an attempt to make a ConfigMap."""
    metadata = {"name": name, **more.pop("metadata", {})}
    body = {"metadata": metadata, "data": more.pop("data", {"a": "b"})}
    async with server.request("POST", more.pop("path", CONFIGS), body, **more) as response:
        answer = await response.json()
        warned = [one.removeprefix("299 - ") for one in response.headers.getall("Warning", [])]
        return response.status, answer.get("message", ""), warned
