"""What the simulated API server makes of an admission policy when it is stored."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.sim.cluster import expressions
from tests.sim import admission, api
from tests.sim.admission import ANNA, BINDINGS, NEVER, POLICIES, binding, config, policy, stored

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


async def test_the_language_is_loaded_with_the_first_policy_and_not_before() -> None:
    """It takes half a second, which no start shall cost."""
    code = "\n".join(path.read_text() for path in Path(expressions.__file__).parent.glob("*.py"))
    imports = [line for line in code.splitlines() if re.match(r"\s*(import|from) cel\b", line)]
    assert imports, "it is loaded nowhere"
    assert all(line.startswith("    ") for line in imports)


@pytest.mark.parametrize(
    "expression",
    [
        "type(int('1')) == type(1) && string(1) == '1' && double(1) == 1.0 && uint(1) == 1u",
        "bytes('a') == b'a' && dyn(object).data.a.size() == 1 && size([1]) == 1",
        "'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c')",
        "'abc'.matches('^a.c$') && ['a'].exists(x, x in object.data)",
        "duration('1h') < duration('2h')",
        "[timestamp('2020-01-02T03:04:05Z')].all(t, t.getFullYear() + t.getMonth() == 2020 && "
        "t.getDate() + t.getDayOfMonth() + t.getDayOfYear() + t.getDayOfWeek() == 8 && "
        "t.getHours() + t.getMinutes() + t.getSeconds() + t.getMilliseconds() == 12)",
    ],
)
async def test_functions_of_the_language_are_known(server: api.Api, expression: str) -> None:
    await stored(server, policy({"expression": expression}), binding())
    assert await config(server) == (201, "", [])


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ({"validations": []}, "spec.validations", "must contain at least one item"),
        ({"matchConstraints": None}, "spec.matchConstraints", "Required value"),
        (
            {"matchConstraints": {"resourceRules": []}},
            "spec.matchConstraints.resourceRules",
            "at least one resource rule",
        ),
        (
            {"matchConstraints": {"resourceRules": [{"operations": ["*"], "apiGroups": ["*"]}]}},
            "spec.matchConstraints.resourceRules[0].resources",
            "Required value",
        ),
        (
            {"matchConditions": [{"expression": "true"}]},
            "spec.matchConditions[0].name",
            "Required value: name is not specified",
        ),
        (
            {"variables": [{"name": "v", "expression": "1"}, {"name": "v", "expression": "2"}]},
            "spec.variables[1].name",
            'Duplicate value: "v"',
        ),
        ({"failurePolicy": "Hope"}, "spec.failurePolicy", 'supported values: "Fail", "Ignore"'),
        ({"paramKind": {"apiVersion": "v1", "kind": "X"}}, "spec.paramKind", "not spoken"),
        (
            {"validations": [{"expression": "object. =="}]},
            "spec.validations[0].expression",
            'Invalid value: "object. ==": compilation failed: ERROR: <input>:1:9: ',
        ),
        (
            {"validations": [{"expression": ""}]},
            "spec.validations[0].expression",
            "Required value: expression is not specified",
        ),
        (
            {"validations": [{"expression": "true", "messageExpression": "'"}]},
            "spec.validations[0].messageExpression",
            "compilation failed",
        ),
        (
            {"validations": [{"expression": "true", "reason": "Because"}]},
            "spec.validations[0].reason",
            'supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"',
        ),
        (
            {"validations": [{"expression": "object.metadata.name.find('x') == ''"}]},
            "spec.validations[0].expression",
            "does not know the function find",
        ),
        (
            {"variables": [{"name": "v", "expression": "("}]},
            "spec.variables[0].expression",
            "compilation failed",
        ),
    ],
)
async def test_a_policy_that_could_not_work_is_not_stored(
    server: api.Api, spec: dict[str, Any], field: str, said: str
) -> None:
    wrong = policy(NEVER)
    wrong["spec"] |= spec
    code, answer = await server.ask("POST", POLICIES, wrong)
    assert (code, answer["reason"]) == (422, "Invalid")
    told = {cause["field"]: cause["message"] for cause in answer["details"]["causes"]}
    assert said in told[field]


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ({"policyName": ""}, "spec.policyName", "Required value"),
        ({"paramRef": {"name": "x"}}, "spec.paramRef", "not spoken"),
        (
            {"matchResources": {"excludeResourceRules": [{"resources": ["pods"]}]}},
            "spec.matchResources.excludeResourceRules[0].operations",
            "Required value",
        ),
        ({"validationActions": []}, "spec.validationActions", "at least one validation action"),
        ({"validationActions": ["Stop"]}, "spec.validationActions[0]", '"Audit", "Deny", "Warn"'),
        ({"validationActions": ["Deny"] * 2}, "spec.validationActions[1]", "Duplicate value"),
        (
            {"validationActions": ["Deny", "Warn"]},
            "spec.validationActions",
            'Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn',
        ),
    ],
)
async def test_a_binding_that_could_not_work_is_not_stored(
    server: api.Api, spec: dict[str, Any], field: str, said: str
) -> None:
    wrong = binding()
    wrong["spec"] |= spec
    code, answer = await server.ask("POST", BINDINGS, wrong)
    assert code == 422
    told = {cause["field"]: cause["message"] for cause in answer["details"]["causes"]}
    assert said in told[field]
