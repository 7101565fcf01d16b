"""What flannel should have put into a node's kernel."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flannel import desired, lease, netconf, versions
from bot.flannel import fleet as fleets
from bot.flannel.kernel import FdbEntry, Neighbour, Route
from tests.flannel import kernels

STORIES = {name: states for name, states in kernels.stories().items() if states}


def of_node(state: kernels.State, **more: object) -> desired.Expected:
    kernel = state.kernel()
    found = desired.of(
        kernels.recorded_fleet(state.story),
        state.node,
        routes=kernel.routes,
        nic="eth1",
        network="10.240.0.0/12",
        **more,  # type: ignore[arg-type]
    )
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    "state",
    [
        state
        for name in (
            "vxlan-01-steady",
            "vxlan-02-node-deleted",
            "vxlan-03-node-added",
            "vxlan-07-restart-repairs",
            "vxlan-09-wrong-nic",
            "vxlan-10-nic-repaired",
            "host-gw-01-steady",
        )
        for state in STORIES[name]
    ],
    ids=lambda one: f"{one.story}-{one.node}",
)
def test_what_is_expected_of_a_recorded_host_is_exactly_what_flannel_set_up(
    state: kernels.State,
) -> None:
    kernel = state.kernel()
    expected = of_node(state, direct=False)
    own = [one for one in kernel.routes or () if not one.protocol and one.dst != "0.0.0.0/0"]
    assert expected.routes == frozenset(own)
    assert expected.neighbours == frozenset(
        one for one in kernel.neighbours or () if one.dev == "flannel.1"
    )
    assert expected.fdb <= frozenset(kernel.fdb or ())


@pytest.mark.parametrize("state", STORIES["vxlan-12-direct-routing"], ids=lambda one: one.node)
def test_with_direct_routing_peers_on_the_link_get_plain_routes_and_nothing_else(
    state: kernels.State,
) -> None:
    kernel = state.kernel()
    expected = of_node(state, direct=True)
    own = [one for one in kernel.routes or () if not one.protocol and one.dst != "0.0.0.0/0"]
    assert expected.routes == frozenset(own)
    assert expected.neighbours == frozenset(
        one for one in kernel.neighbours or () if one.dev == "flannel.1"
    )
    assert expected.fdb == frozenset(one for one in kernel.fdb or () if one.dst)
    assert len(expected.direct) == 3


@pytest.mark.parametrize("backend", ["vxlan", "host-gw", "ipip", "wireguard", "udp"])
def test_a_made_up_host_of_each_backend_holds_what_is_expected(backend: str) -> None:
    kernel = kernels.host(2, 6, backend)
    (expected,) = desired.of(
        kernels.gathered(6, backend), "node-2", routes=kernel.routes, nic="eth1"
    )
    assert expected.routes <= frozenset(kernel.routes or ())
    assert len(expected.routes) == (1 if backend in ("wireguard", "udp") else 5)
    assert len(expected.neighbours) == len(expected.fdb) == (5 if backend == "vxlan" else 0)
    assert (expected.device is None) == (backend == "host-gw")


def test_alloc_leaves_everything_to_the_cloud() -> None:
    fleet = kernels.gathered(3, "alloc")
    (expected,) = desired.of(fleet, "node-0", nic="eth1")
    assert (expected.routes, expected.neighbours, expected.fdb, expected.device) == (
        frozenset(),
    ) * 3 + (None,)


def test_vxlan_before_0_9_has_one_route_for_the_whole_network() -> None:
    (since,) = desired.of(kernels.gathered(4, version="0.9.0"), "node-1")
    assert len(since.routes) == 3
    (expected,) = desired.of(kernels.gathered(4, version="0.8.0"), "node-1")
    assert expected.routes == {Route("10.20.0.0/16", dev="flannel.1")}
    assert not expected.neighbours
    assert not expected.fdb
    assert expected.device is not None


def test_ipip_keeps_onlink_where_it_routes_directly() -> None:
    kernel = kernels.host(0, 3, "ipip")
    fleet = kernels.gathered(3, "ipip")
    (plain,) = desired.of(fleet, "node-0", routes=kernel.routes, nic="eth1", direct=False)
    (direct,) = desired.of(fleet, "node-0", routes=kernel.routes, nic="eth1", direct=True)
    assert {one.dev for one in plain.routes} == {"flannel.ipip"}
    assert direct.routes == {
        Route(kernels.subnet(n), kernels.ip(n), "eth1", ("onlink",)) for n in (1, 2)
    }


@pytest.mark.parametrize("backend", ["vxlan", "host-gw"])
def test_dual_stack_expects_both_families_each_with_its_own_entries(backend: str) -> None:
    fleet = fleets.gather(
        [kernels.dual(n, backend) for n in range(3)], conf=netconf.NetConf(direct_routing=False)
    )
    four, six = desired.of(fleet, "node-0", nic="eth1")
    assert (four.version, six.version) == (4, 6)
    if backend == "host-gw":
        assert six.routes == {
            Route(f"fd20:0:0:{n}::/64", f"fd00:7::{n + 1}", "eth1", (), 1024) for n in (1, 2)
        }
        return
    assert six.routes == {
        Route(f"fd20:0:0:{n}::/64", f"fd20:0:0:{n}::", "flannel-v6.1", ("onlink",), 1024)
        for n in (1, 2)
    }
    assert (
        Neighbour("fd20:0:0:2::", "flannel-v6.1", kernels.mac(102), "PERMANENT") in six.neighbours
    )
    assert (
        FdbEntry(kernels.mac(102), "flannel-v6.1", "fd00:7::3", "", "permanent", ("self",))
        in six.fdb
    )
    assert six.device is not None
    assert six.device.overheads == (50, 70)
    assert {one.dev for one in four.routes} == {"flannel.1"}


def test_one_route_for_the_network_of_each_family_where_only_the_node_tells_it() -> None:
    fleet = fleets.gather([kernels.dual(n, "wireguard") for n in range(2)])
    four, six = desired.of(fleet, "node-0", network="10.20.0.0/16", network6="fd20::/48")
    assert four.routes == {Route("10.20.0.0/16", dev="flannel-wg", scope="link")}
    assert six.routes == {Route("fd20::/48", dev="flannel-wg-v6", scope="link")}
    bare, _ = desired.of(fleet, "node-0")
    assert bare.routes == frozenset()


def test_ipv6_alone_is_a_family_like_any_other() -> None:
    only = [
        lease.of(
            f"node-{n}",
            (f"fd20:0:0:{n}::/64",),
            kernels.annotations(
                n,
                public_ip="",
                public_ipv6=f"fd00:7::{n + 1}",
                backend_v6_data=f'{{"VNI":1,"VtepMAC":"{kernels.mac(n)}"}}',
            ),
        )
        for n in range(2)
    ]
    found = desired.of(fleets.gather(only), "node-0")
    assert [one.version for one in found] == [6]


def test_nodes_without_annotations_of_other_backends_or_without_a_mac_are_not_expected() -> None:
    fleet = fleets.gather(
        [
            kernels.announced(0),
            kernels.announced(1),
            kernels.announced(2, "host-gw"),
            kernels.announced(3, backend_data="null"),
            kernels.announced(4, kube_subnet_manager=""),
            kernels.announced(5, public_ip="nonsense"),
        ]
    )
    (expected,) = desired.of(fleet, "node-0")
    assert {one.dst for one in expected.routes} == {kernels.subnet(1)}
    assert desired.of(fleet, "node-4") == ()
    assert desired.of(fleet, "node-9") == ()


def test_of_two_nodes_with_one_pod_cidr_neither_is_demanded() -> None:
    leases = [
        kernels.announced(0),
        kernels.announced(1),
        kernels.announced(2, cidrs=(kernels.subnet(1),)),
    ]
    fleet = fleets.gather(leases)
    (third,) = desired.of(fleet, "node-0")
    assert third.routes == frozenset()
    # Each of the two takes the other's lease for its own.
    (one,) = desired.of(fleet, "node-1")
    assert {route.dst for route in one.routes} == {kernels.subnet(0)}
    assert fleet.overlaps == {"node-1": ("node-2",), "node-2": ("node-1",)}


def test_host_gw_serves_only_peers_on_its_link() -> None:
    fleet = fleets.gather(
        [kernels.announced(n, "host-gw") for n in range(3)]
        + [kernels.announced(3, "host-gw", public_ip="172.31.0.9")]
    )
    (expected,) = desired.of(
        fleet, "node-0", routes=kernels.host(0, 3, "host-gw").routes, nic="eth1"
    )
    assert {one.gateway for one in expected.routes} == {kernels.ip(1), kernels.ip(2)}
    assert expected.unreachable == ("node-3",)


def test_a_more_exact_route_by_a_gateway_takes_a_peer_off_the_link() -> None:
    fleet = kernels.gathered(4)
    table = (
        Route(f"{kernels.ip(3)}/32", kind="blackhole"),
        *(kernels.host(0, 4).routes or ()),
        Route(f"{kernels.ip(2)}/32", "192.168.7.99", "eth1"),
    )
    (expected,) = desired.of(fleet, "node-0", routes=table, nic="eth1", direct=True)
    assert set(expected.direct) == {"node-0", "node-1", "node-3"}
    assert Route(kernels.subnet(2), "10.20.2.0", "flannel.1", ("onlink",)) in expected.routes


@given(
    st.integers(2, 30),
    st.data(),
)
def test_each_node_expects_all_others_and_never_itself(count: int, data: st.DataObject) -> None:
    fleet = kernels.gathered(count)
    number = data.draw(st.integers(0, count - 1))
    (expected,) = desired.of(fleet, f"node-{number}")
    others = {kernels.subnet(n) for n in range(count)} - {kernels.subnet(number)}
    assert {one.dst for one in expected.routes} == others
    assert {fleet.peers("vxlan", 4).by_mac[one.mac] for one in expected.fdb} == {
        f"node-{n}" for n in range(count) if n != number
    }


@given(
    st.lists(st.tuples(st.ip_addresses(v=4), st.integers(8, 32), st.booleans()), max_size=8),
    st.integers(2, 12),
)
def test_who_is_on_the_link_is_what_a_lookup_one_by_one_says(
    table: list[tuple[ipaddress.IPv4Address, int, bool]], count: int
) -> None:
    from bot.flannel import kernel

    routes = {
        Route("0.0.0.0/0", "192.168.7.254", "eth1").dst: Route("0.0.0.0/0", "192.168.7.254", "eth1")
    }
    for address, length, direct in [*table, (ipaddress.ip_address("192.168.7.0"), 29, True)]:
        prefix = str(ipaddress.ip_network(f"{address}/{length}", strict=False))
        routes.setdefault(prefix, Route(prefix, "" if direct else "9.9.9.9", "eth1"))
    fleet = kernels.gathered(count)
    found = tuple(routes.values())
    (expected,) = desired.of(fleet, "node-0", routes=found, nic="eth1", direct=True)
    for number in range(count):
        route = kernel.lookup(found, kernels.ip(number))
        assert (f"node-{number}" in expected.direct) == (route is not None and not route.gateway)


@pytest.mark.parametrize(
    ("text", "conf"),
    [
        (
            '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}',
            netconf.NetConf("10.244.0.0/16", backend="vxlan", vni=1, direct_routing=False),
        ),
        (
            '{"Network":"10.244.0.0/16"}',
            netconf.NetConf("10.244.0.0/16", backend="udp", direct_routing=False),
        ),
        (
            '{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd20::/48","EnableNFTables":true,"Backend":{"Type":"vxlan","VNI":7,"Port":4789,"MTU":9000,"DirectRouting":true}}',
            netconf.NetConf(
                "10.244.0.0/16", "fd20::/48", "vxlan", 7, 4789, 9000, True, ipv6=True, nftables=True
            ),
        ),
    ],
)
def test_net_conf_is_read_as_flannel_reads_it(text: str, conf: netconf.NetConf) -> None:
    assert netconf.parse(text) == conf


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"EnableIPv6":true,"Network":"10.0.0.0/8"}',
        '{"Backend":{"Type":"vxlan"}}',
        "[" * 99_999,
    ],
)
def test_a_broken_net_conf_says_so(text: str) -> None:
    assert netconf.parse(text).problems


def test_the_tunnels_number_is_taken_from_the_configuration_or_the_most_announced() -> None:
    leases = [
        kernels.announced(n, backend_data=f'{{"VNI":42,"VtepMAC":"{kernels.mac(n)}"}}')
        for n in range(3)
    ]
    assert fleets.gather(leases).device("vxlan", 4) == "flannel.42"
    assert fleets.gather(leases, conf=netconf.NetConf(vni=7)).device("vxlan", 6) == "flannel-v6.7"
    assert fleets.gather([]).device("vxlan", 4) == "flannel.1"
    assert fleets.gather([], version=versions.Version(0, 8, 0)).by_misses


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"public_ip": "10.0.0.300"}, "public-ip"),
        ({"backend_data": "{"}, "no JSON"),
        ({"backend_data": '"text"'}, "no JSON"),
        ({"backend_data": "{}"}, "VtepMAC"),
    ],
)
def test_broken_annotations_are_told_by_name(changes: dict[str, str], problem: str) -> None:
    found = kernels.announced(1, **changes)
    assert any(problem in text for text in found.problems)


def test_a_prefix_of_ones_own_is_read_and_others_are_not() -> None:
    held = {
        key.replace(kernels.PREFIX, "net.example/x-"): value
        for key, value in kernels.annotations(1).items()
    }
    assert lease.of("n", (kernels.subnet(1),), held, prefix="net.example/x-").usable
    assert not lease.of("n", (kernels.subnet(1),), held).usable
    assert not lease.of("n", ("nonsense",), held, prefix="net.example/x-").usable
