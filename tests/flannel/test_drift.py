"""Every way in which a node's network goes wrong is told apart from the others."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.finding import Severity
from bot.flannel import announced, drift, netconf
from bot.flannel import fleet as fleets
from bot.flannel.faults import FACTS, Fault
from bot.flannel.kernel import (
    Address,
    FdbEntry,
    Kernel,
    Link,
    Neighbour,
    Route,
    SubnetEnv,
    Tunnel,
    WireguardPeer,
)
from tests.flannel import kernels

PRIVATE = ("10.0.0.0/8",)
STORIES = {name: states for name, states in kernels.stories().items() if states}
FAULTY = {
    ("vxlan-04-flanneld-dead-while-a-node-goes", "node-0002"): Fault.ROUTE_STALE,
    ("vxlan-05-restart-leaves-stale", "node-0002"): Fault.ROUTE_STALE,
    ("vxlan-06-device-bounced", "node-0003"): Fault.DEVICE_BOUNCED,
    ("vxlan-08-mac-changed", "node-0001"): Fault.MAC_REWRITTEN,
    ("vxlan-09-wrong-nic", "node-0001"): Fault.WRONG_NIC,
    ("vxlan-11-lower-nic-down", "node-0002"): Fault.NIC_DOWN,
}


@pytest.mark.parametrize("as_text", [False, True], ids=["json", "text"])
@pytest.mark.parametrize("private", [PRIVATE, ()], ids=["configured", "by-most"])
@pytest.mark.parametrize(
    "state",
    [one for states in STORIES.values() for one in states],
    ids=lambda one: f"{one.story}-{one.node}",
)
def test_each_recorded_story_is_told_by_its_one_fault_and_the_others_by_none(
    state: kernels.State, private: tuple[str, ...], as_text: bool
) -> None:
    fleet = kernels.recorded_fleet(state.story)
    found = drift.judge(fleet, state.node, state.kernel(as_text=as_text), private=private)
    wanted = FAULTY.get((state.story, state.node))
    assert [one.fault for one in found.deviations] == ([wanted] if wanted else [])
    assert {one.fault for one in found.notes} <= {Fault.LEFTOVERS}
    assert found.unseen == ()
    assert found.direct == (True if state.story == "vxlan-12-direct-routing" else None)
    if wanted:
        assert found.deviations[0].cause
        assert found.deviations[0].cure


@pytest.mark.parametrize("state", STORIES["vxlan-12-direct-routing"], ids=lambda one: one.node)
def test_direct_routes_are_wrong_where_the_configuration_forbids_them(state: kernels.State) -> None:
    fleet = kernels.recorded_fleet(state.story, netconf.NetConf(direct_routing=False))
    found = drift.judge(fleet, state.node, state.kernel())
    assert [one.fault for one in found.deviations] == [Fault.ROUTE_WRONG]
    assert len(found.deviations[0].peers) == 2


def test_tunnelled_routes_are_wrong_where_the_configuration_wants_direct_ones() -> None:
    state = STORIES["vxlan-01-steady"][0]
    fleet = kernels.recorded_fleet(state.story, netconf.NetConf(direct_routing=True))
    found = drift.judge(fleet, state.node, state.kernel())
    assert [one.fault for one in found.deviations] == [Fault.ROUTE_WRONG]


def test_the_evidence_of_the_recorded_faults_names_what_is_wrong() -> None:
    told = {}
    for (story, node), fault in FAULTY.items():
        state = next(one for one in STORIES[story] if one.node == node)
        found = drift.judge(
            kernels.recorded_fleet(story), node, state.kernel(), private=PRIVATE
        ).deviations[0]
        told[fault] = " ".join([found.summary, *found.evidence])
    assert "10.244.10.0/24" in told[Fault.ROUTE_STALE]
    assert "4 of 4 peers" in told[Fault.DEVICE_BOUNCED]
    assert "4 neighbours gone" in told[Fault.MAC_REWRITTEN]
    assert "02:11:22:33:44:55" in told[Fault.MAC_REWRITTEN]
    assert "eth1 has 10.98.0.1" in told[Fault.WRONG_NIC]
    wrong = next(one for one in STORIES["vxlan-09-wrong-nic"] if one.node == "node-0001")
    fleet = kernels.recorded_fleet("vxlan-09-wrong-nic")
    (by_most,) = drift.judge(fleet, wrong.node, wrong.kernel()).deviations
    assert by_most.evidence[1:] == ("59.98.0.1 is on eth0", "eth1 has 10.98.0.1")
    assert "state DOWN" in told[Fault.NIC_DOWN]


EVERYONE = (1, 2, 3, 4, 5)


def gone(**parts: tuple[int, ...]) -> Callable[[Kernel], Kernel]:
    return lambda state: kernels.without(state, **parts)


def link(name: str, **changes: object) -> Callable[[Kernel], Kernel]:
    return lambda state: kernels.with_link(state, name, **changes)


def more(**parts: object) -> Callable[[Kernel], Kernel]:
    """Add entries to tables."""

    def add(state: Kernel) -> Kernel:
        return replace(
            state, **{name: (*getattr(state, name), value) for name, value in parts.items()}
        )  # type: ignore[arg-type]

    return add


def swapped(table: str, number: int, **changes: object) -> Callable[[Kernel], Kernel]:
    """Change one peer's entry of one table."""

    def swap(state: Kernel) -> Kernel:
        mine = {
            "routes": ("dst", kernels.subnet(number)),
            "neighbours": ("ip", kernels.subnet(number)[:-3]),
            "fdb": ("mac", kernels.mac(number)),
        }
        name, value = mine[table]
        return replace(
            state,
            **{
                table: tuple(
                    one._replace(**changes) if getattr(one, name) == value else one
                    for one in getattr(state, table)
                )
            },
        )  # type: ignore[arg-type]

    return swap


