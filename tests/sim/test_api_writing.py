"""Creating, changing and deleting over the wire."""

import random

import pytest

from bot.sim.cluster import registry, store
from tests.sim import api

PODS = "/api/v1/namespaces/default/pods"
SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
MAPS = "/api/v1/namespaces/default/configmaps"


def _bound(server: api.Api, name: str, **spec: object) -> None:
    if server.store.get("nodes", "", "n1") is None:
        server.registry.create("nodes", "", {"metadata": {"name": "n1"}})
    server.registry.create("pods", "default", api.pod(name, **spec))
    server.registry.bind("default", name, "n1")


async def test_a_generated_name_ends_in_five_characters_that_spell_nothing() -> None:
    async with api.serving() as server:
        body = api.pod("") | {"metadata": {"generateName": "web-"}}
        names = set()
        for _ in range(30):
            code, created = await server.ask("POST", PODS, body)
            assert code == 201
            names.add(created["metadata"]["name"])
        assert len(names) == 30
        for name in names:
            assert name.startswith("web-")
            assert set(name[4:]) <= set(registry.NAME_ALPHABET)
            assert len(name) == 9


async def test_a_deleted_pod_waits_for_its_kubelet() -> None:
    async with api.serving() as server:
        _bound(server, "p", terminationGracePeriodSeconds=7)
        begin = server.store.revision
        code, answer = await server.ask("DELETE", f"{PODS}/p")
        assert (code, answer["kind"]) == (200, "Pod")
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 7
        assert answer["metadata"]["generation"] == 2
        assert server.store.get("pods", "default", "p") is not None
        # The kubelet's last word.
        server.registry.delete("pods", "default", "p", grace_seconds=0)
        changes = server.store.history("pods", begin)
        assert [
            (change.type, change.object["metadata"]["deletionGracePeriodSeconds"])
            for change in changes
        ] == [
            ("MODIFIED", 7),
            ("MODIFIED", 0),
            ("DELETED", 0),
        ]


async def test_a_second_delete_only_shortens_the_grace() -> None:
    async with api.serving() as server:
        _bound(server, "p")
        await server.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 20})
        _, longer = await server.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 25})
        assert longer["metadata"]["deletionGracePeriodSeconds"] == 20
        _, same = await server.ask("DELETE", f"{PODS}/p")
        assert same["metadata"] == longer["metadata"]
        _, shorter = await server.ask("DELETE", f"{PODS}/p", gracePeriodSeconds="5")
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        assert shorter["metadata"]["deletionTimestamp"] < longer["metadata"]["deletionTimestamp"]


async def test_a_pod_without_a_node_is_gone_at_once() -> None:
    async with api.serving() as server:
        server.registry.create("pods", "default", api.pod("p"))
        code, _ = await server.ask("DELETE", f"{PODS}/p")
        assert code == 200
        assert server.store.get("pods", "default", "p") is None
        code, refusal = await server.ask("DELETE", f"{PODS}/p")
        assert (code, refusal["reason"]) == (404, "NotFound")


async def test_a_finalizer_holds_an_object_until_it_is_taken_away() -> None:
    async with api.serving() as server:
        body = {"metadata": {"name": "m", "finalizers": ["example.com/hold"]}}
        server.registry.create("configmaps", "default", body)
        _, answer = await server.ask("DELETE", f"{MAPS}/m")
        assert answer["metadata"]["deletionTimestamp"]
        code, refusal = await server.patch(
            f"{MAPS}/m", {"metadata": {"finalizers": ["example.com/hold", "example.com/new"]}}
        )
        assert (code, refusal["reason"]) == (422, "Invalid")
        await server.patch(f"{MAPS}/m", {"metadata": {"finalizers": None}})
        assert server.store.get("configmaps", "default", "m") is None


async def test_a_delete_with_another_uid_is_refused() -> None:
    async with api.serving() as server:
        _bound(server, "p")
        own = server.registry.get("pods", "default", "p")["metadata"]["uid"]
        for uid, expected in (("00000000-0000-4000-8000-000000000000", 409), (own, 200)):
            code, _ = await server.ask("DELETE", f"{PODS}/p", {"preconditions": {"uid": uid}})
            assert code == expected


async def test_a_collection_is_deleted_by_its_selector() -> None:
    async with api.serving() as server:
        for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
            server.registry.create(
                "configmaps", "default", {"metadata": {"name": name, "labels": {"color": color}}}
            )
        code, answer = await server.ask("DELETE", MAPS, labelSelector="color=red")
        assert (code, len(answer["items"])) == (200, 2)
        assert [item["metadata"]["name"] for item in server.store.list("configmaps")] == ["b"]


