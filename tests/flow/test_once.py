"""One look at every node, for a pass without memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.flannel.inspection import Way
from bot.flow import desk, once
from tests.flow import test_inspect as inspecting
from tests.flow.test_inspect import Cluster, inspector

pytestmark = pytest.mark.looptime

FORBIDDEN = "not allowed to create exec in kube-flannel/f (403)"


async def look(cluster: Cluster, **options: object) -> once.Sight:
    looks = inspector(cluster, **options)
    sight = await once.look(
        looks, served(cluster), within=timedelta(seconds=60), now=inspecting.NOW
    )
    await looks.close()
    return sight


def served(cluster: Cluster):  # type: ignore[no-untyped-def]
    taken = cluster.snapshot()
    (place, daemonset) = next(iter(taken.daemonsets.items()))
    return replace(taken, daemonsets={place: replace(daemonset, desired=len(cluster.names))})


async def test_every_node_is_looked_at_and_flannels_configuration_is_read() -> None:
    sight = await look(Cluster())
    assert {one.way for one in sight.seen.inspections.values()} == {Way.EXEC}
    assert set(sight.seen.inspections) == {"node-1", "node-2", "node-3"}
    assert set(sight.seen.net_confs) == {"kube-flannel"}
    assert (sight.seen.unseen, sight.gaps, sight.notes) == ({}, (), ())


async def test_a_node_that_hangs_is_unseen_and_the_others_are_not() -> None:
    sight = await look(Cluster(hanging={"node-2"}), within=timedelta(seconds=5))
    assert set(sight.seen.inspections) == {"node-1", "node-3"}
    assert "did not answer within 5 s" in sight.seen.unseen["node-2"].why
    assert sight.gaps == ()


async def test_nodes_whose_turn_does_not_come_in_time_are_told() -> None:
    cluster = Cluster(names=[f"node-{number}" for number in range(9)])
    sight = await look(cluster, a_minute=4)
    assert len(sight.seen.inspections) == 4
    assert len(sight.seen.unseen) == 5
    assert {one.why for one in sight.seen.unseen.values()} == {"its turn did not come within 1 min"}


async def test_a_right_that_is_missing_everywhere_is_one_gap_and_not_a_trouble_of_each_node() -> (
    None
):
    cluster = Cluster(failing=dict.fromkeys(Cluster().names, FORBIDDEN), log=inspecting.LISTED)
    sight = await look(cluster)
    assert sight.seen.unseen == {}
    assert [gap.reason for gap in sight.gaps] == [FORBIDDEN]
    assert "node_routes" in sight.notes[0]
    cluster.failing.pop("node-1")
    sight = await look(cluster)
    assert set(sight.seen.unseen) == {"node-2", "node-3"}
    assert sight.gaps == ()


def test_the_notes_name_every_check_that_needs_looks() -> None:
    (note,) = once.without("nobody looked")
    for name in ("nic_at_restart", "node_device", "node_routes", "subnet_env", "node_unseen"):
        assert name in note
    assert desk.Seen().inspections == {}
