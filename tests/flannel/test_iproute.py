"""Answers of ip and bridge, in JSON and in the text of programs that know none."""

import functools
import json
import time
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.flannel import iproute, iptext, kernel, procfs
from bot.flannel.kernel import Address, FdbEntry, Link, Neighbour, Route, Tunnel
from tests.flannel import kernels

STATES = [state for states in kernels.stories().values() for state in states]
PODS = kernels.story("pods-01-veth-of-a-pod")
TEXTS = {"ip route": iproute.routes, "ip neigh": iproute.neighbours, "bridge fdb": iproute.fdb}


def bare(link: Link) -> Link:
    return replace(link, addresses=(), kind="", tunnel=None)


@pytest.mark.parametrize("state", STATES, ids=lambda one: f"{one.story}-{one.node}")
def test_json_and_text_of_a_recorded_host_are_equal_and_wholly_understood(
    state: kernels.State,
) -> None:
    for command, read in TEXTS.items():
        by_json = read(state.json(command.replace(" ", " -j ", 1)))
        by_text = read(state.text(command))
        assert by_json.entries
        assert by_json == by_text
        assert not by_json.odd
    links = [
        iproute.links(text)
        for text in (
            state.json("ip -j addr"),
            state.json("ip -d -j link"),
            state.text("ip -o link"),
        )
    ]
    assert not any(one.odd for one in links)
    assert [bare(one) for one in links[0].entries] == [bare(one) for one in links[1].entries]
    assert [bare(one) for one in links[0].entries] == list(links[2].entries)


@pytest.mark.parametrize("state", STATES, ids=lambda one: f"{one.story}-{one.node}")
def test_the_files_under_proc_name_the_same_routes(state: kernels.State) -> None:
    found, odd = procfs.routes(state.text("cat /proc/net/route"))
    assert not odd
    assert [(one.dst, one.gateway, one.dev) for one in found] == [
        (one.dst, one.gateway, one.dev) for one in iproute.routes(state.json("ip -j route")).entries
    ]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_host_with_pods_reads_alike_in_both_forms(when: str) -> None:
    held = PODS[when]
    assert isinstance(held, dict)
    for command, read in list(TEXTS.items())[1:]:
        by_json = read(json.dumps(held[command.replace(" ", " -j ", 1)]))
        assert by_json == read("\n".join(held[command]))
        assert not by_json.odd
    links = iproute.links("\n".join(held["ip -o link"])).entries
    assert [bare(one) for one in iproute.links(json.dumps(held["ip -j addr"])).entries] == list(
        links
    )
    assert {one.name for one in links if one.master == "cni0"} == {
        pod["host_veth"]
        for pod in PODS["pods"]  # type: ignore[attr-defined]
    }


def test_a_pod_is_found_behind_its_port_once_something_has_spoken_to_it() -> None:
    def at(when: str) -> list[str]:
        held = PODS[when]
        assert isinstance(held, dict)
        state = kernel.Kernel(
            neighbours=iproute.neighbours("\n".join(held["ip neigh"])).entries,
            fdb=iproute.fdb("\n".join(held["bridge fdb"])).entries,
        )
        return [kernel.port_of(state, pod["ip"]) for pod in PODS["pods"]]  # type: ignore[attr-defined]

    names = [pod["host_veth"] for pod in PODS["pods"]]  # type: ignore[attr-defined]
    assert at("before") == ["", "", ""]
    assert at("after") == [names[0], names[1], ""]


IP_ADDR = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
3: eth0@if14: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master bond0 state UP group default qlen 1000
    link/ether 32:9a:c8:87:4b:50 brd ff:ff:ff:ff:ff:ff
    altname enp3s0
    inet 59.0.0.1/24 brd 59.0.0.255 scope global eth0
       valid_lft forever preferred_lft forever
    inet 10.1.1.1 peer 10.1.1.2/32 scope global eth0
       valid_lft forever preferred_lft forever
    inet 10.0.9.9/24 scope global secondary dynamic eth0:1
       valid_lft 500sec preferred_lft 300sec
    inet6 fd00::1/64 scope global tentative deprecated
       valid_lft forever preferred_lft 0sec