async def test_a_write_of_the_status_leaves_the_spec_and_the_other_way_round() -> None:
    async with api.serving() as server:
        server.registry.create("daemonsets", "kube-system", api.daemonset("d"))
        both = {"spec": {"minReadySeconds": 5}, "status": {"numberReady": 3}}
        _, written = await server.patch(f"{SETS}/d/status", both)
        assert "minReadySeconds" not in written["spec"]
        assert (written["status"]["numberReady"], written["metadata"]["generation"]) == (3, 1)
        _, written = await server.patch(f"{SETS}/d", both | {"status": {"numberReady": 9}})
        assert written["spec"]["minReadySeconds"] == 5
        assert (written["status"]["numberReady"], written["metadata"]["generation"]) == (3, 2)


async def test_what_changes_nothing_is_no_change() -> None:
    async with api.serving() as server:
        _, created = await server.ask("POST", SETS, api.daemonset("d"))
        begin = server.store.revision
        limits = {"resources": {"limits": {"memory": "51200Ki"}}}
        template = {"spec": {"containers": [{"name": "main", **limits}]}}
        for body in ({}, {"metadata": {"labels": None}}, {"spec": {"template": template}}):
            _, answer = await server.patch(f"{SETS}/d", body, "strategic")
            assert answer == created
        _, answer = await server.ask("PUT", f"{SETS}/d", created)
        assert answer == created
        assert server.store.revision == begin