def env(**changes: object) -> Callable[[Kernel], Kernel]:
    return lambda state: replace(state, subnet=replace(state.subnet or SubnetEnv(), **changes))  # type: ignore[arg-type]


def moved(state: Kernel, ip: str) -> Kernel:
    addresses = (Address(ip, 24),) if ip else ()
    return kernels.with_link(state, "eth1", addresses=addresses)


TUNNEL = Tunnel(1, kernels.ip(0), "eth1", 8472, False)

CASES: list[tuple[str, Callable[[Kernel], Kernel], Fault]] = [
    ("device gone", gone(links=("flannel.1",)), Fault.DEVICE_MISSING),
    ("device off", link("flannel.1", flags=("BROADCAST",)), Fault.DEVICE_DOWN),
    ("device bounced", gone(routes=EVERYONE, neighbours=EVERYONE), Fault.DEVICE_BOUNCED),
    ("bounced, then a node came", gone(routes=EVERYONE[:4], neighbours=EVERYONE[:4]), Fault.DEVICE_BOUNCED),
    ("device made anew", gone(routes=EVERYONE, neighbours=EVERYONE, fdb=EVERYONE), Fault.DEVICE_RECREATED),
    ("routes flushed", gone(routes=EVERYONE), Fault.ROUTES_FLUSHED),
    ("neighbours flushed", gone(neighbours=EVERYONE), Fault.NEIGHBOURS_FLUSHED),
    ("entries flushed", gone(fdb=EVERYONE), Fault.FDB_FLUSHED),
    ("one route", gone(routes=(3,)), Fault.ROUTE_MISSING),
    ("one neighbour", gone(neighbours=(3,)), Fault.NEIGHBOUR_MISSING),
    ("one entry", gone(fdb=(3,)), Fault.FDB_MISSING),
    ("one peer wholly", gone(routes=(3,), neighbours=(3,), fdb=(3,)), Fault.PEER_NOT_SET_UP),
    ("one peer half", gone(routes=(3,), fdb=(3,)), Fault.PEER_NOT_SET_UP),
    ("late delete of a reused pod CIDR", gone(routes=(3,), neighbours=(3,)), Fault.PEER_REMOVED_LATE),
    ("failed neighbour", swapped("neighbours", 3, state="FAILED", mac=""), Fault.NEIGHBOUR_MISSING),
    ("old MAC of a peer", swapped("neighbours", 3, mac="02:ff:ff:ff:ff:ff"), Fault.NEIGHBOUR_WRONG),
    ("old address of a peer", swapped("fdb", 3, dst="192.168.7.200"), Fault.FDB_WRONG),
    ("route by another gateway", swapped("routes", 3, gateway="10.20.9.0"), Fault.ROUTE_WRONG),
    ("route by another NIC", swapped("routes", 3, dev="eth1"), Fault.ROUTE_WRONG),
    ("route without a link", swapped("routes", 3, flags=("linkdown", "onlink")), Fault.ROUTE_DEAD),
    ("stale route", more(routes=Route("10.20.77.0/24", "10.20.77.0", "flannel.1", ("onlink",))), Fault.ROUTE_STALE),
    ("stale plain route", more(routes=Route("10.20.77.0/24", "192.168.7.77", "eth1")), Fault.ROUTE_STALE),
    ("stale route on the own subnet", more(routes=Route(kernels.subnet(0), "10.20.0.0", "flannel.1", ("onlink",))), Fault.ROUTE_STALE_ON_OWN),
    ("stale route within the own subnet", more(routes=Route("10.20.0.128/25", "10.20.0.128", "flannel.1", ("onlink",))), Fault.ROUTE_STALE_ON_OWN),
    ("more exact route", more(routes=Route("10.20.3.128/25", dev="docker0")), Fault.ROUTE_SHADOWED),
    ("host route of a pod IP", more(routes=Route("10.20.3.9/32", dev="cali1234")), Fault.ROUTE_SHADOWED),
    ("leftover neighbour", more(neighbours=Neighbour("10.20.77.0", "flannel.1", "02:00:00:00:00:77", "PERMANENT")), Fault.LEFTOVERS),
    ("leftover entry", more(fdb=FdbEntry("02:00:00:00:00:77", "flannel.1", "192.168.7.78", "", "permanent", ("self",))), Fault.LEFTOVERS),
    ("NIC off", link("eth1", flags=("BROADCAST", "MULTICAST"), state="DOWN"), Fault.NIC_DOWN),
    ("cable out", link("eth1", flags=("NO-CARRIER", "BROADCAST", "UP"), state="DOWN"), Fault.NIC_NO_CARRIER),
    ("bound to the loopback", link("flannel.1", tunnel=replace(TUNNEL, lower="lo")), Fault.NIC_LOOPBACK),
    ("NIC gone, device still there", gone(links=("eth1",)), Fault.NIC_MISSING),
    ("DHCP lease over", lambda state: moved(state, ""), Fault.NIC_LOST_ADDRESS),
    ("DHCP gave another address", lambda state: moved(state, "192.168.7.180"), Fault.NIC_CHANGED_ADDRESS),
    ("MAC of the device", link("flannel.1", mac="02:ee:ee:ee:ee:ee"), Fault.MAC_DIFFERS),
    ("other VNI", link("flannel.1", tunnel=replace(TUNNEL, vni=5)), Fault.DEVICE_OTHER),
    ("address of an earlier pod CIDR", link("flannel.1", addresses=(Address("10.20.99.0", 32),)), Fault.DEVICE_ADDRESS),
    ("no address", link("flannel.1", addresses=()), Fault.DEVICE_ADDRESS),
    ("NIC's MTU lowered", link("eth1", mtu=1400), Fault.MTU_TOO_BIG),
    ("NIC's MTU raised", link("eth1", mtu=9000), Fault.MTU_SMALL),
    ("pods' MTU above the tunnel's", env(mtu=8950), Fault.MTU_TOO_BIG),
    ("pods of a bigger MTU", lambda state: replace(state, links=(*(state.links or ()), Link("veth1", 20, kernels.UP, 1500, master="cni0"))), Fault.MTU_OLD_PODS),
    ("subnet.env of an earlier start", env(subnet="10.20.99.1/24"), Fault.SUBNET_ENV_DIFFERS),
    ("no subnet.env", lambda state: replace(state, subnet=None, subnet_missing=True), Fault.SUBNET_ENV_MISSING),
    ("bridge of an earlier pod CIDR", link("cni0", addresses=(Address("10.20.99.1", 24),)), Fault.BRIDGE_DIFFERS),
]  # fmt: skip