5: veth1@NONE: <NO-CARRIER,BROADCAST,UP,M-DOWN> mtu 1450 qdisc noop state LOWERLAYERDOWN qlen 1000
    link/ether 92:8d:fd:13:6f:2d brd ff:ff:ff:ff:ff:ff
6: flannel0: <NO-CARRIER,POINTOPOINT,MULTICAST,NOARP,UP> mtu 1472 qdisc pfifo_fast state DOWN
    link/none
"""


def test_addresses_flags_and_decorations_of_text_are_read() -> None:
    found = iproute.links(IP_ADDR)
    assert not found.odd
    lo, eth0, veth, tun = found.entries
    assert lo.addresses == (Address("127.0.0.1", 8, "host", "lo"),)
    assert (eth0.name, eth0.parent_index, eth0.master) == ("eth0", 14, "bond0")
    assert eth0.addresses == (
        Address("59.0.0.1", 24, "global", "eth0"),
        Address("10.1.1.1", 32, "global", "eth0"),
        Address("10.0.9.9", 24, "global", "eth0:1", ("dynamic", "secondary")),
        Address("fd00::1", 64, "global", "", ("deprecated", "tentative")),
    )
    assert (eth0.up, eth0.carrier) == (True, True)
    assert (veth.parent, veth.parent_index, veth.up, veth.carrier) == ("", 0, True, False)
    assert (tun.medium, tun.mac) == ("none", "")


def test_addresses_read_alike_in_json_and_two_readings_join_field_by_field() -> None:
    item = {
        "ifindex": 3, "link_index": 14, "ifname": "eth0", "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], "mtu": 1500,
        "master": "bond0", "operstate": "UP", "link_type": "ether", "address": "32:9A:c8:87:4b:50",
        "addr_info": [
            {"family": "inet", "local": "59.0.0.1", "prefixlen": 24, "scope": "global", "label": "eth0"},
            {"family": "inet", "local": "10.1.1.1", "address": "10.1.1.2", "prefixlen": 32, "scope": "global", "label": "eth0"},
            {"family": "inet", "local": "10.0.9.9", "prefixlen": 24, "scope": "global", "secondary": True, "dynamic": True, "label": "eth0:1"},
            {"family": "inet6", "local": "fd00::1", "prefixlen": 64, "scope": "global", "tentative": True, "deprecated": True},
            {}, "odd", {"local": "nonsense"},
        ],
    }  # fmt: skip
    (by_json,) = iproute.links(json.dumps([item])).entries
    by_text = iproute.links(IP_ADDR).entries[1]
    assert by_json == by_text
    assert kernel.merged([Link("eth0")], [by_json]) == (by_json,)
    details = replace(bare(by_json), kind="veth", tunnel=Tunnel(1))
    assert kernel.merged([by_json], [details]) == (replace(by_json, kind="veth", tunnel=Tunnel(1)),)
    assert kernel.merged([by_json], [Link("eth0", 9, ("X",), 9, "X", "x", "x")]) == (by_json,)
    state = kernel.Kernel(links=(Link("lo"), by_json))
    assert state.link("eth0") is by_json
    assert state.link("eth") is None
    assert state.holder("10.0.9.9") is by_json
    assert state.holder("10.0.9.8") is None


def test_the_oneline_form_of_addresses_has_no_line_for_the_nic_itself() -> None:
    text = (
        "3: eth1    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth1\\       valid_lft forever\n"
        "3: eth1    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever\n"
        "4: flannel.1    inet 10.244.1.0/32 scope global flannel.1\\       valid_lft forever\n"
    )
    found = iproute.links(text)
    assert not found.odd
    assert [(one.index, one.name, [str(a) for a in one.addresses]) for one in found.entries] == [
        (3, "eth1", ["10.0.0.5/24", "fe80::1/64"]),
        (4, "flannel.1", ["10.244.1.0/32"]),
    ]
    merged = kernel.merged(iproute.links("3: eth1: <UP> mtu 1500 state UP").entries, found.entries)
    assert merged[0].mtu == 1500
    assert merged[0].ips() == ("10.0.0.5",)
    assert merged[1].name == "flannel.1"


@pytest.mark.parametrize(
    ("line", "tunnel"),
    [
        (
            "vxlan id 1 local 10.98.0.1 dev eth1 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300",
            Tunnel(1, "10.98.0.1", "eth1", 8472, False),
        ),
        (
            "vxlan id 7 local fd00::1 dev eth0 srcport 0 0 dstport 4789 ageing 300 udpcsum",
            Tunnel(7, "fd00::1", "eth0", 4789, True),
        ),
        (
            "ipip remote any local 10.98.0.1 ttl inherit pmtudisc",
            Tunnel(0, "10.98.0.1", "", 0, None),
        ),
    ],
)
@pytest.mark.parametrize("joint", ["\n", "\\"])
def test_what_a_tunnel_is_bound_to_is_read_from_the_details(
    line: str, tunnel: Tunnel, joint: str
) -> None:
    head = "6: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT"
    mac = "    link/ether 36:e8:11:b4:42:b5 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535 "
    found = iproute.links(joint.join([head, mac, f"    {line} addrgenmode eui64"]))
    assert not found.odd
    assert found.entries[0].tunnel == tunnel
    assert found.entries[0].kind == line.split(maxsplit=1)[0]


ROUTES = """\
default via 59.0.0.254 dev eth0 proto dhcp src 59.0.0.1 metric 100
10.1.1.2 dev eth1 proto kernel scope link src 10.1.1.1
10.75.0.0/16 dev eth0 scope link mtu lock 1400 advmss 1300
10.76.0.0/16 via inet6 fd00::9 dev eth0
10.77.0.0/16 via 59.0.0.253 dev eth0 metric 200
10.88.0.0/16
\tnexthop via 59.0.0.254 dev eth0 weight 1
\tnexthop via 10.0.0.254 dev eth1 weight 2 dead linkdown
unreachable 10.99.0.0/16
blackhole 10.244.0.0/20
10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 linkdown
10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
local 10.244.1.1 dev cni0 table local proto kernel scope host src 10.244.1.1
unicast 10.244.3.0/24 via 10.0.0.3 dev eth1 proto boot scope global
"""
ROUTES_JSON = [
    {"dst": "default", "gateway": "59.0.0.254", "dev": "eth0", "protocol": "dhcp", "prefsrc": "59.0.0.1", "metric": 100, "flags": []},
    {"dst": "10.1.1.2", "dev": "eth1", "protocol": "kernel", "scope": "link", "prefsrc": "10.1.1.1", "flags": []},
    {"dst": "10.75.0.0/16", "dev": "eth0", "scope": "link", "flags": [], "metrics": [{"mtu": 1400, "advmss": 1300}]},
    {"dst": "10.76.0.0/16", "via": {"family": "inet6", "host": "fd00::9"}, "dev": "eth0", "flags": []},
    {"dst": "10.77.0.0/16", "gateway": "59.0.0.253", "dev": "eth0", "metric": 200, "flags": []},
    {"dst": "10.88.0.0/16", "flags": [], "nexthops": [
        {"gateway": "59.0.0.254", "dev": "eth0", "weight": 1, "flags": []},
        {"gateway": "10.0.0.254", "dev": "eth1", "weight": 2, "flags": ["dead", "linkdown"]}]},
    {"type": "unreachable", "dst": "10.99.0.0/16", "flags": []},
    {"type": "blackhole", "dst": "10.244.0.0/20", "flags": []},
    {"dst": "10.244.1.0/24", "dev": "cni0", "protocol": "kernel", "scope": "link", "prefsrc": "10.244.1.1", "flags": ["linkdown"]},
    {"dst": "10.244.2.0/24", "gateway": "10.244.2.0", "dev": "flannel.1", "flags": ["onlink"]},
    {"type": "local", "dst": "10.244.1.1", "dev": "cni0", "table": "local", "protocol": "kernel", "scope": "host", "prefsrc": "10.244.1.1", "flags": []},
    {"type": "unicast", "dst": "10.244.3.0/24", "gateway": "10.0.0.3", "dev": "eth1", "protocol": "boot", "scope": "global", "flags": []},
]  # fmt: skip


def test_every_kind_of_route_reads_alike_in_all_three_forms() -> None:
    plain = iproute.routes(ROUTES)
    assert not plain.odd
    assert plain == iproute.routes(json.dumps(ROUTES_JSON))
    assert plain == iproute.routes(ROUTES.replace("\n\tnexthop", " \\\tnexthop"))
    by_dst = {one.dst: one for one in plain.entries}
    assert by_dst["0.0.0.0/0"].metric == 100
    assert by_dst["10.1.1.2/32"].dev == "eth1"
    assert by_dst["10.88.0.0/16"].hops == (("59.0.0.254", "eth0"), ("10.0.0.254", "eth1"))
    assert by_dst["10.244.0.0/20"].kind == "blackhole"
    assert by_dst["10.244.1.0/24"].flags == ("linkdown",)
    assert by_dst["10.244.3.0/24"] == Route("10.244.3.0/24", "10.0.0.3", "eth1")


def test_a_filtered_listing_gets_its_device_from_the_filter() -> None:
    route = Route("10.244.2.0/24", "10.244.2.0", "flannel.1", ("onlink",))
    entry = FdbEntry("aa:bb:cc:dd:ee:01", "flannel.1", "10.98.0.2", "", "permanent", ("self",))
    neighbour = Neighbour("10.244.2.0", "flannel.1", "aa:bb:cc:dd:ee:01", "PERMANENT")
    for text in (
        "10.244.2.0/24 via 10.244.2.0 onlink ",
        '[{"dst":"10.244.2.0/24","gateway":"10.244.2.0","flags":["onlink"]}]',
    ):
        assert iproute.routes(text, dev="flannel.1").entries == (route,)
    for text in (
        "aa:bb:cc:dd:ee:01 dst 10.98.0.2 self permanent",
        '[{"mac":"aa:bb:cc:dd:ee:01","dst":"10.98.0.2","flags":["self"],"state":"permanent"}]',
    ):
        assert iproute.fdb(text, dev="flannel.1").entries == (entry,)
    for text in (
        "10.244.2.0 lladdr aa:bb:cc:dd:ee:01 PERMANENT",
        '[{"dst":"10.244.2.0","lladdr":"aa:bb:cc:dd:ee:01","state":["PERMANENT"]}]',
    ):
        assert iproute.neighbours(text, dev="flannel.1").entries == (neighbour,)
    assert iproute.routes("blackhole 10.244.1.0/24", dev="flannel.1").entries[0].dev == ""


def test_the_text_of_busybox_reads_like_that_of_iproute2() -> None:
    assert iproute.routes("10.98.0.0/24 dev eth1 scope link  src 10.98.0.1 ").entries == (
        Route("10.98.0.0/24", dev="eth1", scope="link", source="10.98.0.1"),
    )
    # A multipath default has neither gateway nor device there.
    assert iproute.routes("default ").entries == (Route("0.0.0.0/0"),)
    assert iproute.neighbours(
        "10.244.2.0 dev flannel.1 lladdr 6a:1c:0e:fb:ae:50 used 0/0/0 probes 0 PERMANENT\n"
        "10.98.0.9 dev eth1 ref 1 used 9/8/7 probes 3 FAILED\n"
        "10.98.0.8 dev eth1  INCOMPLETE\n"
    ).entries == (
        Neighbour("10.244.2.0", "flannel.1", "6a:1c:0e:fb:ae:50", "PERMANENT"),
        Neighbour("10.98.0.9", "eth1", "", "FAILED"),
        Neighbour("10.98.0.8", "eth1", "", "INCOMPLETE"),
    )
    link = "4: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN \n    link/ether 7a:5f:26:ea:40:39 brd ff:ff:ff:ff:ff:ff\n    inet 10.244.20.0/32 scope global flannel.1\n       valid_lft forever preferred_lft forever\n"
    found = iproute.links(link)
    assert not found.odd
    assert found.entries[0].mtu == 1450
    assert found.entries[0].tunnel is None


def test_ipv6_routes_have_their_own_default_and_length() -> None:
    text = (
        "fd10:244:1:: dev flannel-v6.1 proto kernel metric 256 pref medium\n"
        "fd10:244:2::/64 via fd10:244:2:: dev flannel-v6.1 metric 1024 onlink pref medium\n"
        "default via fe80::1 dev eth0 proto ra metric 1024 expires 1797sec hoplimit 64 pref high\n"
    )
    found = iproute.routes(text, version=6)
    assert not found.odd
    assert [one.dst for one in found.entries] == ["fd10:244:1::/128", "fd10:244:2::/64", "::/0"]
    assert found.entries[1] == Route(
        "fd10:244:2::/64", "fd10:244:2::", "flannel-v6.1", ("onlink",), 1024
    )


def test_forwarding_entries_of_older_json_and_with_more_words_are_read() -> None:
    old = '[{"mac":"AA:bb:cc:dd:ee:01","dev":"flannel.1","dst":"10.98.0.2","flags":["self"],"state":"permanent"}]'
    assert iproute.fdb(old).entries[0].dev == "flannel.1"
    found = iproute.fdb(
        "02:42:ac:11:00:02 dev veth1 vlan 1 master cni0 permanent\n"
        "00:00:00:00:00:00 dev vx dst 10.9.0.7 port 4789 vni 2 via eth0 self permanent\n"
        "02:42:ac:11:00:03 dev veth1 master cni0 extern_learn offload stale\n"
    )
    assert not found.odd
    assert [one.master for one in found.entries] == ["cni0", "", "cni0"]
    assert found.entries[2].state == "stale"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (iproute.routes, 'Option "-j" is unknown, try "ip -help".'),
        (iproute.routes, "10.0.0.0/24 via 10.0.0.1 dev eth0 quux"),
        (iproute.routes, "not-an-address via 10.0.0.1"),
        (iproute.routes, "10.0.0.0/24 metric ² dev eth0"),
        (iproute.neighbours, "nonsense dev eth0 lladdr aa:bb:cc:dd:ee:ff PERMANENT"),
        (iproute.neighbours, "10.0.0.1 dev eth0 lladdr zz STALE"),
        (iproute.fdb, "no-mac dev eth0 self permanent"),
        (iproute.fdb, "aa:bb:cc:dd:ee:ff dev eth0 self brandnew permanent"),
        (iproute.links, "sh: ip: not found"),
        (iproute.routes, '[{"dst":"10.0.0.0/24","dev":"eth'),
        (iproute.links, '[{"ifindex": 3}]'),
        (iproute.neighbours, '["word"]'),
    ],
)
def test_what_is_not_understood_is_reported(read, text: str) -> None:  # type: ignore[no-untyped-def]
    assert read(text).odd


def test_an_unknown_word_does_not_lose_the_route() -> None:
    found = iproute.routes("10.0.0.0/24 via 10.0.0.1 dev eth0 quux")
    assert found.entries == (Route("10.0.0.0/24", "10.0.0.1", "eth0"),)


@pytest.mark.parametrize("text", ["", "\n", "[]", "[ ]", "[{},{}]"])
def test_nothing_is_an_answer_too(text: str) -> None:
    for read in (iproute.links, iproute.routes, iproute.neighbours, iproute.fdb):
        assert read(text) == iproute.Reading()


def test_subnet_env_of_both_families_is_read_and_oddities_named() -> None:
    env, odd = iproute.subnet_env(
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_IPV6_NETWORK=fd20::/48\n"
        "FLANNEL_IPV6_SUBNET=fd20:0:0:3::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n\nX=1\ncat: no\n"
    )
    assert env == kernel.SubnetEnv(
        "10.244.0.0/16", "10.244.3.1/24", 1450, False, "fd20::/48", "fd20:0:0:3::1/64"
    )
    assert odd == ("X=1", "cat: no")
    assert iproute.subnet_env("FLANNEL_MTU=big\n") == (kernel.SubnetEnv(), ("FLANNEL_MTU=big",))


def test_wireguard_peers_are_joined_by_their_key() -> None:
    key = "k" * 43 + "="
    other = "m" * 43 + "="
    found = iproute.wireguard(
        f"{key}\t10.20.1.0/24 fd20::/64\n{other}\t(none)\nUnable to access interface: No such device\n{'k' * 44}\tx\n",
        f"{key}\t192.168.7.2:51820\n{other}\t(none)\n",
    )
    assert found.entries == (
        kernel.WireguardPeer("flannel-wg", key, "192.168.7.2:51820", ("10.20.1.0/24", "fd20::/64")),
        kernel.WireguardPeer("flannel-wg", other, "", ()),
    )
    assert len(found.odd) == 2


def test_the_arp_file_tells_permanent_complete_and_incomplete_apart() -> None:
    text = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.244.2.0       0x1         0x6         56:65:CF:1e:01:88     *        flannel.1\n"
        "10.98.0.254      0x1         0x2         16:fe:02:0b:e2:0f     *        eth1\n"
        "10.98.0.9        0x1         0x0         00:00:00:00:00:00     *        eth1\n"
        "what\n"
    )
    found, odd = procfs.neighbours(text)
    assert found == [
        Neighbour("10.244.2.0", "flannel.1", "56:65:cf:1e:01:88", "PERMANENT"),
        Neighbour("10.98.0.254", "eth1", "16:fe:02:0b:e2:0f", "REACHABLE"),
        Neighbour("10.98.0.9", "eth1", "", "INCOMPLETE"),
    ]
    assert odd == ["what"]


def test_a_rejecting_route_under_proc_is_no_way_out() -> None:
    found, odd = procfs.routes(
        "*\t0000620A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth0\tzz\n"
    )
    assert found == [Route("10.98.0.0/24", kind="unreachable")]
    assert len(odd) == 1
    assert procfs.routes("eth1\t0A620000\t00000000\t0001\t0\t0\t0\tFFFFFF00\t0", big_endian=True)[
        0
    ] == [Route("10.98.0.0/24", dev="eth1")]


WORDS = st.sampled_from(
    [
        "default",
        "via",
        "dev",
        "proto",
        "scope",
        "src",
        "metric",
        "table",
        "onlink",
        "nexthop",
        "10.0.0.0/24",
        "10.0.0.1",
        "fd00::1",
        "eth0",
        "flannel.1",
        "blackhole",
        "lladdr",
        "aa:bb:cc:dd:ee:ff",
        "PERMANENT",
        "dst",
        "self",
        "master",
        "permanent",
        "inet",
        "inet6",
        "link/ether",
        "mtu",
        "1500",
        "<UP,LOWER_UP>",
        "3:",
        "eth0@if3:",
        "vxlan",
        "id",
        "local",
        "²",
        "99999999999999999999",
        "\\",
        "\t",
        "[",
        "]",
        "{",
        "}",
        "null",
        "-1",
        "/",
        ":",
        "@",
    ]
)
JUNK = st.one_of(
    st.text(max_size=200),
    st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=6).map("\n".join),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "dst",
                        "dev",
                        "gateway",
                        "flags",
                        "ifname",
                        "addr_info",
                        "local",
                        "mac",
                        "nexthops",
                        "via",
                        "linkinfo",
                        "info_data",
                        "metric",
                        "state",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps([value])),
)


@given(JUNK)
@example("[" * 100_000)
@example('[{"metric": ' + "9" * 5000 + "}]")
@example("3: eth0: <UP> mtu ²")
@example("10.0.0.0/²")
def test_no_answer_whatever_makes_a_parser_fail(text: str) -> None:
    for read in (iproute.links, iproute.routes, iproute.neighbours, iproute.fdb):
        found = read(text)
        assert isinstance(found.entries, tuple)
    iproute.routes(text, version=6, dev="x")
    iproute.subnet_env(text)
    iproute.wireguard(text, text)
    procfs.routes(text)
    procfs.neighbours(text)


PREFIXES = st.builds(
    lambda a, b, n: f"10.{a}.{b}.0/{n}",
    st.integers(0, 255),
    st.integers(0, 255),
    st.sampled_from([24, 25, 26]),
)
ROUTE = st.builds(
    Route,
    dst=PREFIXES,
    gateway=st.sampled_from(["", "10.0.0.1", "192.168.7.9"]),
    dev=st.sampled_from(["eth0", "flannel.1", "if3"]),
    flags=st.sets(st.sampled_from(["onlink", "linkdown", "dead"])).map(lambda s: tuple(sorted(s))),
    metric=st.integers(0, 4_294_967_295),
    protocol=st.sampled_from(["", "kernel", "dhcp", "static"]),
    scope=st.sampled_from(["", "link"]),
    source=st.sampled_from(["", "10.0.0.5"]),
    kind=st.just("unicast"),
    table=st.just(""),
    hops=st.just(()),
)


@given(st.lists(ROUTE, max_size=6))
def test_a_table_written_as_text_and_as_json_reads_back_as_it_was(table: list[Route]) -> None:
    def text(one: Route) -> str:
        pairs = [
            ("via", one.gateway),
            ("dev", one.dev),
            ("proto", one.protocol),
            ("scope", one.scope),
            ("src", one.source),
            ("metric", one.metric),
        ]
        return " ".join(
            [one.dst, *(f"{name} {value}" for name, value in pairs if value), *one.flags]
        )

    def item(one: Route) -> dict[str, object]:
        held = {
            "dst": one.dst,
            "gateway": one.gateway,
            "dev": one.dev,
            "protocol": one.protocol,
            "scope": one.scope,
            "prefsrc": one.source,
            "metric": one.metric,
        }
        return {name: value for name, value in held.items() if value} | {"flags": list(one.flags)}

    assert iproute.routes("\n".join(map(text, table))) == iproute.Reading(tuple(table))
    assert iproute.routes(json.dumps([item(one) for one in table])) == iproute.Reading(tuple(table))


def test_lookup_takes_the_longest_prefix_then_the_lowest_metric_and_no_dead_one() -> None:
    table = iproute.routes(ROUTES).entries
    assert kernel.lookup(table, "10.244.2.1") == Route(
        "10.244.2.0/24", "10.244.2.0", "flannel.1", ("onlink",)
    )
    assert kernel.lookup(table, "8.8.8.8").gateway == "59.0.0.254"  # type: ignore[union-attr]
    assert kernel.lookup(table, "fd00::1") is None
    assert kernel.lookup(table, "nonsense") is None
    two = (
        Route("10.0.0.0/8", dev="a", metric=9),
        Route("10.0.0.0/8", dev="b"),
        Route("10.0.0.0/24", dev="c", flags=("dead",)),
    )
    assert kernel.lookup(two, "10.0.0.7").dev == "b"  # type: ignore[union-attr]


def test_values_are_shown_as_ip_would_show_them() -> None:
    assert (
        str(Route("10.20.1.0/24", "10.20.1.0", "flannel.1", ("onlink",)))
        == "10.20.1.0/24 via 10.20.1.0 dev flannel.1 onlink"
    )
    assert (
        str(Route("0.0.0.0/0", hops=(("1.1.1.1", "a"), ("2.2.2.2", "b"))))
        == "default nexthop via 1.1.1.1 dev a nexthop via 2.2.2.2 dev b"
    )
    assert str(Neighbour("10.0.0.1", "eth0", "", "FAILED")) == "10.0.0.1 dev eth0 FAILED"
    assert (
        str(FdbEntry("aa:bb:cc:dd:ee:ff", "flannel.1", "10.0.0.2", "", "permanent", ("self",)))
        == "aa:bb:cc:dd:ee:ff dev flannel.1 dst 10.0.0.2 self permanent"
    )


LONG_LINES = {
    iproute.routes: "default via 10.0.0.1 dev eth0 ",
    iproute.fdb: "aa:bb:cc:dd:ee:ff dev flannel.1 ",
    iproute.neighbours: "10.0.0.1 dev eth0 ",
    iproute.links: "1: eth0: <UP> mtu 1500 ",
}


@pytest.mark.parametrize("read", LONG_LINES, ids=lambda read: read.__name__)
def test_a_line_of_very_many_words_costs_in_proportion_to_them(read) -> None:  # type: ignore[no-untyped-def]
    def cost(words: int) -> float:
        text = LONG_LINES[read] + "x " * words
        spent = []
        for _ in range(3):
            begun = time.thread_time()  # of this thread alone; what else runs does not count
            read(text)
            spent.append(time.thread_time() - begun)
        return min(spent)

    assert cost(80_000) < 60 * cost(4_000), "twenty times the words, not four hundred the work"


def test_a_nic_that_is_told_twice_is_as_it_was_told_last() -> None:
    twice = "1: eth0: <UP>\n    inet 10.0.0.1/24\n1: eth0: <UP>\n    inet 10.0.0.2/24\n"
    (link,) = iproute.links(twice).entries
    assert [one.ip for one in link.addresses] == ["10.0.0.2"]


def test_a_nic_of_very_many_addresses_is_made_once_and_not_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    def counted(link: Link, **changes: object) -> Link:
        made.append(link)
        return replace(link, **changes)  # type: ignore[arg-type]

    monkeypatch.setattr(iptext, "replace", counted)
    text = "5: kube-ipvs0: <BROADCAST,NOARP> mtu 1500\n" + "".join(
        f"    inet 10.96.{number // 250}.{number % 250}/32 scope global kube-ipvs0\n"
        for number in range(1_000)
    )
    (link,) = iproute.links(text).entries
    assert len(set(link.addresses)) == 1_000
    assert len(made) <= 2


WORDS = st.sampled_from(
    [
        "default",
        "10.244.1.0/24",
        "10.0.0.1",
        "fd00::1",
        "eth0",
        "02:00:00:00:00:01",
        "},{",
        "",
        "[{",
    ]
)
ITEMS = st.dictionaries(
    st.sampled_from(
        ["dst", "gateway", "dev", "mac", "ifname", "lladdr", "state", "flags", "via", "nexthops"]
    ),
    WORDS | st.lists(WORDS, max_size=2) | st.lists(st.dictionaries(
        st.sampled_from(["gateway", "dev", "host"]), WORDS, max_size=2), max_size=2)
    | st.dictionaries(st.just("host"), WORDS, max_size=1) | st.integers(0, 9),
    max_size=4,
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(ITEMS, max_size=4), st.sampled_from(["", "eth7"]))
def test_what_is_remembered_of_other_answers_changes_none(
    items: list[dict[str, object]], dev: str
) -> None:
    """Written as `ip` writes it items are told apart and remembered; with spaces they are not."""
    close, wide = json.dumps(items, separators=(",", ":")), json.dumps(items)
    for read in (
        functools.partial(iproute.routes, dev=dev),
        functools.partial(iproute.routes, dev=dev, version=6),
        functools.partial(iproute.neighbours, dev=dev),
        functools.partial(iproute.fdb, dev=dev),
    ):
        assert read(close) == read(wide)


def test_what_two_hosts_hold_alike_is_read_once() -> None:
    one = iproute.routes('[{"dst":"10.244.9.0/24","dev":"cni0"},{"dst":"10.77.0.0/16"}]').entries
    other = iproute.routes('[{"dst":"10.77.0.0/16"}]').entries
    assert one[1] is other[0]
