"""Server-side apply: whose field is whose, and what that means for who writes next."""

import json
from typing import Any

import pytest

from tests.sim import api

SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
MAPS = "/api/v1/namespaces/default/configmaps"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MEMORY = '.spec.template.spec.containers[name="main"].resources.limits.memory'


async def _apply(server: api.Api, path: str, body: Any, manager: str, **query: str) -> Any:
    return await server.ask("PATCH", path, body, headers=APPLY, fieldManager=manager, **query)


def _map(**data: str | None) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data}


def _set(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"spec": {"containers": list(containers)}}
    body = {"template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}, "spec": body}


def _memory(limit: str) -> dict[str, Any]:
    return {"name": "main", "resources": {"limits": {"memory": limit}}}


def _managers(obj: dict[str, Any]) -> dict[str, Any]:
    entries = obj["metadata"].get("managedFields", [])
    return {f"{one['manager']} {one['operation']}": one["fieldsV1"] for one in entries}


async def test_what_is_applied_is_made_and_then_owned_field_by_field() -> None:
    async with api.serving() as server:
        code, made = await _apply(server, f"{MAPS}/m", _map(a="1"), "one")
        assert (code, made["data"]) == (201, {"a": "1"})
        [entry] = made["metadata"]["managedFields"]
        assert entry | {"time": ""} == {
            "manager": "one",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": "",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
        code, again = await _apply(server, f"{MAPS}/m", _map(a="1"), "one")
        assert (code, again) == (200, made)


async def test_a_field_of_another_manager_is_refused_unless_forced() -> None:
    async with api.serving() as server:
        await _apply(server, f"{MAPS}/m", _map(a="1", b="1"), "one")
        code, refusal = await _apply(server, f"{MAPS}/m", _map(a="2", b="2", c="2"), "two")
        assert (code, refusal["reason"]) == (409, "Conflict")
        assert refusal["message"] == (
            'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b'
        )
        assert [cause["field"] for cause in refusal["details"]["causes"]] == [".data.a", ".data.b"]
        code, taken = await _apply(server, f"{MAPS}/m", _map(a="2", b="1"), "two", force="true")
        assert (code, taken["data"]) == (200, {"a": "2", "b": "1"})
        # What both want alike is both's; what was taken is the taker's alone.
        assert _managers(taken) == {
            "one Apply": {"f:data": {"f:b": {}}},
            "two Apply": {"f:data": {"f:a": {}, "f:b": {}}},
        }


async def test_a_field_that_is_applied_no_more_goes_unless_somebody_else_wants_it() -> None:
    async with api.serving() as server:
        await _apply(server, f"{MAPS}/m", _map(a="1", b="1"), "one")
        await _apply(server, f"{MAPS}/m", _map(b="1"), "two")
        _, left = await _apply(server, f"{MAPS}/m", _map(c="1"), "one")
        assert left["data"] == {"b": "1", "c": "1"}
        nothing = _map()
        del nothing["data"]
        _, left = await _apply(server, f"{MAPS}/m", nothing, "two")
        assert left["data"] == {"c": "1"}
        assert list(_managers(left)) == ["one Apply"]


async def test_list_items_are_told_apart_by_their_keys() -> None:
    async with api.serving() as server:
        await server.ask("POST", SETS, api.daemonset("d"), fieldManager="maker")
        sidecar = {
            "name": "side",
            "image": "registry.example/side:1",
            "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
        }
        code, both = await _apply(server, f"{SETS}/d", _set(sidecar), "adder")
        assert code == 200
        containers = both["spec"]["template"]["spec"]["containers"]
        assert [one["name"] for one in containers] == ["main", "side"]
        assert len(containers[1]["ports"]) == 2
        owned = _managers(both)["adder Apply"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
        item = owned['k:{"name":"side"}']
        assert list(owned) == ['k:{"name":"side"}']
        assert item.keys() == {".", "f:image", "f:name", "f:ports"}
        assert 'k:{"containerPort":80,"protocol":"TCP"}' in item["f:ports"]
        # With its last owner the item goes, and with it what the server had filled in.
        _, one = await _apply(server, f"{SETS}/d", _set(minReadySeconds=3), "adder")
        assert [c["name"] for c in one["spec"]["template"]["spec"]["containers"]] == ["main"]


async def test_who_creates_and_updates_owns_what_it_wrote() -> None:
    async with api.serving() as server:
        _, made = await server.ask("POST", SETS, api.daemonset("d"), fieldManager="maker")
        [entry] = made["metadata"]["managedFields"]
        assert (entry["manager"], entry["operation"]) == ("maker", "Update")
        pod = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]
        # Also what defaulting added; a list of containers is never owned itself.
        assert "f:dnsPolicy" in pod
        assert list(pod["f:containers"]) == ['k:{"name":"main"}']
        change = _set(_memory("60Mi"))["spec"]
        agent = {"User-Agent": "helper/v1.2 (linux)"}
        media = {"Content-Type": "application/strategic-merge-patch+json"}
        _, changed = await server.ask("PATCH", f"{SETS}/d", {"spec": change}, headers=agent | media)
        owned = _managers(changed)
        assert json.dumps(owned["helper Update"]).count("f:memory") == 1
        assert json.dumps(owned["maker Update"]).count("f:memory") == 1  # the request's
        code, refusal = await _apply(server, f"{SETS}/d", _set(_memory("70Mi")), "late")
        assert code == 409
        [cause] = refusal["details"]["causes"]
        assert cause == {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "helper" using apps/v1',
            "field": MEMORY,
        }


async def test_the_status_is_owned_apart() -> None:
    async with api.serving() as server:
        await server.ask("POST", SETS, api.daemonset("d"), fieldManager="maker")
        _, told = await server.patch(
            f"{SETS}/d/status", {"status": {"numberReady": 1}}, fieldManager="teller"
        )
        entry = told["metadata"]["managedFields"][-1]
        assert (entry["manager"], entry["subresource"]) == ("teller", "status")
        assert entry["fieldsV1"] == {"f:status": {"f:numberReady": {}}}
        body = _set() | {"status": {"numberReady": 2}}
        del body["spec"]
        code, refusal = await _apply(server, f"{SETS}/d/status", body, "other")
        assert code == 409
        assert 'conflict with "teller" with subresource "status" using apps/v1' in str(refusal)


async def test_objects_older_than_their_notes_belong_to_whoever_was_before() -> None:
    async with api.serving() as server:
        server.registry.create("daemonsets", "kube-system", api.daemonset("d"))
        code, refusal = await _apply(server, f"{SETS}/d", _set(_memory("70Mi")), "late")
        assert code == 409
        assert 'conflict with "before-first-apply" using apps/v1' in refusal["message"]


async def test_an_apply_runs_dry_and_is_guarded_like_any_write() -> None:
    async with api.serving() as server:
        begin = server.store.revision
        code, shown = await _apply(server, f"{MAPS}/m", _map(a="1"), "one", dryRun="All")
        assert (code, shown["data"]) == (201, {"a": "1"})
        assert server.store.revision == begin
        await _apply(server, f"{MAPS}/m", _map(a="1"), "one")
        begin = server.store.revision
        code, shown = await _apply(server, f"{MAPS}/m", _map(a="2"), "one", dryRun="All")
        assert (code, shown["data"]) == (200, {"a": "2"})
        stale = _map(a="2")
        stale["metadata"]["resourceVersion"] = "1"
        code, refusal = await _apply(server, f"{MAPS}/m", stale, "one")
        assert (code, refusal["reason"]) == (409, "Conflict")
        foreign = _map(a="2")
        foreign["metadata"]["uid"] = "another"
        code, refusal = await _apply(server, f"{MAPS}/m", foreign, "one")
        assert (code, "uid mismatch" in refusal["message"]) == (409, True)
        assert server.store.revision == begin


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"apiVersion": "v2"}, 400, "Specified patch version: v2, expected: v1"),
        ({"kind": "Secret"}, 400, "Secret"),
        ({"metadata": {"name": "m", "managedFields": []}}, 400, "managedFields must be nil"),
        ({"metadata": {"name": "other"}}, 400, "does not match the name on the URL"),
        (
            {"dta": {}},
            500,
            "failed to create typed patch object (/m; v1, Kind=ConfigMap): "
            ".dta: field not declared in schema",
        ),
        ({"dta": {}, "imutable": True}, 500, "errors:\n  .dta: field not declared"),
        ({"data": {"k": 5}}, 500, "failed to create typed patch object"),
    ],
)
async def test_an_apply_that_is_wrong_is_refused(body: Any, code: int, words: str) -> None:
    async with api.serving() as server:
        begin = server.store.revision
        status, refusal = await _apply(server, f"{MAPS}/m", _map(a="1") | body, "one")
        assert (status, words in refusal["message"]) == (code, True), refusal
        assert server.store.revision == begin


