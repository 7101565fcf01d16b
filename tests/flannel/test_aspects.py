"""Point by point: every fault has its point, and what was not seen is not right."""

import pytest

from bot.flannel import aspects, study
from bot.flannel import fleet as fleets
from bot.flannel import lease as leases
from bot.flannel.aspects import Aspect, State
from bot.flannel.faults import Fault
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Kernel
from tests.checks import networks, worlds
from tests.flannel import looks

FLEET = fleets.gather(leases.read(worlds.nodes(3)))
POD = worlds.pod(node="n1")


def points(seen: Inspection | None, pod: object = POD) -> dict[Aspect, aspects.Point]:
    judged = None
    if seen is not None:
        judged = study.of(seen, worlds.node(seen.node), looks.flannel("--iface=eth1"), FLEET)
    found = aspects.of(seen, judged, pod, FLEET, "n1")  # type: ignore[arg-type]
    assert [one.aspect for one in found] == list(Aspect)
    return {one.aspect: one for one in found}


def wrong(found: dict[Aspect, aspects.Point]) -> set[Aspect]:
    return {aspect for aspect, one in found.items() if one.state is State.WRONG}


def test_every_fault_belongs_to_one_point() -> None:
    assert set(aspects.ASPECT) == set(Fault)


def test_a_right_node_is_right_in_every_point() -> None:
    found = points(networks.look("n1"))
    assert {one.state for one in found.values()} == {State.RIGHT}
    assert found[Aspect.ROUTES].text == "2 routes to peers"
    assert found[Aspect.NEIGHBOURS].text == "2 entries"
    assert found[Aspect.NIC].text == "eth1 10.0.0.2"
    assert found[Aspect.ANNOUNCED].text == "10.244.1.0/24 → 10.0.0.2"


@pytest.mark.parametrize(
    ("bend", "points_wrong"),
    [
        (networks.without_entries, {Aspect.ROUTES, Aspect.NEIGHBOURS}),
        (networks.with_stale, {Aspect.ROUTES}),
        (networks.without_env, {Aspect.SUBNET_ENV}),
        (networks.dropped("flannel.1"),
         {Aspect.DEVICE, Aspect.ROUTES, Aspect.NEIGHBOURS, Aspect.FORWARDING}),
        (networks.changed("eth1", flags=("BROADCAST",)), {Aspect.NIC}),
    ],
)  # fmt: skip
def test_a_fault_makes_its_points_wrong_and_no_other(
    bend: networks.Bend, points_wrong: set[Aspect]
) -> None:
    found = points(networks.look("n1", bend))
    assert wrong(found) == points_wrong
    assert all(found[aspect].cure for aspect in points_wrong)


def test_without_a_look_only_pod_and_announcement_are_known() -> None:
    found = points(None)
    seen = {aspect for aspect, one in found.items() if one.state is not State.UNSEEN}
    assert seen == {Aspect.POD, Aspect.ANNOUNCED}


def test_a_part_that_was_not_read_is_not_right() -> None:
    blind = Inspection("n1", worlds.NOW, Way.EXEC, Kernel())
    found = points(blind)
    assert not wrong(found)
    for aspect in (Aspect.DEVICE, Aspect.ROUTES, Aspect.NEIGHBOURS, Aspect.FORWARDING):
        assert found[aspect].state is State.UNSEEN, aspect
    assert found[Aspect.SUBNET_ENV].state is State.UNSEEN


def test_a_log_alone_shows_no_tables() -> None:
    found = points(looks.by_log("Using interface with name eth1 and address 10.0.0.2"))
    assert found[Aspect.ROUTES].state is State.UNSEEN
    assert found[Aspect.NIC].text.startswith("eth1")


def test_a_pod_that_waits_says_why() -> None:
    loops = worlds.container(state=worlds.waiting("CrashLoopBackOff"), restarts=1604)
    point = aspects.of_pod(worlds.pod("p", loops))
    assert point.state is State.WRONG
    assert point.text == "kube-system/p, not ready, CrashLoopBackOff, 1604 restarts"
    assert aspects.of_pod(None).state is State.WRONG


def test_a_backend_without_a_device_has_no_such_point() -> None:
    nodes = [worlds.node(f"n{one}", annotations=worlds.announces(
        f"n{one}", backend_type="host-gw", backend_data="null")) for one in (1, 2)]  # fmt: skip
    fleet = fleets.gather(leases.read(nodes))
    here = Kernel(links=networks.kernel("n1").links[:3], routes=(), routes6=())  # type: ignore[index]
    seen = Inspection("n1", worlds.NOW, Way.EXEC, here)
    judged = study.of(seen, nodes[0], looks.flannel("--iface=eth1"), fleet)
    found = {one.aspect: one.state for one in aspects.of(seen, judged, POD, fleet, "n1")}
    assert found[Aspect.DEVICE] is State.NONE
    assert found[Aspect.NEIGHBOURS] is State.NONE
    assert found[Aspect.ROUTES] is State.WRONG


def test_points_of_many_nodes_are_counted_and_the_wrong_named() -> None:
    right, bent = networks.look("n1"), networks.look("n1", networks.without_entries)
    tallies = {
        one.aspect: one
        for one in aspects.tally(
            {
                "a": list(points(right).values()),
                "b": list(points(bent).values()),
                "c": list(points(None).values()),
            }
        )
    }
    routes = tallies[Aspect.ROUTES]
    assert (routes.right, [name for name, _ in routes.wrong], routes.unseen) == (1, ["b"], ("c",))
    assert tallies[Aspect.POD].right == 3