def faults(found: drift.Judgement) -> list[Fault]:
    return [one.fault for one in (*found.deviations, *found.notes)]


def judged(state: Kernel, fleet: fleets.Fleet | None = None, **more: object) -> drift.Judgement:
    return drift.judge(fleet or kernels.gathered(), "node-0", state, **more)  # type: ignore[arg-type]


def test_a_host_as_flannel_leaves_it_has_no_fault_at_all() -> None:
    for backend in ("vxlan", "host-gw", "ipip", "wireguard", "udp"):
        found = judged(kernels.host(0, 6, backend), kernels.gathered(6, backend))
        assert (faults(found), found.unseen, found.missing) == ([], (), 0), backend
        assert found.nic == "eth1"
        assert found.right


@pytest.mark.parametrize(
    ("bend", "fault"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_fault_is_named_and_no_other(bend: Callable[[Kernel], Kernel], fault: Fault) -> None:
    found = judged(bend(kernels.host()))
    assert faults(found) == [fault]
    deviation = (*found.deviations, *found.notes)[0]
    assert deviation.node == "node-0"
    assert deviation.summary
    assert found.right == (FACTS[fault].severity is Severity.INFO)


def test_a_mac_rewritten_while_it_runs_is_told_from_one_that_never_fitted() -> None:
    other = kernels.with_link(kernels.host(), "flannel.1", mac="02:ee:ee:ee:ee:ee")
    assert faults(judged(other)) == [Fault.MAC_DIFFERS]
    assert faults(judged(kernels.without(other, neighbours=EVERYONE))) == [Fault.MAC_REWRITTEN]


def test_a_tunnel_bound_to_another_address_of_the_host_is_told() -> None:
    state = kernels.host()
    two = replace(
        state,
        links=(
            *(state.links or ()),
            Link("eth2", 4, kernels.UP, 1500, addresses=(Address("192.168.9.9", 24),)),
        ),
    )
    bound = kernels.with_link(
        two, "flannel.1", tunnel=Tunnel(1, "192.168.9.9", "eth2", 8472, False)
    )
    assert faults(judged(bound)) == [Fault.LOCAL_DIFFERS]
    # Announced is an address that is nowhere: a person may have asked for it (NAT).
    foreign = fleets.gather(
        [kernels.announced(0, public_ip="203.0.113.7"), *(kernels.announced(n) for n in EVERYONE)]
    )
    assert faults(judged(state, foreign)) == [Fault.PUBLIC_IP_FOREIGN]
    asked = fleets.gather(
        [
            kernels.announced(0, public_ip="203.0.113.7", public_ip_overwrite="203.0.113.7"),
            *(kernels.announced(n) for n in EVERYONE),
        ]
    )
    assert Fault.PUBLIC_IP_FOREIGN not in faults(judged(state, asked))


def test_another_port_than_configured_cuts_the_tunnel() -> None:
    def at(port: int, conf: netconf.NetConf) -> list[Fault]:
        tunnel = replace(TUNNEL, port=port)
        state = kernels.with_link(kernels.host(), "flannel.1", tunnel=tunnel)
        return faults(judged(state, kernels.gathered(conf=conf)))

    unset = netconf.NetConf(network="10.20.0.0/16", backend="vxlan", direct_routing=False)
    assert at(8472, unset) == []
    assert at(4789, unset) == [Fault.DEVICE_OTHER]
    assert at(4789, replace(unset, port=4789)) == []
    assert at(4789, replace(unset, backend="")) == []


def test_a_missing_device_says_whether_its_nic_is_missing_too() -> None:
    state = kernels.without(kernels.host(), links=("flannel.1", "eth1"))
    found = judged(state)
    assert faults(found) == [Fault.DEVICE_MISSING]
    assert any(kernels.ip(0) in text for text in found.deviations[0].evidence)


def test_without_direct_routes_the_lost_ones_are_told_as_such() -> None:
    fleet = kernels.gathered(conf=netconf.NetConf(network="10.20.0.0/16", direct_routing=True))
    state = kernels.host()
    plain = replace(
        state,
        routes=tuple(
            Route(one.dst, kernels.ip(int(one.dst.split(".")[2])), "eth1")
            if one.dev == "flannel.1"
            else one
            for one in state.routes or ()
        ),
    )
    assert faults(judged(plain, fleet)) == []
    assert faults(judged(kernels.without(plain, routes=EVERYONE), fleet)) == [
        Fault.DIRECT_ROUTE_LOST
    ]
    # What only the log tells is as good as the configuration.
    unknown = kernels.gathered(conf=netconf.NetConf(network="10.20.0.0/16"))
    lost = judged(kernels.without(plain, routes=EVERYONE), unknown, direct=True)
    assert (faults(lost), lost.direct) == ([Fault.DIRECT_ROUTE_LOST], True)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"flags": ("BROADCAST",)}, Fault.NIC_DOWN),
        ({"addresses": ()}, Fault.NIC_LOST_ADDRESS),
    ],
)
@pytest.mark.parametrize("linked", [True, False])
def test_plain_routes_that_went_with_their_nic_are_no_fault_of_their_own(
    changes: dict[str, object], fault: Fault, linked: bool
) -> None:
    fleet = kernels.gathered(conf=netconf.NetConf(network="10.20.0.0/16", direct_routing=True))
    state = kernels.without(kernels.host(), routes=EVERYONE, neighbours=EVERYONE, fdb=EVERYONE)
    lost = kernels.with_link(state, "eth1", **changes)
    if not linked:
        lost = replace(lost, routes=tuple(one for one in lost.routes or () if one.dev == "cni0"))
    assert faults(judged(lost, fleet)) == [fault]


