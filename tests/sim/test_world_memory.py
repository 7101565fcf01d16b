"""What kills flannel, held against the numbers it was calibrated to, over many seeds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.cluster import fleet, hosts, memory
from bot.sim.scenarios import scenario

SEEDS = st.integers(0, 2**31)


def killed_by_a_burst(machines: list[hosts.Host], *, limit: float, seed: int) -> list[hosts.Host]:
    """Whom one relist kills: lists begin within two seconds, children come every five."""
    rng = random.Random(seed)
    found = []
    for host in machines:
        burst = memory.Burst(rng.random() * 2.0)
        moment = rng.random() * memory.CHILD_PERIOD
        while not burst.over(moment):
            usage = memory.heap(len(machines), share=burst.share(moment)) + memory.child(
                host.iptables_mib, nodes=len(machines), jitter=rng.uniform(-1, 1)
            )
            if memory.killed(usage, limit):
                found.append(host)
                break
            moment += memory.CHILD_PERIOD
    return found


def steady(machines: list[hosts.Host]) -> float:
    return max(memory.steady_bound(one.iptables_mib, nodes=len(machines)) for one in machines)


@given(SEEDS)
@settings(max_examples=25)
def test_120_nodes_at_50mi_live_in_peace_and_lose_a_handful_to_a_burst(seed: int) -> None:
    machines = fleet.build(nodes=120, seed=seed)
    assert steady(machines) < 50
    killed = killed_by_a_burst(machines, limit=50, seed=seed)
    assert 1 <= len(killed) <= 8


def test_over_many_seeds_a_burst_kills_two_to_eight_mostly_physical_machines() -> None:
    counts, physical = [], 0
    for seed in range(50):
        killed = killed_by_a_burst(fleet.build(nodes=120, seed=seed), limit=50, seed=seed)
        counts.append(len(killed))
        physical += sum(one.physical for one in killed)
    assert sum(2 <= count <= 8 for count in counts) >= 48
    assert physical / sum(counts) > 0.75


@given(SEEDS, st.sampled_from([(20, 50.0), (120, 256.0), (1000, 256.0), (60, 50.0)]))
@settings(max_examples=16)
def test_small_clusters_and_roomy_limits_never_kill(seed: int, case: tuple[int, float]) -> None:
    nodes, limit = case
    machines = fleet.build(nodes=nodes, seed=seed)
    assert steady(machines) < limit
    assert not killed_by_a_burst(machines, limit=limit, seed=seed)
    # Not even with every list and every child at their heaviest at the same instant.
    worst = max(one.iptables_mib for one in machines)
    assert memory.heap(nodes, share=1.0) + memory.child(worst, nodes=nodes, jitter=1.0) < limit


@given(SEEDS)
@settings(max_examples=15)
def test_100mi_on_120_nodes_hardly_ever_kills(seed: int) -> None:
    machines = fleet.build(nodes=120, seed=seed)
    assert len(killed_by_a_burst(machines, limit=100, seed=seed)) <= 1


@given(st.integers(1, 5000))
def test_a_story_of_any_size_begins_in_peace(nodes: int) -> None:
    limit = memory.limit_mib({"limits": {"memory": scenario.ALL["story"].memory_limit(nodes)}})
    assert limit is not None
    assert memory.steady_bound(memory.CHILD_CEILING, nodes=nodes) < limit


@given(st.integers(1, 8000))
def test_a_healthy_cluster_of_any_size_survives_its_worst_instant(nodes: int) -> None:
    limit = memory.limit_mib({"limits": {"memory": scenario.ALL["healthy"].memory_limit(nodes)}})
    assert limit is not None
    worst = memory.child(memory.CHILD_CEILING, nodes=nodes, jitter=1.0)
    assert memory.heap(nodes, share=1.0) + worst < limit


def test_a_burst_doubles_the_heap_and_is_given_back() -> None:
    burst = memory.Burst(10.0)
    moments = (9.9, 10.0, 13.0, 13.75, 14.5, 20.0)
    assert [burst.share(moment) for moment in moments] == [0.0, 1.0, 1.0, 0.5, 0.0, 0.0]
    assert not burst.over(14.4)
    assert burst.over(14.6)


def test_more_rules_weigh_more_and_more_nodes_do_too() -> None:
    assert memory.child(10, nodes=120, rules=3) == pytest.approx(30)
    assert memory.child(10, nodes=480) == pytest.approx(20)
    assert memory.heap(240) - memory.heap(120) == pytest.approx(6)


@pytest.mark.parametrize(
    ("limit", "mib"),
    [("50Mi", 50), ("52428800", 50), ("51200Ki", 50), ("1Gi", 1024), ("500M", 476.837158203125)],
)
def test_limits_are_read_in_any_unit(limit: str, mib: float) -> None:
    assert memory.limit_mib({"limits": {"memory": limit}}) == mib


@pytest.mark.parametrize("resources", [{}, {"limits": {}}, {"requests": {"memory": "50Mi"}}])
def test_without_a_limit_nothing_is_ever_killed(resources: dict[str, dict[str, str]]) -> None:
    limit = memory.limit_mib(resources)
    assert limit is None
    assert not memory.killed(1e9, limit)
