"""Getting and listing over the wire: states, pages, selectors, forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sim.cluster import durations, errors, resources, selectors
from tests.sim import api

NODES = "/api/v1/nodes"
MAPS = "/api/v1/namespaces/default/configmaps"


def _fill(server: api.Api, count: int) -> None:
    for number in range(count):
        body = {"metadata": {"name": f"m{number:02}", "labels": {"odd": str(number % 2)}}}
        server.registry.create("configmaps", "default", body)


async def test_pages_show_one_state_whatever_happens_between_them() -> None:
    async with api.serving() as server:
        _fill(server, 7)
        seen: list[str] = []
        token, revisions = "", set()
        while True:
            _, page = await server.ask("GET", MAPS, limit="3", **{"continue": token})
            seen += [item["metadata"]["name"] for item in page["items"]]
            revisions.add(page["metadata"]["resourceVersion"])
            token = page["metadata"].get("continue", "")
            if not token:
                break
            server.registry.delete("configmaps", "default", "m06") if len(seen) == 3 else None
            server.registry.create("configmaps", "default", {"metadata": {"name": f"z{len(seen)}"}})
        assert seen == [f"m{number:02}" for number in range(7)]
        assert len(revisions) == 1


async def test_what_remains_is_counted_only_without_selectors() -> None:
    async with api.serving() as server:
        _fill(server, 6)
        _, page = await server.ask("GET", MAPS, limit="2")
        assert page["metadata"]["remainingItemCount"] == 4
        _, page = await server.ask("GET", MAPS, limit="2", labelSelector="odd=1")
        assert "continue" in page["metadata"]
        assert "remainingItemCount" not in page["metadata"]


async def test_a_page_of_a_forgotten_state_is_410_with_a_token_that_goes_on() -> None:
    async with api.serving() as server:
        _fill(server, 4)
        _, first = await server.ask("GET", MAPS, limit="1")
        server.registry.create("configmaps", "default", {"metadata": {"name": "m00a"}})
        server.store.compact(server.store.revision)
        code, refusal = await server.ask(
            "GET", MAPS, limit="1", **{"continue": first["metadata"]["continue"]}
        )
        assert (code, refusal["reason"]) == (410, "Expired")
        _, page = await server.ask("GET", MAPS, **{"continue": refusal["metadata"]["continue"]})
        assert [item["metadata"]["name"] for item in page["items"]] == ["m00a", "m01", "m02", "m03"]
        assert page["metadata"]["resourceVersion"] == str(server.store.revision)


async def test_an_exact_list_shows_the_past_and_a_future_one_waits_for_it() -> None:
    async with api.serving() as server:
        _fill(server, 2)
        past = server.store.revision
        _fill_one_more = {"metadata": {"name": "later"}}
        server.registry.create("configmaps", "default", _fill_one_more)
        _, page = await server.ask(
            "GET", MAPS, resourceVersion=str(past), resourceVersionMatch="Exact"
        )
        assert len(page["items"]) == 2
        code, refusal = await server.ask("GET", MAPS, resourceVersion=str(past + 50))
        assert (code, refusal["reason"]) == (504, "Timeout")


async def test_a_list_item_does_not_say_its_kind_and_a_single_object_does() -> None:
    async with api.serving() as server:
        _fill(server, 1)
        _, page = await server.ask("GET", MAPS)
        assert "kind" not in page["items"][0]
        assert page["kind"] == "ConfigMapList"
        _, one = await server.ask("GET", f"{MAPS}/m00")
        assert (one["kind"], one["apiVersion"]) == ("ConfigMap", "v1")


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("odd=1", {"m01", "m03"}),
        ("odd==1", {"m01", "m03"}),
        ("odd!=1", {"m00", "m02", "bare"}),
        ("odd in (0,1)", {"m00", "m01", "m02", "m03"}),
        ("odd notin (0)", {"m01", "m03", "bare"}),
        ("odd", {"m00", "m01", "m02", "m03"}),
        ("!odd", {"bare"}),
        ("odd > 0", {"m01", "m03"}),
        ("odd=0, odd!=1", {"m00", "m02"}),
        ("odd in (0),!absent", {"m00", "m02"}),
        ("", {"m00", "m01", "m02", "m03", "bare"}),
    ],
)
async def test_label_selectors(label, names) -> None:
    async with api.serving() as server:
        _fill(server, 4)
        server.registry.create("configmaps", "default", {"metadata": {"name": "bare"}})
        _, page = await server.ask("GET", MAPS, labelSelector=label)
        assert {item["metadata"]["name"] for item in page["items"]} == names


@given(st.text("ab(),=!<> inot/.-", max_size=20))
def test_any_text_is_a_selector_or_refused_in_words(text) -> None:
    try:
        selectors.labels(text)
    except errors.StatusError as refusal:
        said = refusal
    else:
        return
    assert (said.code, said.reason) == (400, "BadRequest")
    assert said.message.startswith("unable to parse requirement: ")


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["=", "!=", "in", "notin", "", "!"])),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"])),
)
def test_a_selector_holds_when_every_part_of_it_does(parts, labels) -> None:
    texts = {
        "=": "{}=1",
        "!=": "{}!=1",
        "in": "{} in (1)",
        "notin": "{} notin (1)",
        "": "{}",
        "!": "!{}",
    }
    meaning = {
        "=": lambda value: value == "1",
        "in": lambda value: value == "1",
        "!=": lambda value: value != "1",
        "notin": lambda value: value != "1",
        "": lambda value: value is not None,
        "!": lambda value: value is None,
    }
    selector = ",".join(texts[operator].format(key) for key, operator in parts)
    held = all(requirement.holds(labels) for requirement in selectors.labels(selector))
    assert held == all(meaning[operator](labels.get(key)) for key, operator in parts)


async def test_field_selectors_of_pods() -> None:
    async with api.serving() as server:
        server.registry.create("nodes", "", {"metadata": {"name": "n1"}})
        for name in ("a", "b"):
            server.registry.create("pods", "default", api.pod(name))
        server.registry.bind("default", "a", "n1")
        for query, names in (
            ("spec.nodeName=n1", ["a"]),
            ("spec.nodeName=", ["b"]),
            ("spec.nodeName!=n1,status.phase=Pending", ["b"]),
            ("metadata.namespace=default,metadata.name=b", ["b"]),
        ):
            _, page = await server.ask("GET", "/api/v1/pods", fieldSelector=query)
            assert [item["metadata"]["name"] for item in page["items"]] == names, query
        code, refusal = await server.ask("GET", "/api/v1/pods", fieldSelector="spec.color=red")
        assert (code, refusal["message"]) == (400, "field label not supported: spec.color")


async def test_a_table_has_the_rows_kubectl_prints() -> None:
    async with api.serving() as server:
        server.registry.create("pods", "default", api.pod("p"))
        state = {"waiting": {"reason": "CrashLoopBackOff"}}
        ended = {
            "exitCode": 137,
            "reason": "OOMKilled",
            "finishedAt": server.registry.now(after=-620),
        }
        status = {
            "name": "main",
            "ready": False,
            "restartCount": 4,
            "state": state,
            "lastState": {"terminated": ended},
        }
        change = {"status": {"phase": "Running", "containerStatuses": [status]}}
        server.registry.patch("pods", "default", "p", change, kind="merge", subresource="status")
        path = "/api/v1/namespaces/default/pods"
        _, table = await server.ask("GET", path, headers={"Accept": api.TABLE})
        cells = table["rows"][0]["cells"]
        assert cells[:4] == ["p", "0/1", "CrashLoopBackOff", "4 (10m ago)"]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        _, table = await server.ask(
            "GET", path, headers={"Accept": api.TABLE}, includeObject="Object"
        )
        assert table["rows"][0]["object"]["spec"]["containers"][0]["name"] == "main"
        _, table = await server.ask(
            "GET", path, headers={"Accept": api.TABLE}, includeObject="None"
        )
        assert "object" not in table["rows"][0]


async def test_every_resource_has_a_table_even_of_an_empty_object() -> None:
    async with api.serving() as server:
        for row in resources.ALL:
            if row.stored:
                root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
                code, table = await server.ask(
                    "GET", f"{root}/{row.plural}", headers={"Accept": api.TABLE}
                )
                assert (code, table["kind"]) == (200, "Table"), row.plural
                assert all(
                    len(entry["cells"]) == len(table["columnDefinitions"])
                    for entry in table["rows"]
                )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (47 * 3600, "47h"),
        (50 * 3600, "2d2h"),
        (9 * 86400, "9d"),
        (800 * 86400, "2y70d"),
    ],
)
def test_ages_are_told_in_the_units_people_read(seconds, text) -> None:
    assert durations.span(seconds) == text


async def test_unknown_things_are_404_as_a_status_or_as_text() -> None:
    async with api.serving() as server:
        for path in (
            "/api/v1/nodez",
            "/api/v1/namespaces/default/nodes",
            "/apis/apps/v1/namespaces/x",
        ):
            code, body = await server.ask("GET", path)
            assert (code, body["reason"]) == (404, "NotFound"), path
        for path in (
            "/nope",
            "/apis/nope.example.com/v1/things",
            "/apis/metrics.k8s.io/v1beta1/nodes",
        ):
            async with server.request("GET", path) as response:
                assert response.status == 404
                assert await response.text() == "404 page not found\n"
        code, body = await server.ask("GET", f"{NODES}/n/unknown")
        assert code == 404


async def test_an_object_is_encoded_once_for_many_lists(monkeypatch) -> None:
    from bot.sim.cluster import http_forms

    encoded: list[object] = []
    real = http_forms.encode
    async with api.serving() as server:
        _fill(server, 20)
        monkeypatch.setattr(
            http_forms, "encode", lambda value: encoded.append(value) or real(value)
        )
        for _ in range(5):
            await server.ask("GET", MAPS)
        # Twenty objects once, and the list's own metadata each time.
        assert len(encoded) == 20 + 5