def test_routes_marked_unusable_without_a_cable_are_told_by_the_cable() -> None:
    fleet, state = kernels.gathered(6, "host-gw"), kernels.host(0, 6, "host-gw")
    dead = replace(
        state, routes=tuple(one._replace(flags=("linkdown",)) for one in state.routes or ())
    )
    assert faults(judged(dead, fleet)) == [Fault.ROUTE_DEAD]
    out = kernels.with_link(dead, "eth1", flags=("NO-CARRIER", "BROADCAST", "UP"))
    assert faults(judged(out, fleet)) == [Fault.NIC_NO_CARRIER]


@pytest.mark.parametrize("backend", ["host-gw", "ipip"])
def test_backends_with_routes_alone_have_their_own_faults(backend: str) -> None:
    fleet, state = kernels.gathered(6, backend), kernels.host(0, 6, backend)
    assert faults(judged(kernels.without(state, routes=(3,)), fleet)) == [Fault.ROUTE_MISSING]
    assert faults(judged(kernels.without(state, routes=EVERYONE), fleet)) == [Fault.ROUTES_FLUSHED]
    assert faults(judged(swapped("routes", 3, gateway="192.168.7.200")(state), fleet)) == [
        Fault.ROUTE_WRONG
    ]
    stale = Route(
        "10.20.77.0/24", "192.168.7.77", "eth1" if backend == "host-gw" else "flannel.ipip"
    )
    assert faults(judged(more(routes=stale)(state), fleet)) == [Fault.ROUTE_STALE]