async def test_a_dry_run_shows_the_change_and_makes_none() -> None:
    async with api.serving() as server:
        _, created = await server.ask("POST", SETS, api.daemonset("d"))
        begin = server.store.revision
        _, shown = await server.patch(f"{SETS}/d", {"spec": {"minReadySeconds": 5}}, dryRun="All")
        assert shown["metadata"]["generation"] == 2
        assert shown["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
        code, new = await server.ask("POST", SETS, api.daemonset("e"), dryRun="All")
        assert (code, "resourceVersion" in new["metadata"]) == (201, False)
        code, _ = await server.ask("DELETE", f"{SETS}/d", dryRun="All")
        assert code == 200
        assert server.store.revision == begin


async def test_a_guarded_patch_loses_against_any_change_in_between() -> None:
    async with api.serving() as server:
        _, created = await server.ask("POST", SETS, api.daemonset("d"))
        container = "/spec/template/spec/containers/0"
        guarded = [
            {"op": "test", "path": "/metadata/uid", "value": created["metadata"]["uid"]},
            {"op": "test", "path": f"{container}/resources/limits/memory", "value": "50Mi"},
            {"op": "replace", "path": f"{container}/resources/limits/memory", "value": "100Mi"},
        ]
        code, changed = await server.patch(f"{SETS}/d", guarded, "json")
        assert code == 200
        found = changed["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert found == {"limits": {"memory": "100Mi"}, "requests": {"memory": "50Mi"}}
        annotation = changed["metadata"]["annotations"]["deprecated.daemonset.template.generation"]
        assert (changed["metadata"]["generation"], annotation) == (2, "2")
        code, refusal = await server.patch(f"{SETS}/d", guarded, "json")
        assert (code, refusal["details"]) == (422, {})


async def test_every_write_runs_dry_if_told_to() -> None:
    async with api.serving() as server:
        _bound(server, "p")
        server.registry.create("pods", "default", api.pod("loose"))
        server.registry.create("configmaps", "default", {"metadata": {"name": "m"}})
        begin = server.store.revision
        dry = {"dryRun": ["All"]}
        binding = {"metadata": {"name": "loose"}, "target": {"kind": "Node", "name": "n1"}}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
        _, present = await server.ask("GET", f"{MAPS}/m")
        for method, path, body, query, expected in (
            ("PUT", f"{MAPS}/m", present | {"data": {"a": "b"}}, {"dryRun": "All"}, 200),
            ("DELETE", f"{PODS}/p", None, {"dryRun": "All"}, 200),
            ("DELETE", f"{PODS}/p", dry, {}, 200),
            ("DELETE", MAPS, None, {"dryRun": "All"}, 200),
            ("DELETE", MAPS, dry | {"propagationPolicy": "Foreground"}, {}, 200),
            ("POST", f"{PODS}/p/eviction", eviction, {"dryRun": "All"}, 201),
            ("POST", f"{PODS}/p/eviction", eviction | {"deleteOptions": dry}, {}, 201),
            (
                "POST",
                f"{PODS}/loose/binding",
                binding | {"kind": "Binding"},
                {"dryRun": "All"},
                201,
            ),
        ):
            code, answer = await server.ask(method, path, body, **query)
            assert (code, server.store.revision) == (expected, begin), (method, path, answer)


async def test_a_dry_run_asked_for_beside_a_body_is_not_seen() -> None:
    # As on the real server, whose DELETE reads the query only where there is no body.
    async with api.serving() as server:
        server.registry.create("configmaps", "default", {"metadata": {"name": "m"}})
        code, _ = await server.ask("DELETE", f"{MAPS}/m", {"kind": "DeleteOptions"}, dryRun="All")
        assert (code, server.store.get("configmaps", "default", "m")) == (200, None)


def _family(server: api.Api) -> None:
    """A Deployment, its ReplicaSet and the pod of that, which is on a node."""
    objects = server.registry
    owner: dict[str, object] | None = None
    for plural, kind in (("deployments", "Deployment"), ("replicasets", "ReplicaSet")):
        made = objects.create(plural, "kube-system", api.daemonset("d") | _owned(owner))
        owner = {"apiVersion": "apps/v1", "kind": kind, "uid": made["metadata"]["uid"]}
    _bound(server, "unrelated")
    objects.create("pods", "kube-system", api.pod("d") | _owned(owner))
    objects.bind("kube-system", "d", "n1")


def _owned(owner: dict[str, object] | None) -> dict[str, object]:
    reference = {"name": "d", "controller": True, "blockOwnerDeletion": True} | (owner or {})
    return {"metadata": {"name": "d"} | ({"ownerReferences": [reference]} if owner else {})}


DEPLOYMENTS = "/apis/apps/v1/namespaces/kube-system/deployments"


@pytest.mark.parametrize(
    "asked", [{"propagationPolicy": "Orphan"}, {"orphanDependents": True}], ids=str
)
async def test_what_is_orphaned_stays_and_has_no_owner_any_more(asked: dict) -> None:
    async with api.serving() as server:
        _family(server)
        begin = server.store.revision
        code, answer = await server.ask("DELETE", f"{DEPLOYMENTS}/d", asked)
        assert (code, answer["metadata"]["finalizers"]) == (200, ["orphan"])
        assert answer["metadata"]["deletionTimestamp"]
        assert server.store.get("deployments", "kube-system", "d") is None
        left = server.registry.get("replicasets", "kube-system", "d")
        assert "ownerReferences" not in left["metadata"]
        assert server.registry.get("pods", "kube-system", "d")["metadata"]["ownerReferences"]
        changes = [change.type for change in server.store.history("deployments", begin)]
        assert changes == ["MODIFIED", "DELETED"]


async def test_a_deletion_in_the_foreground_ends_with_the_last_that_was_owned() -> None:
    async with api.serving() as server:
        _family(server)
        body = {"propagationPolicy": "Foreground"}
        code, answer = await server.ask("DELETE", f"{DEPLOYMENTS}/d", body)
        assert (code, answer["metadata"]["finalizers"]) == (200, ["foregroundDeletion"])
        for plural in ("deployments", "replicasets", "pods"):
            held = server.registry.get(plural, "kube-system", "d")
            assert held["metadata"]["deletionTimestamp"]
        # The kubelet's last word lets all three go.
        server.registry.delete("pods", "kube-system", "d", grace_seconds=0)
        for plural in ("pods", "replicasets", "deployments"):
            assert server.store.get(plural, "kube-system", "d") is None
        assert server.store.get("pods", "default", "unrelated")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            {"propagationPolicy": "Sideways"},
            422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: '
            '"Sideways": supported values: "Background", "Foreground", "Orphan", "nil"',
        ),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            422,
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        ({"dryRun": ["Some"]}, 422, 'supported values: "All"'),
        ({"gracePeriodSeconds": "7"}, 400, "gracePeriodSeconds"),
        ({"preconditions": {"resourceVersion": "1"}}, 409, "ResourceVersion in the precondition"),
        ([], 400, "DeleteOptions"),
    ],
)
async def test_delete_options_that_are_wrong_delete_nothing(body, code, words) -> None:
    async with api.serving() as server:
        server.registry.create("configmaps", "default", {"metadata": {"name": "m"}})
        begin = server.store.revision
        status, refusal = await server.ask("DELETE", f"{MAPS}/m", body)
        assert (status, words in refusal["message"]) == (code, True), refusal
        assert server.store.revision == begin


