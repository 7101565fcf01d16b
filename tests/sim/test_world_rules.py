"""Rules of kubelets and controllers that need no running world."""

import collections
from typing import Any

import pytest

from bot.sim.cluster import backoff, placement, podstate, podstatus, scheduling


@pytest.mark.parametrize(
    ("uptimes", "waits"),
    [
        # The first failure is free, then 10 s doubling to 300 s.
        ([1.0] * 9, [0, 10, 20, 40, 80, 160, 300, 300, 300]),
        # Ten minutes without a failure, and all is forgotten.
        ([1.0, 1.0, 1.0, 601.0, 1.0], [0, 10, 20, 0, 10]),
        # Nine minutes are not enough.
        ([1.0, 1.0, 1.0, 540.0], [0, 10, 20, 40]),
    ],
)
def test_restarts_wait_longer_each_time(uptimes: list[float], waits: list[float]) -> None:
    account, now, found = backoff.Backoff(), 0.0, []
    for uptime in uptimes:
        now += uptime
        failed_at = now
        until = account.waits_until(failed_at)
        found.append(0 if until is None else until - failed_at)
        now = failed_at if until is None else until
        account.tried(failed_at, now)
    assert found == pytest.approx(waits)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(10, "10s"), (40, "40s"), (80, "1m20s"), (160, "2m40s"), (300, "5m0s"), (3605, "1h0m5s")],
)
def test_durations_are_spoken_as_go_speaks_them(seconds: float, words: str) -> None:
    assert backoff.spoken(seconds) == words


@pytest.mark.parametrize(
    ("state", "failures", "launched_at", "loops"),
    [
        ({"running": {}}, 0, 0.0, False),
        ({"running": {}}, 1, 99.0, False),
        ({"running": {}}, 2, 95.0, True),
        ({"running": {}}, 2, -490.0, True),
        ({"running": {}}, 2, -505.0, False),
        ({"terminated": {}}, 1, 99.0, False),
        ({"terminated": {}}, 2, 99.0, True),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, 2, 0.0, True),
        ({"waiting": {"reason": "ImagePullBackOff"}}, 0, 0.0, False),
    ],
)
def test_crash_looping_is_dying_again_and_again(
    state: dict[str, Any], failures: int, launched_at: float, loops: bool
) -> None:
    container = podstatus.Container("c", {"image": "i"}, state=state)
    container.failures, container.launched_at = failures, launched_at
    assert container.crash_looping(100.0) is loops


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (
            {"Insufficient cpu": 117, "node(s) were unschedulable": 3},
            "0/120 nodes are available: 117 Insufficient cpu, 3 node(s) were unschedulable. "
            "no new claims to deallocate, preemption: 0/120 nodes are available: "
            "117 No preemption victims found for incoming pod, "
            "3 Preemption is not helpful for scheduling.",
        ),
    ],
)
def test_refusals_are_counted_by_reason(refused: dict[str, int], message: str) -> None:
    assert scheduling.unfit_message(120, collections.Counter(refused)) == message


@pytest.mark.parametrize(
    ("value", "total", "up", "count"),
    [
        (1, 6, True, 1),
        ("34%", 6, True, 3),
        ("34%", 6, False, 2),
        ("100%", 7, True, 7),
        (0, 5, True, 0),
    ],
)
def test_budgets_are_numbers_or_percentages(
    value: object, total: int, up: bool, count: int
) -> None:
    assert podstate.scaled(value, total, up=up) == count


@pytest.mark.parametrize(
    ("toleration", "tolerates"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "w"}, False),
        ({"key": "k"}, False),
    ],
)
def test_a_toleration_covers_a_taint_by_key_value_and_effect(
    toleration: dict[str, str], tolerates: bool
) -> None:
    taint = {"key": "k", "value": "v", "effect": "NoSchedule"}
    assert placement.tolerates(toleration, taint) is tolerates


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"key": "zone", "operator": "In", "values": ["a", "b"]}, True),
        ({"key": "zone", "operator": "NotIn", "values": ["a"]}, False),
        ({"key": "disk", "operator": "NotIn", "values": ["ssd"]}, True),
        ({"key": "zone", "operator": "Exists"}, True),
        ({"key": "zone", "operator": "DoesNotExist"}, False),
        ({"key": "rank", "operator": "Gt", "values": ["4"]}, True),
        ({"key": "rank", "operator": "Lt", "values": ["4"]}, False),
        ({"key": "zone", "operator": "Gt", "values": ["4"]}, False),
    ],
)
def test_node_affinity_is_read_as_kubernetes_reads_it(rule: dict[str, Any], fits: bool) -> None:
    node = {"metadata": {"name": "n", "labels": {"zone": "a", "rank": "5"}}}
    required = {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
    spec = {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    }
    assert placement.selected(spec, node) is fits