def test_host_gw_loses_its_routes_with_the_nic_and_says_only_that() -> None:
    fleet, state = kernels.gathered(6, "host-gw"), kernels.host(0, 6, "host-gw")
    down = kernels.with_link(kernels.without(state, routes=EVERYONE), "eth1", flags=("BROADCAST",))
    bare = replace(down, routes=tuple(one for one in down.routes or () if one.dev == "cni0"))
    assert faults(judged(bare, fleet)) == [Fault.NIC_DOWN]


def test_host_gw_peers_beyond_a_router_can_have_no_route() -> None:
    fleet = fleets.gather(
        [
            *(kernels.announced(n, "host-gw") for n in range(5)),
            kernels.announced(5, "host-gw", public_ip="172.31.0.9"),
        ]
    )
    found = judged(kernels.without(kernels.host(0, 6, "host-gw"), routes=(5,)), fleet)
    assert [(one.fault, one.peers) for one in found.deviations] == [
        (Fault.PEER_OFF_LINK, ("node-5",))
    ]


@pytest.mark.parametrize("backend", ["wireguard", "udp"])
def test_backends_with_one_route_miss_it_as_a_whole(backend: str) -> None:
    fleet, state = kernels.gathered(6, backend), kernels.host(0, 6, backend)
    assert faults(judged(kernels.without(state, links=()), fleet)) == []
    without = replace(
        state, routes=tuple(one for one in state.routes or () if one.dst != "10.20.0.0/16")
    )
    assert faults(judged(without, fleet)) == [Fault.NETWORK_ROUTE_MISSING]
    device = "flannel-wg" if backend == "wireguard" else "flannel0"
    assert faults(judged(kernels.without(state, links=(device,)), fleet)) == [Fault.DEVICE_MISSING]


def test_vxlan_before_0_9_needs_its_one_route_however_it_was_made() -> None:
    fleet, state = kernels.gathered(version="0.8.0"), kernels.host()
    state = kernels.without(state, routes=EVERYONE, neighbours=EVERYONE, fdb=EVERYONE)
    made = more(routes=Route("10.20.0.0/16", dev="flannel.1", protocol="kernel", scope="link"))(
        state
    )
    assert faults(judged(made, fleet)) == []
    assert faults(judged(state, fleet)) == [Fault.NETWORK_ROUTE_MISSING]


def test_wireguard_peers_are_missed_by_key_and_judged_by_their_networks() -> None:
    fleet, state = kernels.gathered(6, "wireguard"), kernels.host(0, 6, "wireguard")
    peers = state.wireguard or ()
    assert faults(judged(replace(state, wireguard=peers[1:]), fleet)) == [
        Fault.WIREGUARD_PEER_MISSING
    ]
    bent = (replace(peers[0], allowed=("10.20.99.0/24",)), *peers[1:])
    assert faults(judged(replace(state, wireguard=bent), fleet)) == [Fault.WIREGUARD_PEER_WRONG]
    # A peer may move by itself: its endpoint is no fault.
    roamed = (replace(peers[0], endpoint="1.2.3.4:9"), *peers[1:])
    assert faults(judged(replace(state, wireguard=roamed), fleet)) == []
    extra = WireguardPeer("flannel-wg", "x" * 43 + "=")
    assert faults(judged(replace(state, wireguard=(*peers, extra)), fleet)) == []


def test_a_full_neighbour_table_explains_peers_that_are_not_set_up() -> None:
    crowd = tuple(
        Neighbour(f"10.99.{n // 250}.{n % 250}", "eth1", "02:00:00:00:00:01", "STALE")
        for n in range(1020)
    )
    state = kernels.without(kernels.host(), routes=(3,), neighbours=(3,), fdb=(3,))
    full = replace(state, neighbours=(*(state.neighbours or ()), *crowd))
    assert faults(judged(full)) == [Fault.NEIGHBOUR_TABLE_FULL]


