"""Patches: as RFC 6902 says, and taken back by their inverse."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import patch
from bot.domain.patch import Operation

DOCUMENT = {
    "metadata": {"uid": "u1", "generation": 4},
    "spec": {"containers": [{"name": "kube-flannel", "args": ["--ip-masq", "--iface-regex=eth1"]}]},
}


def test_a_pointer_escapes_what_the_rfc_asks_for() -> None:
    assert patch.pointer("a/b", "c~d", 0) == "/a~1b/c~0d/0"


def test_what_a_patch_does_and_how_it_is_taken_back() -> None:
    path = "/spec/containers/0/args/1"
    made = (
        Operation("test", "/metadata/uid", "u1"),
        Operation("test", path, "--iface-regex=eth1"),
        Operation("replace", path, "--iface-regex=^(?:eth1)$"),
        Operation("add", "/metadata/annotations", {"by": "us"}),
    )
    after = patch.apply(made, DOCUMENT)
    assert after["spec"]["containers"][0]["args"][1] == "--iface-regex=^(?:eth1)$"
    back = patch.inverse(made, DOCUMENT)
    assert patch.apply(back, after) == DOCUMENT
    assert Operation("test", "/metadata/uid", "u1") in back
    assert Operation("test", path, "--iface-regex=^(?:eth1)$") in back


def test_the_inverse_refuses_to_overwrite_somebody_elses_later_change() -> None:
    path = "/spec/containers/0/args/1"
    made = (Operation("replace", path, "ours"),)
    after = patch.apply(made, DOCUMENT)
    after["spec"]["containers"][0]["args"][1] = "theirs"
    with pytest.raises(patch.Mismatch):
        patch.apply(patch.inverse(made, DOCUMENT), after)


@pytest.mark.parametrize(
    "operation",
    [
        Operation("test", "/metadata/uid", "u2"),
        Operation("test", "/metadata/generation", True),
        Operation("test", "/metadata/nothing", None),
        Operation("replace", "/metadata/nothing", 1),
        Operation("remove", "/metadata/nothing"),
        Operation("add", "/nothing/below", 1),
        Operation("add", "/spec/containers/7", 1),
        Operation("replace", "/spec/containers/x", 1),
        Operation("replace", "/spec/containers/-1", 1),
        Operation("replace", "/spec/containers/00", 1),
        Operation("add", "spec", 1),
        Operation("replace", "", {}),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_and_nothing_is_changed(operation: Operation) -> None:
    before = copy.deepcopy(DOCUMENT)
    with pytest.raises(patch.Mismatch):
        patch.apply((Operation("replace", "/metadata/uid", "changed"), operation), DOCUMENT)
    assert before == DOCUMENT


def test_one_and_true_are_not_equal() -> None:
    with pytest.raises(patch.Mismatch):
        patch.apply((Operation("test", "/a", 1),), {"a": True})


KEYS = st.sampled_from(["a", "b/c", "d~e", "f"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.text(max_size=3))
FLAT = st.dictionaries(KEYS, VALUES)


@st.composite
def patched(draw: st.DrawFn) -> tuple[dict[str, object], patch.Patch]:
    document = {"map": draw(FLAT), "list": draw(st.lists(VALUES, max_size=4))}
    state = copy.deepcopy(document)
    made: list[Operation] = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()) or not state["list"]:
            key = draw(KEYS)
            value = draw(VALUES)
            there = key in state["map"]
            op = draw(st.sampled_from(["replace", "remove", "add"] if there else ["add"]))
            operation = Operation(op, patch.pointer("map", key), None if op == "remove" else value)
        else:
            index = draw(st.integers(0, len(state["list"]) - 1))
            operation = Operation("replace", patch.pointer("list", index), draw(VALUES))
        made.append(operation)
        state = patch.apply((operation,), state)
    return document, tuple(made)


@given(patched())
def test_the_inverse_takes_every_patch_back(case: tuple[dict[str, object], patch.Patch]) -> None:
    document, made = case
    after = patch.apply(made, document)
    assert patch.apply(patch.inverse(made, document), after) == document


@given(patched())
def test_the_same_patch_is_written_the_same(case: tuple[dict[str, object], patch.Patch]) -> None:
    _, made = case
    assert patch.text(made) == patch.text(tuple(made))