async def test_unknown_fields_are_dropped_warned_of_or_refused() -> None:
    async with api.serving() as server:
        body = {"metadata": {"name": "m"}, "data": {"k": "v"}, "dta": {}}
        async with server.request("POST", MAPS, body) as response:
            assert response.status == 201
            assert response.headers.getall("Warning") == ['299 - "unknown field \\"dta\\""']
            assert "dta" not in await response.json()
        code, refusal = await server.ask(
            "POST", MAPS, body | {"metadata": {"name": "n"}}, fieldValidation="Strict"
        )
        assert code == 400
        assert 'unknown field "dta"' in refusal["message"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (MAPS, {"metadata": {"name": "m"}, "data": {"k": 5}}, 400),
        (MAPS, {"metadata": {"name": "Capital"}}, 422),
        (MAPS, {"metadata": {}}, 422),
        (MAPS, {"metadata": {"name": "m", "namespace": "other"}}, 400),
        (MAPS, "{", 400),
        (MAPS, "[]", 400),
        (MAPS, {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "m"}}, 400),
        ("/api/v1/namespaces/absent/configmaps", {"metadata": {"name": "m"}}, 404),
        (PODS, {"metadata": {"name": "p"}, "spec": {"containers": []}}, 422),
        (PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}, 422),
        (PODS, {"metadata": {"name": "p"}, "spec": {"containers": "none"}}, 400),
        (SETS, {"metadata": {"name": "d"}, "spec": {}}, 422),
    ],
)
async def test_a_body_that_is_wrong_is_refused_and_nothing_is_stored(path, body, code) -> None:
    async with api.serving() as server:
        begin = server.store.revision
        status, refusal = await server.ask(
            "POST", path, body, headers={"Content-Type": "application/json"}
        )
        assert (status, refusal["kind"], refusal["code"]) == (code, "Status", code)
        assert server.store.revision == begin


async def test_a_pod_is_bound_once_and_takes_its_node_s_zone() -> None:
    async with api.serving() as server:
        zone = {"topology.kubernetes.io/zone": "z1"}
        server.registry.create("nodes", "", {"metadata": {"name": "n1", "labels": zone}})
        server.registry.create("pods", "default", api.pod("p"))
        binding = {
            "kind": "Binding",
            "apiVersion": "v1",
            "metadata": {"name": "p"},
            "target": {"kind": "Node", "name": "n1"},
        }
        nowhere = binding | {"target": {"kind": "Node"}}
        assert (await server.ask("POST", f"{PODS}/p/binding", nowhere))[0] == 422
        code, _ = await server.ask("POST", f"{PODS}/p/binding", binding)
        assert code == 201
        bound = server.registry.get("pods", "default", "p")
        assert (bound["spec"]["nodeName"], bound["metadata"]["labels"]) == ("n1", zone)
        assert bound["metadata"]["generation"] == 1
        code, refusal = await server.ask("POST", f"{PODS}/p/binding", binding)
        assert (code, refusal["reason"]) == (409, "Conflict")


async def test_a_node_is_tainted_by_admission_and_has_no_generation() -> None:
    async with api.serving() as server:
        code, node = await server.ask("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
        assert code == 201
        assert node["spec"]["taints"] == [
            {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
        ]
        _, node = await server.patch("/api/v1/nodes/n1", {"spec": {"unschedulable": True}})
        assert "generation" not in node["metadata"]
        for value in (False, None):
            await server.patch("/api/v1/nodes/n1", {"spec": {"unschedulable": True}})
            _, node = await server.patch("/api/v1/nodes/n1", {"spec": {"unschedulable": value}})
            assert "unschedulable" not in node["spec"]


async def test_deleting_a_namespace_takes_its_objects_along() -> None:
    async with api.serving() as server:
        server.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
        server.registry.create("configmaps", "shop", {"metadata": {"name": "m"}})
        code, _ = await server.ask("DELETE", "/api/v1/namespaces/shop")
        assert code == 200
        assert server.store.list("configmaps") == []


async def test_what_was_handed_in_or_out_is_never_changed_by_a_later_write() -> None:
    objects = registry.Registry(store.Store(), rng=random.Random(1))
    body = api.daemonset("d")
    created = objects.create("daemonsets", "kube-system", body)
    before = str(created)
    change = {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}
    changed = objects.patch("daemonsets", "kube-system", "d", change, kind="merge")
    change["spec"]["template"]["metadata"]["annotations"]["a"] = "other"
    body["spec"]["template"]["spec"]["containers"].clear()
    assert str(created) == before
    assert changed["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}
    assert objects.get("daemonsets", "kube-system", "d") == changed


async def test_yaml_is_read_where_json_is_and_its_faults_are_told() -> None:
    configs = "/api/v1/namespaces/default/configmaps"
    head = {"Content-Type": "application/yaml"}
    text = "metadata:\n  name: m\n  name: n\ndata: {a: '1'}\nnovel: 2\n"
    async with api.serving() as server:
        async with server.request("POST", configs, text, headers=head) as response:
            answer = await response.json()
            assert (response.status, answer["metadata"]["name"]) == (201, "n")
            assert response.headers.getall("Warning") == [
                '299 - "unknown field \\"novel\\""',
                '299 - "line 3: key \\"name\\" already set in map"',
            ]
        code, answer = await server.ask("POST", configs, "a: [", headers=head)
        assert (code, answer["reason"]) == (400, "BadRequest")
        assert answer["message"].startswith('ConfigMap in version "v1" cannot be handled')
