"""What every store promises of memory samples and OOM kills."""

from datetime import datetime, timedelta

import pytest

from bot.flow.memory_ports import Kill, Point, Sample
from tests.adapters.store.conftest import NOW

SLOT = timedelta(minutes=5)
START = NOW.replace(second=0, microsecond=0)
FLANNEL = "kube-system/kube-flannel-ds"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sample(seconds: float, size: int, node: str = "n1", **changes) -> Sample:
    given = {"workload": FLANNEL, "pod_uid": f"uid-{node}", "limit": 100}
    return Sample(at=at(seconds), node=node, working_set=size, **{**given, **changes})


async def keep(store, *samples, cluster="prod", kills=()):
    await store.samples.keep(cluster, samples, slot=SLOT, kills=kills)


async def series(store, *, cluster="prod", since=0.0, step=SLOT, workload=FLANNEL, node=""):
    return await store.samples.series(cluster, workload, since=at(since), step=step, node=node)


async def test_a_slot_keeps_the_newest_and_the_highest(store) -> None:
    await keep(store, sample(10, 20))
    await keep(store, sample(70, 90))
    await keep(store, sample(130, 30, limit=200))
    (found,) = await series(store)
    assert found.node == "n1"
    assert found.points == (Point(at(0), 30, 90),)
    assert (found.newest, found.newest_at) == (30, at(130))
    assert found.limits == ((at(0), 200),)
    assert found.peak == 90


async def test_what_arrives_late_or_twice_does_not_undo_what_is_newer(store) -> None:
    """Two replicas may take samples at once, in whatever order they are stored."""
    await keep(store, sample(130, 30, limit=200))
    for _ in range(2):
        await keep(store, sample(10, 20), sample(70, 90))
    (found,) = await series(store)
    assert (found.newest, found.peak, found.limits[-1][1]) == (30, 90, 200)


async def test_many_samples_of_one_container_in_one_call_are_one_row(store) -> None:
    await keep(store, *(sample(second, second) for second in range(299)))
    (found,) = await series(store)
    assert found.points == (Point(at(0), 298, 298),)


async def test_longer_steps_tell_the_mean_and_the_highest(store) -> None:
    await keep(store, *(sample(minute * 60, size) for minute, size in enumerate(range(10, 70, 2))))
    (found,) = await series(store, step=timedelta(minutes=15))
    assert [point.highest for point in found.points] == [38, 68]
    assert [point.at for point in found.points] == [at(0), at(900)]
    assert found.points[0].working_set in range(27, 30)
    assert found.newest == 68


async def test_series_are_by_node_and_a_changed_limit_is_told_with_its_moment(store) -> None:
    await keep(
        store,
        sample(0, 1, "n2", limit=None),
        sample(0, 5, limit=50),
        sample(600, 6, limit=50),
        sample(900, 7, limit=256, pod_uid="another"),
        sample(1200, 8, limit=256, pod_uid="another"),
    )
    one, two = await series(store)
    assert (one.node, two.node) == ("n1", "n2")
    assert one.limits == ((at(0), 50), (at(900), 256))
    assert two.limits == ((at(0), None),)
    assert [found.node for found in await series(store, node="n2")] == ["n2"]


async def test_other_clusters_workloads_and_times_are_left_out(store) -> None:
    await keep(store, sample(0, 1), sample(3600, 2))
    await keep(store, sample(3600, 9), cluster="other")
    await keep(store, sample(3600, 9, workload="kube-system/another"))
    (found,) = await series(store, since=3000)
    assert found.points == (Point(at(3600), 2, 2),)
    assert await series(store, cluster="nowhere") == []


async def test_kills_are_kept_once_and_told_in_order(store) -> None:
    kills = [Kill(at(60.4), "n2"), Kill(at(5), "n1")]
    await keep(store, kills=kills)
    await keep(store, sample(0, 1), kills=[Kill(at(60), "n2"), Kill(at(90), "n2")])
    assert await store.samples.kills("prod", since=at(0)) == [
        Kill(at(5), "n1"), Kill(at(60), "n2"), Kill(at(90), "n2"),
    ]  # fmt: skip
    assert await store.samples.kills("prod", since=at(61), node="n2") == [Kill(at(90), "n2")]
    assert await store.samples.kills("prod", since=at(0), node="n3") == []
    assert await store.samples.kills("other", since=at(0)) == []


async def test_what_is_old_is_forgotten_and_nothing_else(store) -> None:
    await keep(store, sample(0, 1), sample(3600, 2), kills=[Kill(at(0), "n1"), Kill(at(9999), "n")])
    await keep(store, sample(0, 1), cluster="other")
    await store.samples.prune("prod", before=at(3600))
    assert [p.highest for found in await series(store) for p in found.points] == [2]
    assert await store.samples.kills("prod", since=at(0)) == [Kill(at(9999), "n")]
    assert len(await series(store, cluster="other")) == 1


async def test_thousands_of_nodes_are_kept_at_once(store) -> None:
    await keep(store, *(sample(0, number, f"n{number:04}") for number in range(1200)))
    assert len(await series(store)) == 1200


@pytest.mark.parametrize("name", ["n'1", "<!channel>", "n\x00ul", "ünï"])
async def test_names_are_data(store, name: str) -> None:
    await keep(store, sample(0, 1, name))
    (found,) = await series(store)
    assert found.node == name.replace("\x00", "\ufffd")