@pytest.mark.parametrize(
    ("containers", "words"),
    [
        (
            [{"image": "i"}],
            "containers: element 0: associative list with keys has an element that "
            'omits key field "name"',
        ),
        ([{"name": "a"}, {"name": "a"}], 'containers: duplicate entries for key [name="a"]'),
    ],
)
async def test_items_that_cannot_be_told_apart_are_refused(containers: Any, words: str) -> None:
    async with api.serving() as server:
        status, refusal = await _apply(server, f"{SETS}/d", _set(*containers), "one")
        assert (status, words in refusal["message"]) == (500, True), refusal


@pytest.mark.parametrize(
    ("validation", "code", "warned"),
    [("Strict", 400, 0), ("Warn", 201, 1), ("", 201, 1), ("Ignore", 201, 0)],
)
async def test_keys_given_twice_are_judged_as_asked(
    validation: str, code: int, warned: int
) -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"
        "data:\n  when: 2026-01-02\n  when: 2026-01-03\n"
    )
    async with api.serving() as server:
        query = {"fieldManager": "one"} | ({"fieldValidation": validation} if validation else {})
        async with server.request("PATCH", f"{MAPS}/m", text, headers=APPLY, **query) as answer:
            body = await answer.json()
            warnings = answer.headers.getall("Warning", [])
        assert (answer.status, len(warnings)) == (code, warned)
        complaint = 'line 6: key "when" already set in map'
        if code == 400:
            assert body["message"].startswith("error strict decoding YAML: ")
            assert complaint in body["message"]
        else:
            assert body["data"] == {"when": "2026-01-03"}
        if warned:
            assert complaint.replace('"', '\\"') in warnings[0]


