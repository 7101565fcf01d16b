"""Full collections at a time of the bot's own, over little."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from bot.adapters import garbage


class Knot:
    """Something that only a collection can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture
def full() -> Iterator[list[int]]:
    """The full collections made from now on."""
    made: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start" and about["generation"] == 2:
            made.append(1)

    gc.callbacks.append(note)
    yield made
    gc.callbacks.remove(note)


def grow(many: int) -> list[list[int]]:
    return [[number] for number in range(many)]


def test_a_heap_that_grows_starts_a_full_collection_by_itself_only_before(full):
    gc.freeze()  # so that what grows counts as much
    kept = grow(500_000)
    assert full, "this test proves nothing: nothing was collected anyway"
    full.clear()
    garbage.begin()
    more = grow(500_000)
    assert not full
    assert len(kept) == len(more)


def test_garbage_of_the_young_is_still_collected_by_itself():
    garbage.begin()
    knot = weakref.ref(Knot())
    kept = grow(50_000)
    assert knot() is None
    assert kept


def test_garbage_that_grew_old_is_collected_when_tended():
    garbage.begin()
    knot = Knot()
    seen = weakref.ref(knot)
    gc.collect(1)  # it is old now
    del knot
    garbage.tend()
    assert seen() is None


def test_what_came_to_stay_in_great_numbers_is_frozen_and_not_looked_at(full):
    garbage.begin()
    frozen = gc.get_freeze_count()
    kept = grow(2 * garbage.MANY)
    gc.collect(1)
    garbage.tend()
    assert not full
    assert gc.get_freeze_count() >= frozen + len(kept)
    garbage.tend()
    assert full, "with the many out of sight, full collections go on"
