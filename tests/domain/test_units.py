"""Quantities, times and names as people read them."""

from datetime import datetime, timedelta, timezone

import pytest

from bot.domain import units, workload
from bot.domain.snapshot import Owner
from tests.checks.worlds import NOW, pod


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (52428800, "50Mi"),
        (256 * 2**20, "256Mi"),
        (2**30, "1Gi"),
        (1536 * 2**20, "1536Mi"),
        (500_000_000, "476.8Mi"),
        (1000, "1000"),
        (1024, "1Ki"),
        (0, "0"),
        (None, "none"),
    ],
)
def test_memory(size: int | None, text: str) -> None:
    assert units.memory(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (40, "40 s"),
        (180, "3 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (3900, "1 h 5 min"),
        (86400 * 2 + 3600, "2 d 1 h"),
        (-60, "-1 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(timedelta(seconds=seconds)) == text


def test_stamps_are_utc_to_the_second() -> None:
    east = datetime(2026, 3, 1, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert units.stamp(east) == units.stamp(NOW) == "2026-03-01T12:00:00Z"
    assert units.stamp(None) == "unknown"


def test_counts_and_lists() -> None:
    assert units.count(1, "node") == "1 node"
    assert units.count(2, "replica") == "2 replicas"
    assert units.listing(["a", "b"]) == "a, b"
    assert units.listing(["a", "b", "c"], most=2) == "a, b and 1 more"


@pytest.mark.parametrize(
    ("name", "owner", "labels", "mirror", "workload_of"),
    [
        ("f-x1", Owner("DaemonSet", "f", "u"), {}, False, ("DaemonSet", "f")),
        (
            "coredns-5d78c9869d-abcde",
            Owner("ReplicaSet", "coredns-5d78c9869d", "u"),
            {"pod-template-hash": "5d78c9869d"},
            False,
            ("Deployment", "coredns"),
        ),
        (
            "c-x",
            Owner("ReplicaSet", "coredns-5d78c9869d", "u"),
            {},
            False,
            ("Deployment", "coredns"),
        ),
        ("c-x", Owner("ReplicaSet", "bare", "u"), {}, False, ("ReplicaSet", "bare")),
        ("kube-apiserver-n1", Owner("Node", "n1", "u"), {}, True, ("Pod", "kube-apiserver")),
        ("kube-apiserver-n1", None, {}, True, ("Pod", "kube-apiserver")),
        ("lonely", None, {}, False, ("Pod", "lonely")),
        ("j-x", Owner("Job", "backup-28491840", "u"), {}, False, ("CronJob", "backup")),
        ("j-x", Owner("Job", "migrate", "u"), {}, False, ("Job", "migrate")),
        ("s-0", Owner("StatefulSet", "s", "u"), {}, False, ("StatefulSet", "s")),
    ],
)
def test_a_pods_workload(
    name: str,
    owner: Owner | None,
    labels: dict[str, str],
    mirror: bool,
    workload_of: tuple[str, str],
) -> None:
    found = workload.of(pod(name, owner=owner, labels=labels, mirror=mirror), cluster="prod")
    assert (found.kind, found.name) == workload_of
    assert (found.cluster, found.namespace) == ("prod", "kube-system")


AMOUNTS = [
    ("256Mi", 256 * 2**20),
    (" 1.5 Gi ", 3 * 2**29),
    ("512M", 512_000_000),
    ("1GiB", 2**30),
    ("134217728", 2**27),
]


@pytest.mark.parametrize(("text", "size"), AMOUNTS)
def test_memory_is_read_as_people_write_it(text: str, size: int) -> None:
    assert units.parsed_memory(text) == size


@pytest.mark.parametrize(
    "text", ["", "256", "512Ki", "-1Gi", "1e9", "many", "1 Mi Gi", "0Gi", "٣Gi"]
)
def test_what_is_no_amount_of_memory_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of memory: write one such as 256Mi"):
        units.parsed_memory(text)
