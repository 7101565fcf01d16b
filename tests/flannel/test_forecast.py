"""When memory would meet its limit: lines, noise, bursts, starts."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.flannel import forecast
from bot.flannel.forecast import Verdict

START = datetime(2026, 3, 1, tzinfo=UTC)
MI = 2**20
LIMIT = 50 * MI


def line(
    hours: float = 6.0,
    *,
    begin: float = 20.0,
    a_day: float = 0.0,
    noise: float = 0.0,
    seed: int = 1,
) -> list[tuple[datetime, float]]:
    """A point every five minutes, in MiB."""
    rng = random.Random(seed)
    return [
        (
            START + timedelta(minutes=5 * step),
            MI * (begin + a_day * step / 288 + noise * rng.uniform(-1, 1)),
        )
        for step in range(int(hours * 12) + 1)
    ]


def test_a_straight_line_meets_the_limit_where_it_does() -> None:
    found = forecast.of(line(24, a_day=10), limit=LIMIT)
    assert found.verdict is Verdict.REACHES
    assert abs(found.a_day / MI - 10) < 0.01
    assert found.at is not None
    assert abs(found.at - (START + timedelta(days=3))) < timedelta(minutes=10)


def test_noise_widens_the_interval_and_the_truth_is_within_it() -> None:
    found = forecast.of(line(24, a_day=10, noise=2), limit=LIMIT)
    assert found.verdict is Verdict.REACHES
    assert found.low < 10 * MI < found.high
    assert found.high - found.low > 0.2 * MI
    assert found.earliest is not None
    assert found.latest is not None
    assert found.at is not None
    assert found.earliest < found.at < found.latest


def test_wobble_is_no_growth() -> None:
    wrong = sum(
        forecast.of(line(6, noise=3, seed=seed), limit=LIMIT).verdict is not Verdict.NO_GROWTH
        for seed in range(200)
    )
    assert wrong <= 12  # one side of a 95 % interval, with room for luck


def test_bursts_do_not_move_the_slope() -> None:
    """A list of all nodes doubles the heap for seconds, and some samples see it."""
    points = line(24)
    for index in range(40, len(points), 13):
        points[index] = (points[index][0], points[index][1] + 20 * MI)
    assert forecast.of(points, limit=LIMIT).verdict is Verdict.NO_GROWTH


def test_the_growth_of_a_start_is_none() -> None:
    ramp = [
        (START + timedelta(seconds=30 * step), MI * min(8.0 + step, 18.0)) for step in range(100)
    ]
    assert forecast.of(ramp, limit=LIMIT, since=START).verdict is Verdict.NO_GROWTH


def test_what_was_before_the_present_run_does_not_count() -> None:
    before = line(6, begin=10, a_day=100)
    run = before[-1][0] + timedelta(minutes=5)
    after = [(run + timedelta(minutes=5 * step), 15.0 * MI) for step in range(24)]
    assert forecast.of(before + after, limit=LIMIT, since=run).verdict is Verdict.NO_GROWTH
    assert forecast.of(before, limit=LIMIT, since=run).verdict is Verdict.TOO_SHORT


def test_too_little_is_said_to_be_too_little() -> None:
    assert forecast.of([], limit=LIMIT).verdict is Verdict.TOO_SHORT
    assert forecast.of(line(0.4, a_day=500), limit=LIMIT).verdict is Verdict.TOO_SHORT
    assert forecast.of(line(6, a_day=10)[:5], limit=LIMIT).verdict is Verdict.TOO_SHORT


def test_growth_that_is_far_from_the_limit_or_has_none_is_told_without_a_moment() -> None:
    for limit in (10_000 * MI, None):
        found = forecast.of(line(24, a_day=10), limit=limit)
        assert (found.verdict, found.at) == (Verdict.FAR, None)
        assert found.a_day > 0


def test_what_is_above_the_limit_already_meets_it_now() -> None:
    found = forecast.of(line(24, begin=60, a_day=10), limit=LIMIT)
    assert found.at == START + timedelta(days=1)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 2**40)), unique_by=lambda one: one[0],
        max_size=120,
    ),
    st.one_of(st.none(), st.integers(1, 2**40)),
)  # fmt: skip
def test_whatever_the_points_the_answer_holds_together(
    given_points: list[tuple[int, int]], limit: int | None
) -> None:
    points = sorted((START + timedelta(seconds=at), float(size)) for at, size in given_points)
    found = forecast.of(points, limit=limit)
    assert found.low <= found.a_day <= found.high
    if found.verdict is Verdict.REACHES:
        assert limit is not None
        assert found.at is not None
        assert found.earliest is not None
        assert points[-1][0] - timedelta(days=20) <= found.earliest <= found.at
        assert found.latest is None or found.at <= found.latest
        assert found.low > 0
    else:
        assert found.at is None


@given(st.floats(1.0, 200.0), st.floats(-3600, 3600))
def test_the_answer_moves_with_the_clock_and_scales_with_the_units(
    a_day: float, shift: float
) -> None:
    moved = timedelta(seconds=round(shift))
    one = forecast.of(line(24, a_day=a_day), limit=LIMIT)
    other = forecast.of([(at + moved, size) for at, size in line(24, a_day=a_day)], limit=LIMIT)
    assert one.verdict is other.verdict
    if one.at and other.at:
        assert abs((other.at - moved) - one.at) < timedelta(seconds=1)
