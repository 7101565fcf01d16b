"""Lines of a watch: cutting them, and understanding them."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cluster import failures, frames, kinds
from tests.adapters.cluster import objects


@given(
    st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b), max_size=8),
    st.lists(st.integers(min_value=0, max_value=300), max_size=10),
)
def test_however_a_stream_is_cut_its_lines_are_the_same(
    lines: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    edges = sorted({0, len(stream), *(c for c in cuts if c < len(stream))})
    splitter = frames.Splitter(10_000)
    found: list[bytes] = []
    for start, end in itertools.pairwise(edges):
        found += splitter.feed(stream[start:end])
    assert found == lines
    assert not splitter.unfinished


@given(st.binary(min_size=1, max_size=50).filter(lambda b: b"\n" not in b))
def test_a_stream_that_ends_within_a_line_is_unfinished(tail: bytes) -> None:
    splitter = frames.Splitter(100)
    assert splitter.feed(b"one\n" + tail) == [b"one"]
    assert splitter.unfinished


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    splitter = frames.Splitter(100)
    for _ in range(10):
        splitter.feed(b"x" * 10)
    with pytest.raises(frames.LineTooLong):
        splitter.feed(b"x")


def line(kind: str, value: object) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode()


@pytest.mark.parametrize(
    ("kind", "said"), [("ADDED", "changed"), ("MODIFIED", "changed"), ("DELETED", "gone")]
)
def test_events_are_understood(kind: str, said: str) -> None:
    found = frames.understand(kinds.PODS, line(kind, objects.pod("p", version=7)))
    assert (found.said, found.version, found.namespace, found.name) == (
        said,
        "7",
        "kube-system",
        "p",
    )


def test_an_unreadable_object_that_is_deleted_is_still_gone() -> None:
    value = {**objects.pod("p", version=7), "status": 1}
    found = frames.understand(kinds.PODS, line("DELETED", value))
    assert (found.said, found.version, found.name) == ("gone", "7", "p")


def test_an_event_of_an_unknown_type_is_bad_and_not_ignored() -> None:
    found = frames.understand(kinds.PODS, line("MOVED", objects.pod("p", version=7)))
    assert (found.said, found.name) == ("bad", "p")
    assert "unknown type" in found.error


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.resource)
def test_a_bookmark_of_any_kind_is_only_a_version(kind: kinds.Kind) -> None:
    for rest in ({}, {"spec": {}}, {"spec": None, "status": {}}, {"spec": [], "revision": None}):
        found = frames.understand(
            kind, line("BOOKMARK", {"metadata": {"resourceVersion": "9"}, **rest})
        )
        assert (found.said, found.version) == ("bookmark", "9")


@pytest.mark.parametrize(
    "text",
    ["too old resource version: 1 (5)", "The resourceVersion for the provided watch is too old."],
)
def test_both_texts_of_a_version_too_old_are_expired(text: str) -> None:
    with pytest.raises(failures.Expired):
        frames.understand(kinds.NODES, line("ERROR", objects.status(410, text, "Expired")))


@given(st.binary(max_size=200))
def test_whatever_bytes_come_it_is_a_line_or_a_failure(raw: bytes) -> None:
    try:
        found = frames.understand(kinds.PODS, raw)
    except failures.Failure:
        return
    assert found.said in frames.Said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", ""]),
    json_values,
    st.sampled_from(["metadata", "spec", "status", ""]),
)
def test_whatever_object_comes_it_is_a_line_or_a_failure(
    kind: str, odd: object, where: str
) -> None:
    value: object = {**objects.pod("p"), where: odd} if where else odd
    try:
        found = frames.understand(kinds.PODS, line(kind, value))
    except failures.Failure:
        assert kind == "ERROR"
        return
    if found.said is frames.Said.CHANGED:
        try:
            kinds.PODS.translate(found.value)
        except ValueError:
            return