def test_dual_stack_is_judged_family_by_family() -> None:
    fleet = fleets.gather(
        [kernels.dual(n) for n in range(3)], conf=netconf.NetConf(direct_routing=False)
    )
    state = kernels.host(0, 3)
    six = Link(
        "flannel-v6.1",
        10,
        kernels.UP,
        1430,
        mac=kernels.mac(100),
        addresses=(Address("fd20:0:0:0::", 128), Address("fe80::1", 64, "link")),
        tunnel=Tunnel(1, "fd00:7::1", "eth1", 8472, False),
    )
    links = tuple(
        replace(one, addresses=(*one.addresses, Address("fd00:7::1", 64)))
        if one.name == "eth1"
        else one
        for one in state.links or ()
    )
    routes6 = [
        Route("fd20:0:0:0::/128", dev="flannel-v6.1", protocol="kernel", metric=256),
        Route("fe80::/64", dev="flannel-v6.1", metric=256),
        *(
            Route(f"fd20:0:0:{n}::/64", f"fd20:0:0:{n}::", "flannel-v6.1", ("onlink",), 1024)
            for n in (1, 2)
        ),
    ]
    neighbours = [
        Neighbour(f"fd20:0:0:{n}::", "flannel-v6.1", kernels.mac(100 + n), "PERMANENT")
        for n in (1, 2)
    ]
    fdb = [
        FdbEntry(
            kernels.mac(100 + n), "flannel-v6.1", f"fd00:7::{n + 1}", "", "permanent", ("self",)
        )
        for n in (1, 2)
    ]
    both = replace(
        state,
        links=(*links, replace(six, addresses=(Address("fd20::", 128), six.addresses[1]))),
        routes6=tuple(routes6),
        neighbours=(*(state.neighbours or ()), *neighbours),
        fdb=(*(state.fdb or ()), *fdb),
    )
    assert faults(judged(both, fleet)) == []
    down = kernels.with_link(both, "eth1", flags=("BROADCAST",))
    assert faults(judged(down, fleet)) == [Fault.NIC_DOWN]
    lost = replace(both, routes6=tuple(routes6[:-1]))
    assert faults(judged(lost, fleet)) == [Fault.ROUTE_MISSING]
    preferred = replace(both, routes6=(*routes6, Route("fd20:0:0:2::/64", dev="eth9", metric=512)))
    assert faults(judged(preferred, fleet)) == [Fault.ROUTE_SHADOWED]
    assert "not read: IPv6 routes" in judged(replace(both, routes6=None), fleet).unseen
    assert Fault.DEVICE_MISSING in faults(judged(replace(both, links=links), fleet))


@pytest.mark.parametrize("part", ["links", "routes", "neighbours", "fdb", "subnet"])
def test_what_was_not_read_is_said_and_never_taken_for_missing(part: str) -> None:
    found = judged(replace(kernels.host(), **{part: None}))  # type: ignore[arg-type]
    assert faults(found) == []
    assert found.unseen
    assert found.unseen[0].startswith("not read: ")


def test_without_forwarding_entries_a_late_delete_cannot_be_told_from_a_failed_setup() -> None:
    state = replace(kernels.without(kernels.host(), routes=(3,), neighbours=(3,)), fdb=None)
    assert faults(judged(state)) == [Fault.PEER_NOT_SET_UP]


def test_links_listed_without_addresses_or_details_accuse_nobody() -> None:
    state = kernels.host()
    bare = replace(
        state, links=tuple(replace(one, addresses=(), tunnel=None) for one in state.links or ())
    )
    assert faults(judged(bare)) == []
    assert bare.links is not None
    assert judged(bare).nic == ""


def test_lines_not_understood_and_unknown_backends_are_said() -> None:
    assert "1 line not understood" in judged(replace(kernels.host(), odd=("quux",))).unseen[0]
    wireguard = replace(kernels.host(0, 6, "wireguard"), wireguard=None)
    told = judged(wireguard, kernels.gathered(6, "wireguard"))
    assert (faults(told), told.unseen) == ([], ("not read: WireGuard's peers",))
    unset = kernels.gathered(6, "wireguard", conf=netconf.NetConf())
    bare = replace(kernels.host(0, 6, "wireguard"), routes=kernels.host().routes[:1])  # type: ignore[index]
    assert faults(judged(bare, unset)) == [Fault.NETWORK_ROUTE_MISSING]
    assert "not known here" in judged(kernels.host(), kernels.gathered(6, "ipsec")).unseen[0]
    assert "the cloud's" in judged(kernels.host(), kernels.gathered(6, "alloc")).unseen[0]
    assert drift.judge(kernels.gathered(), "nobody", kernels.host()).unseen


