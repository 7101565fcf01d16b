"""How much memory flannel should be given, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flannel import sizing

MI = 2**20


@pytest.mark.parametrize(
    ("given_", "mebibytes"),
    [
        ({"limit": 50 * MI, "nodes": 10}, 256),
        ({"limit": 50 * MI, "nodes": 120, "kills": 3, "peak": 50 * MI}, 256),
        ({"limit": 256 * MI, "nodes": 120, "kills": 1}, 512),
        ({"limit": 100 * MI, "nodes": 1000}, 384),
        ({"limit": 100 * MI, "nodes": 100, "peak": 180 * MI}, 384),
        ({"limit": 100 * MI, "nodes": 100, "services": 2000}, 256),
        ({"limit": 100 * MI, "nodes": 1000, "rules": 40_000}, 576),
        ({"limit": 100 * MI, "nodes": 2500}, 832),
    ],
)
def test_the_limit_follows_the_largest_of_its_reasons(
    given_: dict[str, int], mebibytes: int
) -> None:
    found = sizing.memory(**given_)  # type: ignore[arg-type]
    assert found.limit == mebibytes * MI
    assert found.raises
    assert not found.capped
    assert not any("is enough" in reason for reason in found.reasons)


def test_the_reasons_are_told_the_deciding_one_first() -> None:
    killed = sizing.memory(limit=256 * MI, nodes=120, peak=200 * MI, kills=2)
    assert (
        killed.reasons[0]
        == "twice the present limit: 2 OOM kills at 256Mi show that the need is above it"
    )
    assert killed.reasons[1] == "twice the observed peak of 200Mi, for bursts"
    assert "0.3Mi for each of 120 nodes; Services were not counted" in killed.reasons[-1]
    counted = sizing.memory(limit=50 * MI, nodes=1, services=1500, rules=None)
    assert (
        "64Mi and 0.3Mi for each of 1 node, and 79Mi for iptables with 1,500 Services"
        in counted.reasons
    )
    ruled = sizing.memory(limit=50 * MI, nodes=1, rules=12_000)
    assert any("12,000 iptables rules" in one for one in ruled.reasons)


def test_a_cap_bounds_the_wish_and_says_so() -> None:
    found = sizing.memory(limit=700 * MI, nodes=100, kills=1, cap=1024 * MI)
    assert (found.limit, found.wish, found.capped, found.raises) == (
        1024 * MI,
        1536 * MI,
        True,
        True,
    )
    assert "bounded by the cap of 1Gi" in found.reasons[-1]
    at_the_cap = sizing.memory(limit=1024 * MI, nodes=100, kills=1)
    assert not at_the_cap.raises
    assert at_the_cap.capped


def test_enough_and_no_limit_need_no_raise() -> None:
    enough = sizing.memory(limit=512 * MI, nodes=100, peak=90 * MI)
    assert not enough.raises
    assert enough.reasons[0] == "the present limit of 512Mi is enough"
    free = sizing.memory(limit=None, nodes=100, peak=90 * MI, kills=1)
    assert not free.raises
    assert "no memory limit now" in free.reasons[0]


def test_headroom_is_the_peaks_share_and_unknown_where_either_is() -> None:
    assert sizing.headroom(limit=100, peak=80) == pytest.approx(0.8)
    assert sizing.headroom(limit=None, peak=80) is None
    assert sizing.headroom(limit=0, peak=80) is None
    assert sizing.headroom(limit=100, peak=None) is None


SIZES = st.integers(1, 4096 * MI)


@given(
    limit=st.none() | SIZES,
    nodes=st.integers(0, 20_000),
    peak=st.none() | SIZES,
    kills=st.integers(0, 50),
    services=st.none() | st.integers(0, 50_000),
    rules=st.none() | st.integers(0, 500_000),
    cap=st.integers(256 * MI, 8192 * MI),
)
def test_a_limit_is_whole_within_its_cap_and_never_below_what_was_seen(
    limit: int | None,
    nodes: int,
    peak: int | None,
    kills: int,
    services: int | None,
    rules: int | None,
    cap: int,
) -> None:
    found = sizing.memory(
        limit=limit, nodes=nodes, peak=peak, kills=kills, services=services, rules=rules, cap=cap
    )
    assert found.limit == min(found.wish, cap)
    assert found.wish % (64 * MI) == 0
    assert found.wish >= max(sizing.LEAST, 2 * (peak or 0))
    assert found.capped == (found.wish > cap)
    assert found.raises == (limit is not None and found.limit > limit)
    assert found.reasons


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 100_000), st.integers(0, 100_000))
def test_more_nodes_or_rules_never_ask_for_less(
    nodes: int, more: int, rules: int, added: int
) -> None:
    small = sizing.memory(limit=50 * MI, nodes=nodes, rules=rules)
    large = sizing.memory(limit=50 * MI, nodes=nodes + more, rules=rules + added)
    assert large.wish >= small.wish
