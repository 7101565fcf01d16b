"""What each NIC is, in flannel's order, with pods' NICs counted."""

from dataclasses import replace

from bot.flannel import roles
from bot.flannel.kernel import Address, Kernel, Link, Route
from bot.flannel.roles import Role, State
from tests.flannel import kernels, looks


def one(found: roles.Nics, name: str) -> roles.Nic:
    return next(nic for nic in found.shown if nic.name == name)


def test_a_storys_host_is_sorted_out() -> None:
    found = roles.of(looks.HEALTHY, used="eth1", device="flannel.1")
    assert [nic.name for nic in found.shown] == ["eth0", "eth1", "flannel.1"]
    assert one(found, "eth0").roles == (Role.DEFAULT_ROUTE,)
    assert one(found, "eth1").roles == (Role.FLANNEL,)
    assert one(found, "flannel.1").roles == (Role.DEVICE,)
    assert one(found, "eth1").ips == (looks.PRIVATE,)
    assert one(found, "eth1").mtu == 1500
    assert found.pods == 1
    assert found.read


def test_nics_stand_in_the_order_of_the_dump() -> None:
    turned = replace(looks.HEALTHY, links=tuple(reversed(looks.HEALTHY.links or ())))
    found = roles.of(turned, used="eth1", device="flannel.1")
    assert [nic.name for nic in found.shown] == ["flannel.1", "eth1", "eth0"]


def test_a_bond_and_its_slaves_are_told_apart() -> None:
    slave = ("BROADCAST", "MULTICAST", "SLAVE", "UP", "LOWER_UP")
    here = Kernel(
        links=(
            Link("eth1", 3, slave, 1500, master="bond1"),
            Link("eth2", 4, slave, 1500, master="bond1"),
            Link("bond1", 5, looks.UP, 1500, kind="bond", addresses=(Address("10.0.0.1", 24),)),
        )
    )
    found = roles.of(here, used="bond1")
    assert one(found, "bond1").roles == (Role.FLANNEL, Role.BOND)
    assert one(found, "eth1").roles == (Role.SLAVE,)
    assert one(found, "eth1").master == "bond1"


def test_a_pods_nic_is_shown_where_flannel_sits_on_it() -> None:
    found = roles.of(looks.HEALTHY, used="veth17f90f70")
    assert one(found, "veth17f90f70").roles == (Role.FLANNEL,)
    assert found.pods == 0


def test_states_tell_a_cable_from_a_switch_and_both_from_not_knowing() -> None:
    here = Kernel(
        links=(
            Link("a", 1, ("UP", "LOWER_UP"), addresses=(Address("10.0.0.1", 24),)),
            Link("b", 2, ("NO-CARRIER", "UP"), addresses=(Address("10.0.0.2", 24),)),
            Link("c", 3, ("BROADCAST",), addresses=(Address("10.0.0.3", 24),)),
            Link("d", 4, addresses=(Address("10.0.0.4", 24),)),
        )
    )
    states = [nic.state for nic in roles.of(here).shown]
    assert states == [State.UP, State.NO_LINK, State.DOWN, State.UNKNOWN]


def test_idle_nics_are_named_only_unless_a_pattern_hits_them() -> None:
    here = Kernel(links=(Link("eno3", 2, looks.UP), Link("eth10", 3, looks.UP)))
    found = roles.of(here, named={"eth10"})
    assert found.idle == ("eno3",)
    assert [nic.name for nic in found.shown] == ["eth10"]


def test_ipv6_is_told_where_there_is_no_ipv4_and_never_the_link_local() -> None:
    six = (Address("fe80::1", 64, "link"), Address("fd00::1", 64))
    here = Kernel(
        links=(
            Link("a", 1, looks.UP, addresses=six),
            Link("b", 2, looks.UP, addresses=(Address("10.0.0.1", 24), *six)),
            Link("c", 3, looks.UP, addresses=six[:1]),
        )
    )
    found = roles.of(here)
    assert [nic.ips for nic in found.shown] == [("fd00::1",), ("10.0.0.1",)]
    assert found.idle == ("c",)


def test_a_default_route_of_several_ways_marks_each() -> None:
    many = Route("0.0.0.0/0", hops=(("10.0.0.254", "a"), ("10.0.1.254", "b")))
    here = Kernel(
        links=(Link("a", 1, looks.UP), Link("b", 2, looks.UP), Link("c", 3, looks.UP)),
        routes=(many,),
    )
    assert [nic.name for nic in roles.of(here).shown] == ["a", "b"]


def test_not_reading_the_nics_is_not_having_none() -> None:
    assert not roles.of(Kernel()).read
    assert roles.of(Kernel(links=())).read


def test_every_recorded_host_has_one_device_and_its_bridge_where_it_had_pods() -> None:
    for story, states in kernels.stories().items():
        for state in states:
            here = state.kernel()
            found = roles.of(here)
            named = {nic.name for nic in found.shown} | set(found.idle)
            links = {one.name for one in here.links or ()} - {"lo"}
            pods = {name for name in links if name.startswith("veth")}
            assert named >= links - pods, story
            devices = [nic for nic in found.shown if Role.DEVICE in nic.roles]
            assert len(devices) == len([name for name in links if name.startswith("flannel")])
