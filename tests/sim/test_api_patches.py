"""The three kinds of patches as pure functions, and quantities."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sim.cluster import errors, objects, patches, quantities, schemas

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab~/", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
_OBJECT = st.dictionaries(st.text("ab~/", max_size=2), _JSON, max_size=4)


def _without_nulls(value):
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


@given(_OBJECT, _OBJECT)
def test_a_merge_patch_changes_neither_its_document_nor_what_it_does_not_name(document, patch):
    before = copy.deepcopy(document)
    result = patches.merged(document, patch)
    assert document == before
    for key in document.keys() - patch.keys():
        assert result[key] == document[key]
    for key, value in patch.items():
        if value is None:
            assert key not in result
    assert patches.merged(result, patch) == result


@given(_OBJECT)
def test_merging_into_nothing_is_the_patch_without_its_nulls(patch) -> None:
    assert patches.merged({}, patch) == _without_nulls(patch)


@given(_OBJECT, _JSON)
def test_what_a_json_patch_adds_it_finds_and_can_remove(document, value) -> None:
    pointer = "/new~0key~1of"
    added = patches.json_patched(document, [{"op": "add", "path": pointer, "value": value}])
    assert added["new~key/of"] == value
    test = {"op": "test", "path": pointer, "value": value}
    assert patches.json_patched(added, [test]) == added
    assert patches.json_patched(added, [test, {"op": "remove", "path": pointer}]) == document


@given(_JSON)
def test_equality_is_json_s_and_not_python_s(value) -> None:
    assert objects.same(value, copy.deepcopy(value))
    assert not objects.same([True], [1])
    assert not objects.same({"a": 0}, {"a": False})


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/list/0", "value": "z"},
        {"op": "test", "path": "/absent", "value": 1},
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/list/2", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/-1", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "replace", "path": "/absent/key", "value": 1},
        {"op": "add", "path": "/list/0/deep", "value": 1},
        {"op": "move", "from": "/absent", "path": "/x"},
        {"op": "set", "path": "/x", "value": 1},
        {"op": "add", "path": "x", "value": 1},
        {"op": "add", "path": "/x"},
        {"path": "/x", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_apply_is_refused_and_changes_nothing(operation) -> None:
    document = {"list": ["a", "b"]}
    with pytest.raises(errors.StatusError) as refusal:
        patches.json_patched(document, [{"op": "add", "path": "/x", "value": 1}, operation])
    assert refusal.value.code == 422
    assert document == {"list": ["a", "b"]}


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "replace", "path": "/absent", "value": 1}], {"list": ["a", "b"], "absent": 1}),
        ([{"op": "test", "path": "/absent", "value": None}], {"list": ["a", "b"]}),
        ([{"op": "add", "path": "/list/-", "value": "c"}], {"list": ["a", "b", "c"]}),
        ([{"op": "add", "path": "/list/1", "value": "c"}], {"list": ["a", "c", "b"]}),
        ([{"op": "remove", "path": "/list/0"}], {"list": ["b"]}),
        ([{"op": "move", "from": "/list/0", "path": "/first"}], {"list": ["b"], "first": "a"}),
        (
            [{"op": "copy", "from": "/list", "path": "/more"}],
            {"list": ["a", "b"], "more": ["a", "b"]},
        ),
        ([], {"list": ["a", "b"]}),
    ],
)
def test_json_patches_that_apply(operations, result) -> None:
    assert patches.json_patched({"list": ["a", "b"]}, operations) == result


CONTAINERS = {
    "containers": [
        {"name": "a", "image": "a:1", "args": ["x", "y"], "env": [{"name": "E", "value": "1"}]},
        {"name": "b", "image": "b:1"},
    ],
    "tolerations": [{"operator": "Exists"}],
}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (
            {"containers": [{"name": "b", "image": "b:2"}]},
            ["a:1", "b:2"],
        ),
        ({"containers": [{"name": "c", "image": "c:1"}]}, ["a:1", "b:1", "c:1"]),
        ({"containers": [{"name": "a", "$patch": "delete"}]}, ["b:1"]),
        ({"containers": [{"name": "z", "image": "z:1"}, {"$patch": "replace"}]}, ["z:1"]),
        (
            {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
            ["b:1", "a:1"],
        ),
    ],
)
def test_strategic_merge_treats_containers_by_name(patch, expected) -> None:
    before = copy.deepcopy(CONTAINERS)
    result = patches.strategically_merged(CONTAINERS, patch)
    assert [container["image"] for container in result["containers"]] == expected
    assert before == CONTAINERS


def test_strategic_merge_replaces_plain_lists_and_merges_keyed_ones_deeply() -> None:
    patch = {
        "containers": [
            {"name": "a", "args": ["z"], "env": [{"name": "F", "value": "2"}], "image": None}
        ],
        "tolerations": [{"key": "k"}],
    }
    result = patches.strategically_merged(CONTAINERS, patch)
    assert result["containers"][0] == {
        "name": "a",
        "args": ["z"],
        "env": [{"name": "E", "value": "1"}, {"name": "F", "value": "2"}],
    }
    assert result["tolerations"] == [{"key": "k"}]


def test_strategic_merge_knows_its_directives() -> None:
    document = {
        "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}},
        "spec": {"p": 1, "q": 2},
    }
    patch = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "labels": {"$patch": "replace", "y": "2"},
        },
        "spec": {"$retainKeys": ["q"], "q": 3},
    }
    result = patches.strategically_merged(document, patch)
    assert result == {"metadata": {"finalizers": ["b"], "labels": {"y": "2"}}, "spec": {"q": 3}}
    merged = patches.strategically_merged(document, {"metadata": {"finalizers": ["c", "a"]}})
    assert merged["metadata"]["finalizers"] == ["a", "b", "c"]
    with pytest.raises(errors.StatusError):
        patches.strategically_merged(CONTAINERS, {"containers": [{"image": "nameless"}]})


def test_a_replaced_template_is_the_new_one_alone() -> None:
    """How a ControllerRevision brings an old template back."""
    document = {"spec": {"template": {"spec": {"a": 1}, "metadata": {}}, "other": 1}}
    patch = {"spec": {"template": {"$patch": "replace", "spec": {"b": 2}}}}
    assert patches.strategically_merged(document, patch) == {
        "spec": {"template": {"spec": {"b": 2}}, "other": 1}
    }


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("153600Ki", "150Mi"),
        ("1024Mi", "1Gi"),
        ("1500Mi", "1500Mi"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("1000m", "1"),
        ("2000", "2k"),
        ("1e3", "1k"),
        ("0", "0"),
        ("0.5Gi", "512Mi"),
        ("-5Mi", "-5Mi"),
        (4, "4"),
    ],
)
def test_a_quantity_is_written_one_way(given, canonical) -> None:
    assert quantities.canonical(given) == canonical
    assert quantities.parsed(canonical) == quantities.parsed(given)


@pytest.mark.parametrize("text", ["", "Mi", "100Mx", "1.2.3", "1 Gi", "ten", "1KI"])
def test_what_is_no_quantity_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"^"):
        quantities.canonical(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "k", "M", "Ki", "Mi", "Gi", "m"]))
def test_writing_a_quantity_one_way_keeps_its_value(number, suffix) -> None:
    text = f"{number}{suffix}"
    assert quantities.parsed(quantities.canonical(text)) == quantities.parsed(text)
    assert quantities.canonical(quantities.canonical(text)) == quantities.canonical(text)


def test_the_schema_is_closed() -> None:
    """Every struct a field names exists, so that decoding cannot stumble over the table."""
    scalars = {"any", "bool", "int32", "int64", "micro", "quantity", "string", "time"}
    for fields in schemas.structs().values():
        for kind in fields.values():
            bare = kind.strip("[]{}")
            assert bare in scalars or bare in schemas.structs(), kind


def test_the_schema_has_the_fields_of_the_official_models() -> None:
    import kubernetes.client

    for name in ("PodSpec", "Container", "DaemonSetSpec", "NodeStatus", "ObjectMeta", "LeaseSpec"):
        model = getattr(kubernetes.client, f"V1{name}")
        assert set(schemas.structs()[name]) == set(model.attribute_map.values())