def test_new_peers_and_routes_of_nodes_just_gone_get_time_to_settle() -> None:
    state = kernels.without(kernels.host(), routes=(3,), neighbours=(3,), fdb=(3,))
    found = judged(state, settling=("node-3",))
    assert (faults(found), found.settling, found.missing) == ([], ("node-3",), 0)
    assert faults(judged(state, settling=("node-4",))) == [Fault.PEER_NOT_SET_UP]
    stale = more(routes=Route("10.20.77.0/24", "10.20.77.0", "flannel.1"))(kernels.host())
    departed = {"10.20.77.0/24": "node-77"}
    assert faults(judged(stale, departed=departed, settling=("node-77",))) == []
    assert faults(judged(stale, departed=departed)) == [Fault.ROUTE_STALE]


def test_a_stale_route_names_the_node_it_led_to_where_that_is_known() -> None:
    state = more(
        routes=Route("10.20.77.0/24", "10.20.77.0", "flannel.1", ("onlink",)),
        neighbours=Neighbour("10.20.77.0", "flannel.1", "02:00:00:00:00:77", "PERMANENT"),
    )(kernels.host())
    (found,) = judged(state, departed={"10.20.77.0/24": "node-77"}).deviations
    assert found.peers == ("node-77",)
    assert "node-77" in found.evidence[0]
    assert "02:00:00:00:00:77" in found.evidence[0]
    assert "restart of flannel does not" in found.cure


@pytest.mark.parametrize(
    "harmless",
    [
        Route("10.20.0.0/24", kind="blackhole"),
        Route("10.20.0.9/32", dev="veth12345678", scope="link"),
        Route("172.17.0.0/16", dev="docker0", protocol="kernel", scope="link"),
        Route("10.20.0.0/16", kind="blackhole"),
        Route("10.20.3.0/24", "1.2.3.4", "eth1", metric=50),
        Route("10.20.3.0/25", dev="eth1", table="100"),
        Route("10.20.0.1/32", dev="cni0", kind="local", table="local"),
        Route("10.64.0.0/16", "192.168.7.254", "eth1"),
        Route("10.20.0.0/32", dev="flannel.1"),
    ],
    ids=str,
)
def test_routes_that_belong_to_the_host_are_no_fault(harmless: Route) -> None:
    assert faults(judged(more(routes=harmless)(kernels.host()))) == []


@pytest.mark.parametrize("state", ["STALE", "REACHABLE", "NOARP", ""])
def test_a_neighbour_with_the_right_mac_does_its_work_in_any_living_state(state: str) -> None:
    assert faults(judged(swapped("neighbours", 3, state=state)(kernels.host()))) == []


def test_a_node_without_pods_has_no_bridge_route_and_that_is_right() -> None:
    state = kernels.without(kernels.host(), links=("cni0",))
    state = replace(state, routes=tuple(one for one in state.routes or () if one.dev != "cni0"))
    assert faults(judged(state)) == []
    down = replace(
        kernels.host(),
        routes=tuple(
            one._replace(flags=("linkdown",)) if one.dev == "cni0" else one
            for one in kernels.host().routes or ()
        ),
    )
    assert faults(judged(down)) == []


ANNOUNCED = [
    ("no pod CIDR", kernels.announced(0, cidrs=()), Fault.POD_CIDR_MISSING),
    ("outside the network", kernels.announced(0, cidrs=("10.99.0.0/24",)), Fault.POD_CIDR_OUTSIDE),
    ("same pod CIDR", kernels.announced(0, cidrs=(kernels.subnet(3),)), Fault.POD_CIDR_DUPLICATE),
    ("overlapping pod CIDR", kernels.announced(0, cidrs=("10.20.2.0/23",)), Fault.POD_CIDR_DUPLICATE),
    ("never announced", kernels.announced(0, kube_subnet_manager=""), Fault.NOT_ANNOUNCED),
    ("no address", kernels.announced(0, public_ip=""), Fault.ANNOTATION_BROKEN),
    ("no MAC", kernels.announced(0, backend_data="{}"), Fault.ANNOTATION_BROKEN),
    ("same address", kernels.announced(0, public_ip=kernels.ip(3)), Fault.PUBLIC_IP_DUPLICATE),
    ("same MAC", kernels.announced(0, backend_data='{"VtepMAC":"02:aa:00:00:00:03"}'), Fault.VTEP_MAC_DUPLICATE),
    ("public address", kernels.announced(0, public_ip="59.1.2.3"), Fault.WRONG_NIC),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lease", "fault"), [case[1:] for case in ANNOUNCED], ids=[case[0] for case in ANNOUNCED]
)
def test_what_a_node_announces_is_judged_without_its_kernel(lease, fault: Fault) -> None:  # type: ignore[no-untyped-def]
    fleet = fleets.gather(
        [lease, *(kernels.announced(n) for n in EVERYONE)],
        conf=netconf.NetConf(network="10.20.0.0/16"),
    )
    found = announced.of_node(fleet, "node-0")
    assert [one.fault for one in found] == [fault]
    twins = announced.of_fleet(fleet)
    both = fault in (Fault.POD_CIDR_DUPLICATE, Fault.PUBLIC_IP_DUPLICATE, Fault.VTEP_MAC_DUPLICATE)
    assert len(twins) >= (2 if both else 1)
    assert found[0].evidence or fault is not Fault.ANNOTATION_BROKEN


