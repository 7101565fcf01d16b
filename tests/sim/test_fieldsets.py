"""Fields as sets of paths: what is written down comes back, and applying twice is applying once."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.sim.cluster import errors, fieldsets, objects, ownership, resources, schemas

NOW = "2026-01-02T03:04:05Z"
ROW = resources.BY_PLURAL["daemonsets"]
NAMES = st.sampled_from(("a", "b", "c"))
TEXTS = st.sampled_from(("x", "y"))
PORT = st.fixed_dictionaries(
    {"containerPort": st.integers(1, 2)}, optional={"protocol": st.sampled_from(("TCP", "UDP"))}
)
CONTAINER = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "image": TEXTS,
        "args": st.lists(TEXTS, max_size=2),
        "ports": st.lists(
            PORT,
            min_size=1,
            max_size=2,
            unique_by=lambda one: (one["containerPort"], one.get("protocol", "TCP")),
        ),
        "env": st.lists(
            st.fixed_dictionaries({"name": NAMES}, optional={"value": TEXTS}),
            max_size=2,
            unique_by=lambda one: one["name"],
        ),
    },
)
CONTAINERS = st.lists(CONTAINER, min_size=1, max_size=3, unique_by=lambda one: one["name"])
WANTED = st.builds(
    lambda labels, containers: {
        "metadata": {"name": "d"} | ({"labels": labels} if labels else {}),
        "spec": {"template": {"spec": {"containers": containers}}},
    },
    st.dictionaries(NAMES, TEXTS, max_size=2),
    CONTAINERS,
)


def _apply(live: Any, wanted: Any, name: str) -> Any:
    writer = ownership.Writer(name, "Apply", force=True)
    result, owned = ownership.applied(ROW, live, wanted, writer, now=NOW)
    return result | {"metadata": result["metadata"] | {"managedFields": owned}}


def _fields(obj: Any, name: str) -> frozenset[fieldsets.Path]:
    for entry in obj["metadata"]["managedFields"]:
        if entry["manager"] == name:
            return fieldsets.decoded(entry["fieldsV1"])
    return frozenset()


@given(WANTED)
def test_a_set_of_fields_comes_back_as_it_was_written_down(wanted: Any) -> None:
    paths = fieldsets.of(fieldsets.Node(wanted, ROW.kind))
    assert fieldsets.decoded(fieldsets.encoded(paths)) == paths


@given(WANTED, WANTED)
def test_a_forced_apply_makes_all_that_is_wanted_so_and_is_idempotent(
    first: Any, second: Any
) -> None:
    made = _apply(_apply(None, first, "one"), second, "two")
    again = fieldsets.merged(fieldsets.Node(made, ROW.kind), fieldsets.Node(second, ROW.kind))
    assert objects.same(again, made | {"metadata": again["metadata"]})
    assert _apply(made, second, "two") == made


@given(WANTED, WANTED, WANTED)
def test_what_a_manager_wants_no_more_is_there_only_if_somebody_else_wants_it(
    first: Any, other: Any, later: Any
) -> None:
    made = _apply(_apply(_apply(None, first, "one"), other, "two"), later, "one")
    # What is emptied goes when the object is read as its kind.
    kept, _ = schemas.decoded(ROW.kind, {"spec": made["spec"]}, refused=errors.bad_request)
    there = fieldsets.of(fieldsets.Node(kept, ROW.kind))
    wanted = _fields(made, "one") | _fields(made, "two")
    assert there <= wanted