@pytest.mark.parametrize(
    ("manager", "words"),
    [("m" * 129, "Too long: may not be more than 128 bytes"), ("a\tb", "printable characters")],
)
async def test_a_manager_has_a_name_that_can_be_shown(manager: str, words: str) -> None:
    async with api.serving() as server:
        code, refusal = await server.ask("POST", MAPS, _map(), fieldManager=manager)
        assert (code, words in refusal["message"]) == (422, True)


async def test_the_notes_can_be_reset_and_not_forged_by_leaving_them_out() -> None:
    async with api.serving() as server:
        _, made = await server.ask("POST", MAPS, _map(a="1"), fieldManager="maker")
        bare = made | {"metadata": {"name": "m"}}
        _, kept = await server.ask("PUT", f"{MAPS}/m", bare, fieldManager="other")
        assert _managers(kept) == _managers(made)
        reset = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
        _, empty = await server.patch(f"{MAPS}/m", reset, "json", fieldManager="other")
        assert "managedFields" not in empty["metadata"]


async def test_the_oldest_of_very_many_updaters_become_one() -> None:
    async with api.serving() as server:
        await server.ask("POST", MAPS, _map(), fieldManager="maker")
        for number in range(14):
            change = {"data": {f"k{number}": "v"}}
            _, changed = await server.patch(f"{MAPS}/m", change, fieldManager=f"w{number:02d}")
        owned = _managers(changed)
        assert len(owned) == 10
        assert "f:k13" in owned["w13 Update"]["f:data"]
        assert {"f:k0", "f:k1"} <= owned["ancient-changes Update"]["f:data"].keys()
        fields = [key for tree in owned.values() for key in tree["f:data"] if key != "."]
        assert sorted(fields) == sorted(f"f:k{number}" for number in range(14))


LAST = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize(("manager", "code"), [("kubectl", 200), ("other", 409)])
async def test_kubectl_takes_over_what_it_applied_from_its_own_side(
    manager: str, code: int
) -> None:
    async with api.serving() as server:
        old = _map(a="1")
        kept = old | {"metadata": {"name": "m", "annotations": {LAST: json.dumps(old)}}}
        await server.ask("POST", MAPS, kept, fieldManager="kubectl-client-side-apply")
        status, answer = await _apply(server, f"{MAPS}/m", _map(a="2"), manager)
        assert status == code
        if code == 200:
            assert json.loads(answer["metadata"]["annotations"][LAST]) == _map(a="2")


async def test_kubectl_does_not_take_over_what_somebody_changed_since() -> None:
    async with api.serving() as server:
        old = _map(a="1")
        kept = old | {"metadata": {"name": "m", "annotations": {LAST: json.dumps(old)}}}
        await server.ask("POST", MAPS, kept, fieldManager="kubectl-client-side-apply")
        await server.patch(f"{MAPS}/m", {"data": {"a": "by hand"}}, fieldManager="hand")
        status, refusal = await _apply(server, f"{MAPS}/m", _map(a="2"), "kubectl")
        assert (status, 'conflict with "hand"' in refusal["message"]) == (409, True)