def test_where_most_nodes_announce_public_addresses_one_more_is_no_fault() -> None:
    fleet = fleets.gather([kernels.announced(n, public_ip=f"59.1.2.{n}") for n in range(4)])
    assert announced.of_fleet(fleet) == ()
    assert len(announced.of_fleet(fleet, private=PRIVATE)) == 4


def test_mixed_backends_are_one_fault_of_the_fleet() -> None:
    story = kernels.recorded_fleet("host-gw-01-steady")
    (found,) = announced.of_fleet(story)
    assert (found.fault, found.node, found.peers) == (
        Fault.BACKENDS_MIXED,
        "",
        ("node-0000", "node-0004"),
    )


@pytest.mark.parametrize("links", [True, False])
def test_a_node_of_another_backend_is_told_so_and_not_that_it_lost_its_device(links: bool) -> None:
    """It announces what its flannel was started with; its kernel may be that of before."""
    fleet = fleets.gather(
        [*(kernels.announced(n) for n in range(1, 4)), kernels.announced(0, backend="ipip")]
    )
    here = kernels.host(0, 4) if links else replace(kernels.host(0, 4), links=None)
    found = drift.judge(fleet, "node-0", here)
    assert faults(found) == [Fault.BACKENDS_MIXED]
    assert found.deviations[0].summary == "it announces backend ipip, most nodes announce vxlan"
    assert Fault.BACKENDS_MIXED not in faults(drift.judge(fleet, "node-1", here))


def test_a_route_to_the_subnet_of_a_node_that_announces_nothing_usable_is_not_stale() -> None:
    """The node is there: what is wrong is told of it, and nobody has to remove a route."""
    three = [kernels.announced(n) for n in range(3)]
    for silent in (kernels.announced(3, backend="ipip"), kernels.announced(3, public_ip="ten")):
        fleet = fleets.gather([*three, silent])
        assert faults(drift.judge(fleet, "node-1", kernels.host(1, 4))) == []


def test_several_faults_come_worst_first() -> None:
    state = more(routes=Route("10.20.77.0/24", "10.20.77.0", "flannel.1"))(
        kernels.without(kernels.host(), routes=(3,))
    )
    assert faults(judged(state)) == [Fault.ROUTE_MISSING, Fault.ROUTE_STALE]


def test_every_fault_has_a_cause_and_a_cure_in_whole_sentences() -> None:
    assert set(FACTS) == set(Fault)
    for fact in FACTS.values():
        assert fact.cause.endswith(".")
        assert fact.cure.endswith(".")


def test_a_review_holds_one_kernel_at_a_time() -> None:
    alive = []

    def kernels_one_by_one():  # type: ignore[no-untyped-def]
        for number in range(6):
            alive.append(number)
            yield f"node-{number}", kernels.host(number)

    found = drift.review(kernels.gathered(), kernels_one_by_one())
    assert next(found).node == "node-0"
    assert alive == [0]
    assert [one.right for one in found] == [True] * 5


PARTS = st.sets(st.integers(1, 11), max_size=11)


@given(PARTS, PARTS, PARTS)
def test_whatever_is_taken_away_is_accounted_for_exactly(
    routes: set[int], neighbours: set[int], fdb: set[int]
) -> None:
    state = kernels.without(
        kernels.host(0, 12), routes=tuple(routes), neighbours=tuple(neighbours), fdb=tuple(fdb)
    )
    found = judged(state, kernels.gathered(12))
    assert found.missing == len(routes) + len(neighbours) + len(fdb)
    assert found.expected == 33
    assert {peer for one in found.deviations for peer in one.peers} == {
        f"node-{n}" for n in routes | neighbours | fdb
    }
    assert found.right == (not routes | neighbours | fdb)
    assert not found.notes


@given(st.permutations(range(1, 6)), st.booleans())
def test_order_and_form_of_a_table_do_not_matter(order: list[int], reverse: bool) -> None:
    state = kernels.without(kernels.host(), routes=(order[0],), fdb=(order[1],))
    turned = replace(
        state, routes=(state.routes or ())[:: -1 if reverse else 1], fdb=(state.fdb or ())[::-1]
    )
    assert judged(turned) == judged(state)
