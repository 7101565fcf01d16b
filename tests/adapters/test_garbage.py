"""Full collections at a time of the bot's own, over little."""

import concurrent.futures
import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from bot.adapters import garbage


class Knot:
    """Something that only a collection can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(garbage.Collector, "former", False)
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.freeze()  # as tests/conftest.py left it


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


@pytest.fixture
def collector() -> garbage.Collector:
    return garbage.Collector(now=0.0, slow=10.0)


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def old_knot() -> weakref.ref[Knot]:
    """Return a sight of garbage that has grown old."""
    knot = Knot()
    gc.collect(1)
    return weakref.ref(knot)


def test_a_heap_that_grows_starts_a_full_collection_by_itself_only_before(full):
    gc.freeze()  # so that what grows counts as much
    kept = grow(500_000)
    assert full, "this test proves nothing: nothing was collected anyway"
    garbage.Collector(now=0.0)
    full.clear()
    more = grow(500_000)
    assert not full
    assert len(kept) == len(more)


@pytest.mark.usefixtures("collector")
def test_garbage_of_the_young_is_still_collected_by_itself():
    knot = weakref.ref(Knot())
    kept = grow(50_000)
    assert knot() is None
    assert kept


def test_garbage_that_grew_old_is_collected_within_half_a_minute(collector, full):
    seen = old_knot()
    collector.tend(5.0)
    assert not full
    collector.tend(30.0)
    assert seen() is None


def test_much_garbage_that_grew_old_is_collected_at_once(collector):
    seen = old_knot()
    kept = grow(garbage.SOME)
    gc.collect(1)
    collector.tend(5.0)
    assert seen() is None
    assert kept


def test_what_came_to_stay_in_great_numbers_is_frozen_and_not_looked_at(collector, full):
    frozen = gc.get_freeze_count()
    kept = grow(2 * garbage.MANY)
    gc.collect(1)
    collector.tend(5.0)
    assert not full
    assert gc.get_freeze_count() >= frozen + len(kept)
    collector.tend(30.0)
    assert full, "with the many out of sight, full collections go on"


def test_what_is_frozen_is_not_even_counted_but_once_an_hour(collector, monkeypatch):
    counted: list[int] = []
    monkeypatch.setattr(gc, "get_freeze_count", lambda: counted.append(1) or 0)
    for now in range(5, int(garbage.HOUR), 5):
        collector.tend(float(now))
    assert counted == []


def test_garbage_without_end_is_never_frozen(collector):
    frozen = gc.get_freeze_count()
    for now in range(5, 30, 5):
        knots = [Knot() for _ in range(2 * garbage.SOME)]
        gc.collect(1)
        seen = weakref.ref(knots[0])
        del knots
        collector.tend(float(now))
        assert seen() is None
    assert gc.get_freeze_count() <= frozen


def test_what_stays_is_frozen_without_the_garbage_beside_it(collector):
    frozen = gc.get_freeze_count()
    seen = old_knot()
    kept = grow(garbage.MANY * 3 // 4)
    gc.collect(1)
    collector.tend(5.0)
    assert seen() is None
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_what_took_long_to_look_at_is_frozen_however_few_it_is():
    collector = garbage.Collector(now=0.0, slow=0.0)
    frozen = gc.get_freeze_count()
    kept = grow(10)
    gc.collect(1)
    collector.tend(30.0)
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_what_was_frozen_and_is_garbage_by_now_goes_within_an_hour(collector, full):
    knot = Knot()
    seen = weakref.ref(knot)
    kept = grow(max(2 * garbage.MANY, gc.get_freeze_count()))
    gc.collect(1)
    collector.tend(5.0)
    del knot
    for now in (10.0, 1_800.0, 1_805.0, 3_590.0, 3_595.0):
        collector.tend(now)
    assert seen() is not None, "too often that which stops the bot"
    collector.tend(3_600.0)
    collector.tend(3_605.0)
    assert seen() is None
    assert gc.get_freeze_count() >= len(kept)
    full.clear()
    for now in (7_200.0, 7_205.0, 7_210.0):
        collector.tend(now)
    assert len(full) == 1, "nothing new is frozen: all of it is not looked at again"


def nested(depth: int) -> tuple[object, ...]:
    """Build a tuple within a tuple, and so on; all are old before the first is finished."""

    def elements() -> Iterator[object]:
        if depth == 0:
            gc.collect(1)
        yield nested(depth - 1) if depth else None

    return tuple(one for one in elements())


def test_counting_what_is_old_disturbs_no_thread_that_builds_a_tuple(collector, hasty):
    """Whoever else refers to a tuple that is being built makes Python fail to finish it."""
    kept = grow(2 * garbage.SOME)
    gc.collect(1)
    collector.tend(1.0)
    over = threading.Event()

    def build() -> None:
        while not over.is_set():
            nested(60)

    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        building = threads.submit(build)
        for _ in range(50):
            collector.tend(2.0)
        over.set()
        building.result()
    assert kept


def test_a_bot_that_begins_anew_lets_go_of_what_the_one_before_was(collector):
    knot = Knot()
    seen = weakref.ref(knot)
    kept = grow(2 * garbage.MANY)
    gc.collect(1)
    collector.tend(5.0)
    del knot
    garbage.Collector(now=10.0)
    assert seen() is None
    assert gc.get_freeze_count() >= len(kept)
