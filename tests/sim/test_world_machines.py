"""The machines: who there is, in which order a kernel lists their links, what flannel finds."""

import collections
import ipaddress
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.cluster import fleet, hosts, names, selection

UNANCHORED = selection.Flags(iface_regex=("eth1|bond1",))
ANCHORED = selection.Flags(iface_regex=("^(?:eth1|bond1)$",))


def chosen(host: hosts.Host, flags: selection.Flags) -> selection.Outcome:
    return selection.choose(
        version=(0, 12, 0), flags=flags, links=host.dump(), routes=host.routes()
    )


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_the_same_seed_gives_the_same_machines_link_by_link(seed: int) -> None:
    first = fleet.build(nodes=40, seed=seed)
    assert first == fleet.build(nodes=40, seed=seed)
    assert first != fleet.build(nodes=40, seed=seed + 1)


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 6, 20, 120, 251, 1000])
def test_every_machine_has_its_own_name_addresses_and_pod_network(nodes: int) -> None:
    machines = fleet.build(nodes=nodes, seed=3)
    assert len(machines) == nodes
    assert len({one.name for one in machines}) == nodes
    assert len({one.private_ip for one in machines}) == nodes
    blocks = [ipaddress.IPv4Network(one.pod_cidr) for one in machines]
    assert len(set(blocks)) == nodes
    everything = ipaddress.IPv4Network(fleet.pod_network(nodes))
    assert all(block.subnet_of(everything) for block in blocks)
    for one in machines:
        assert ipaddress.IPv4Address(one.private_ip) not in everything


def test_the_fleet_is_mixed_as_in_the_story() -> None:
    machines = fleet.build(nodes=120, seed=1)
    kinds = collections.Counter(one.kind.name for one in machines)
    assert kinds["vm"] + kinds["control-plane"] == 72
    assert kinds["many-nics"] >= 4
    for one in machines:
        default = next(link for link in one.links.values() if link.name == one.default_dev)
        if one.physical:
            assert default.addresses[0].address.startswith("59.")
            assert one.private_nic in {"eth1", "bond1"}
        else:
            assert [link.name for link in one.links.values()][:2] == ["lo", "eth1"]
    assert {one.hashes for one in machines} == {True, False}


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_an_anchored_regex_finds_the_private_nic_everywhere(seed: int) -> None:
    for host in fleet.build(nodes=60, seed=seed):
        assert chosen(host, ANCHORED).address == host.private_ip


def test_an_unanchored_regex_fails_after_a_restart_on_some_physical_machines() -> None:
    struck = quiet = 0
    for seed in range(10):
        for host in fleet.build(nodes=120, seed=seed):
            outcome = chosen(host, UNANCHORED)
            if outcome.link is None:
                assert "veth" in outcome.log[0].text
                struck += host.physical
            else:
                assert outcome.address == host.private_ip
                quiet += 1
    assert struck > 10
    assert quiet > struck


def test_a_bond_under_a_vlan_makes_an_anchored_regex_the_wrong_cure() -> None:
    machines = fleet.build(nodes=120, seed=1, odd_bonds=True)
    odd = [one for one in machines if one.private_nic == "bond1.2010"]
    assert len(odd) >= 4
    fine = 0
    for host in odd:
        anchored, unanchored = chosen(host, ANCHORED), chosen(host, UNANCHORED)
        assert anchored.link is None
        assert "for interface eth1" in anchored.log[0].text
        if unanchored.link is None:
            assert "for interface veth1" in unanchored.log[0].text
        else:
            assert unanchored.address == host.private_ip
            fine += 1
    assert fine > len(odd) / 2


def test_old_kernels_list_links_by_bucket_and_newest_first_within_one() -> None:
    links = [selection.Link(number, f"l{number}") for number in (3, 9, 256, 257, 259, 515)]
    assert [one.ifindex for one in hosts.dump_order(links, hashes=True)] == [
        256,
        257,
        515,
        259,
        3,
        9,
    ]
    assert [one.ifindex for one in hosts.dump_order(links, hashes=False)] == [
        3,
        9,
        256,
        257,
        259,
        515,
    ]


@pytest.mark.parametrize(
    ("kernel", "hashes"),
    [
        ("3.10.0-1160.el7.x86_64", True),
        ("5.4.0-174-generic", True),
        ("6.8.0-31-generic", True),
        ("6.9.0", False),
        ("6.12.12-amd64", False),
        ("7.0-rc1", False),
        ("unknown", True),
    ],
)
def test_the_order_of_links_depends_on_the_kernel(kernel: str, hashes: bool) -> None:
    assert hosts.kernel_hashes(kernel) is hashes


@pytest.mark.parametrize("seed", range(4))
def test_a_veth_can_be_put_before_the_private_nic_on_any_machine_and_taken_away(seed: int) -> None:
    rng = random.Random(seed)
    machines = fleet.build(nodes=30, seed=seed)
    assert {one.hashes for one in machines} == {True, False}
    for host in machines:
        before = host.dump()
        undo = host.plug_first(rng, "veth1fffffff")
        assert chosen(host, UNANCHORED).link is None
        assert chosen(host, ANCHORED).address == host.private_ip
        undo()
        assert host.dump() == before


def test_numbers_of_links_only_rise() -> None:
    (host, *_) = fleet.build(nodes=1, seed=1)
    rng = random.Random(1)
    last = host.next_ifindex
    for _ in range(50):
        name = host.add_veth(rng)
        assert host.veths[name] >= last
        last = host.veths[name] + 1
        host.remove_veth(name)


def test_hashes_depend_on_content_alone_and_are_written_in_kubernetes_letters() -> None:
    left = names.safe_hash({"a": 1, "b": [2]})
    assert left == names.safe_hash({"b": [2], "a": 1})
    assert left != names.safe_hash({"a": 1, "b": [3]})
    assert set(left) <= set(names.ALPHABET)
