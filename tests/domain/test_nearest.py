"""A word is taken for a name only where it can mean one name alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import nearest

NAMES = [
    "worker-1.prod.example",
    "worker-2.prod.example",
    "worker-10",
    "Master-1",
    "edge",
    "edge.b",
]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("worker-10", "worker-10"),
        ("worker-1", "worker-1.prod.example"),
        ("WORKER-1.prod.example", "worker-1.prod.example"),
        ("master-1", "Master-1"),
        ("edge", "edge"),
        ("10.0.0.7", "worker-10"),
    ],
)
def test_a_name_is_known_by_itself_its_short_form_its_case_and_its_address(
    word: str, meant: str
) -> None:
    assert nearest.resolve(word, NAMES, also={"10.0.0.7": "worker-10"}) == meant


def test_a_word_that_fits_several_names_is_not_guessed() -> None:
    found = nearest.resolve("node", ["node.a", "node.b"])
    assert isinstance(found, nearest.Missing)
    assert found.several
    assert found.sentence("node") == "'node' fits several nodes: node.a, node.b"


def test_what_stands_in_for_a_name_is_another_one() -> None:
    assert nearest.like("worker-12", [*NAMES, "worker-12"]) == ("worker-10",)
    machines = ["cp-4", *(f"vm-{number:02}" for number in range(1, 12))]
    assert nearest.like("vm-04", machines) == ("vm-03", "vm-05", "vm-02")
    assert nearest.like("zzz", NAMES) == ("Master-1", "edge", "edge.b")
    assert nearest.like("edge", ["edge"]) == ()


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("worker-11", "worker-10"),
        ("wroker-10", "worker-10"),
        ("prod", "worker-1.prod.example"),
    ],
)
def test_a_word_that_means_nothing_is_answered_with_the_nearest(word: str, near: str) -> None:
    found = nearest.resolve(word, NAMES)
    assert isinstance(found, nearest.Missing)
    assert near in found.near
    assert f"there is no node '{word}'; the nearest are" in found.sentence("node")


def test_a_number_without_its_leading_zeros_comes_first() -> None:
    names = [f"phys-{number:03}" for number in range(1, 60)]
    found = nearest.resolve("phys-5", names)
    assert isinstance(found, nearest.Missing)
    assert found.near[0] == "phys-005"


def test_where_nothing_is_near_it_is_said_how_names_look() -> None:
    found = nearest.resolve("zzz", ["vm-1", "vm-2", "cp-1", "a", "phys-1"])
    assert isinstance(found, nearest.Missing)
    assert found.near == ()
    assert found.sentence("node") == "there is no node 'zzz'; there are 5, such as a, cp-1, phys-1"
    assert nearest.resolve("", ["a"]) == nearest.Missing("")
    unseen = nearest.resolve("zzz", [])
    assert isinstance(unseen, nearest.Missing)
    assert unseen.sentence("node") == "there is no node 'zzz'"


def test_a_domain_behind_a_name_does_not_hide_what_is_near() -> None:
    found = nearest.resolve("vm-01.prod.example", ["vm-01", "cp-1"])
    assert isinstance(found, nearest.Missing)
    assert found.near[0] == "vm-01"
    address = nearest.resolve("10.30.0.13", ["phys-10", "cp-1"])
    assert isinstance(address, nearest.Missing)
    assert address.near == ()


def test_the_name_itself_goes_before_another_whose_short_form_it_is() -> None:
    assert nearest.resolve("edge", ["edge.b", "edge"]) == "edge"


@given(st.text(max_size=30), st.lists(st.text(max_size=20), max_size=8))
def test_whatever_is_asked_only_a_known_name_is_answered(word: str, names: list[str]) -> None:
    found = nearest.resolve(word, names)
    if isinstance(found, nearest.Missing):
        assert word not in names
        assert set(found.near) <= set(names)
        assert len(found.near) <= 3
    else:
        assert found in names
