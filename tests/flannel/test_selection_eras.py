"""What changed in flannel's choice, release by release: each habit by a host that shows it."""

import pytest

from bot.flannel import eras, kernel, selection
from bot.flannel.versions import Version
from tests.flannel.networks import RELEASES, address, choose, default, network, nic

DUAL = selection.Stack.DUAL
IPV6 = selection.Stack.IPV6


def since(*release: int) -> list[Version]:
    return [one for one in RELEASES if one >= Version(*release)]


def until(*release: int) -> list[Version]:
    return [one for one in RELEASES if one < Version(*release)]


def test_each_release_has_its_era() -> None:
    assert [
        str(eras.of(one).since) for one in (Version(0, 5, 6), Version(0, 7, 0), Version(0, 7, 9))
    ] == ["v0.7.0"] * 3
    assert eras.of(Version(0, 16, 3)).slips
    assert not eras.of(Version(0, 17, 0)).slips
    assert eras.of(Version(0, 99, 0)) == eras.of(Version(0, 28, 9))
    assert eras.of(Version(1, 0, 0)) == eras.of(Version(0, 28, 9))
    assert [one.since for one in eras.every()] == list(eras.STARTS)


def test_v0_7_knows_one_interface_flag_and_no_pattern() -> None:
    here = network(nic(2, "eth0", "10.0.0.1/24"), nic(3, "eth1", "10.0.1.1/24"))
    assert choose(here, "--iface=eth0", "--iface=eth1", at="v0.7.1").nic == "eth1"
    lost = choose(here, "--iface=eth1", "--iface=bond1", at="v0.7.1")
    assert lost.log == (
        "Failed to create NetworkManager: error looking up interface bond1: "
        "route ip+net: no such network interface",
    )
    unknown = choose(here, "--iface-regex=eth1", "--iface=eth1", at="v0.7.1")
    assert unknown.error == "flag provided but not defined: -iface-regex"


@pytest.mark.parametrize("at", until(0, 18, 0), ids=str)
def test_can_reach_is_a_flag_since_v0_18_only(at: Version) -> None:
    for here in (network(), kernel.Kernel()):
        found = choose(here, "--iface-can-reach=8.8.8.8", at=at)
        assert found.error == "flag provided but not defined: -iface-can-reach"


def test_public_ip_picks_the_nic_since_v0_12_and_only_without_other_flags() -> None:
    here = network(
        nic(2, "eth0", "59.1.2.3/24"), nic(3, "eth1", "10.0.0.5/24"), routes=(default("eth0"),)
    )
    for at in RELEASES:
        found = choose(here, "--public-ip=10.0.0.5", at=at)
        assert found.nic == ("eth1" if at >= Version(0, 12, 0) else "eth0")
        assert found.external == "10.0.0.5"
        told = choose(here, "--public-ip=10.0.0.5", "--iface=eth0", at=at)
        assert (told.nic, told.address, told.external) == ("eth0", "59.1.2.3", "10.0.0.5")
        behind_nat = choose(here, "--public-ip=203.0.113.1", at=at)
        assert behind_nat.chosen == (at < Version(0, 12, 0))


@pytest.mark.parametrize("at", RELEASES, ids=str)
def test_a_public_ip_that_is_none_fails_after_the_nic_was_found(at: Version) -> None:
    here = network(nic(2, "eth0", "10.0.0.5/24"), routes=(default("eth0"),))
    found = choose(here, "--iface=eth0", "--public-ip=node-1", at=at)
    assert found.attempts[0].error == "invalid public IP address: node-1"
    assert found.attempts[0].took == "eth0"


def test_the_first_address_counts_up_to_v0_16_and_any_address_from_v0_17_on() -> None:
    here = network(nic(2, "eth0", "59.1.2.3/24", "10.0.0.5/24"), nic(3, "eth1", "172.16.0.1/24"))
    for at in RELEASES[1:]:
        found = choose(here, r"--iface-regex=10\.0\.0", at=at)
        assert (found.nic, found.address) == (
            ("eth0", "10.0.0.5") if at >= Version(0, 17, 0) else ("", "")
        )


def test_of_link_local_addresses_the_last_counts_up_to_v0_16_and_the_first_from_v0_17_on() -> None:
    here = network(nic(2, "eth0", "169.254.1.1/16", "169.254.2.2/16"))
    for at in RELEASES:
        found = choose(here, "--iface=eth0", at=at)
        assert found.address == ("169.254.1.1" if at >= Version(0, 17, 0) else "169.254.2.2")


def test_an_address_pattern_slips_to_the_last_interface_in_v0_15_and_v0_16() -> None:
    here = network(
        nic(2, "eth1", "10.0.0.5/24"), nic(3, "eth2", "10.0.1.5/24"), nic(4, "veth0a1b2c3d", mtu=0)
    )
    for at in since(0, 8, 0):
        found = choose(here, r"--iface-regex=10\.0\.", at=at)
        if at in (Version(0, 15, 1), Version(0, 16, 3)):
            assert found.attempts[0].slipped
            assert found.attempts[0].took == "veth0a1b2c3d"
            assert found.attempts[0].error == "failed to determine MTU for 10.0.1.5 interface"
            assert "last interface of its list" in found.reasons[0]
        else:
            assert (found.nic, found.address) == ("eth1", "10.0.0.5")
        named = choose(here, "--iface-regex=^eth", at=at)
        assert named.nic == "eth1"


def test_a_slip_on_to_the_very_last_interface_is_none() -> None:
    here = network(nic(2, "eth0"), nic(3, "eth1", "10.0.0.5/24"))
    found = choose(here, r"--iface-regex=10\.0\.", at="v0.16.0")
    assert (found.nic, found.attempts[0].slipped) == ("eth1", False)


def test_v0_28_prefers_permanent_addresses_and_leaves_out_deprecated_ones() -> None:
    here = network(
        nic(
            2,
            "eth0",
            address("10.0.0.1/24", "deprecated"),
            address("169.254.1.1/16"),
            address("10.0.0.2/24", "dynamic"),
            address("10.0.0.3/24", "secondary"),
            address("10.0.0.4/24"),
        )
    )
    for at in since(0, 8, 0):
        found = choose(here, "--iface=eth0", at=at)
        assert found.address == ("10.0.0.4" if at >= Version(0, 28, 0) else "10.0.0.1")
    missed = choose(here, "--iface-regex=nothing", at="v0.28.1").attempts[0].error
    assert "eth0:[10.0.0.4 10.0.0.3 10.0.0.2 169.254.1.1]" in missed
    old = network(nic(2, "eth0", address("10.0.0.1/24", "deprecated")))
    assert choose(old, "--iface=eth0", at="v0.27.4").address == "10.0.0.1"
    assert not choose(old, "--iface=eth0", at="v0.28.0").chosen


def test_the_interfaces_that_there_are_are_told_from_v0_11_on() -> None:
    here = network(nic(2, "eth0", "10.0.0.1/24", "10.0.0.2/24"), nic(3, "eth1"))
    texts = {
        at: choose(here, "--iface-regex=bond", at=at).attempts[0].error for at in since(0, 8, 0)
    }
    start = "Could not match pattern bond to any of the available network interfaces"
    for at, text in texts.items():
        if at < Version(0, 11, 0):
            assert text == start
        elif at < Version(0, 17, 0):
            assert text == f"{start} (lo:<nil>, eth0:10.0.0.1, eth1:<nil>)"
        elif at < Version(0, 28, 0):
            assert text == f"{start} (lo:[], eth0:[10.0.0.1 10.0.0.2], eth1:[])"
        else:
            assert text == f"c{start[1:]} (lo:[], eth0:[10.0.0.1 10.0.0.2], eth1:[])"


def test_a_bad_pattern_is_told_of_at_its_first_use_up_to_v0_14() -> None:
    here = network(nic(2, "eth0", "10.0.0.1/24"))
    bare = network(nic(2, "eth0"))
    for at in until(0, 15, 0)[1:]:
        assert (
            choose(here, "--iface-regex=(", at=at).attempts[0].error
            == "regex error matching pattern ( to 10.0.0.1"
        )
        assert (
            choose(bare, "--iface-regex=(", at=at).attempts[0].error
            == "regex error matching pattern ( to lo"
        )
    for at in since(0, 15, 0):
        assert choose(here, "--iface-regex=(", at=at).attempts[0].error == (
            "could not compile the IP address regex '(': error parsing regexp: missing closing ): `(`"
        )


def test_a_group_named_as_in_newer_go_compiles_since_v0_26() -> None:
    here = network(nic(2, "eth1", "10.0.0.1/24"))
    for at in since(0, 15, 0):
        found = choose(here, "--iface-regex=^(?<nic>eth1)$", at=at)
        assert found.chosen == (at >= Version(0, 26, 0))
        if not found.chosen:
            assert found.attempts[0].error.endswith("invalid or unsupported Perl syntax: `(?<`")


@pytest.mark.parametrize("at", RELEASES, ids=str)
def test_an_annotation_feeds_public_ip_in_v0_25_2_and_another_from_v0_25_3_on(at: Version) -> None:
    here = network(
        nic(2, "eth0", "59.1.2.3/24"), nic(3, "eth1", "10.0.0.5/24"), routes=(default("eth0"),)
    )
    notes = {
        "flannel.alpha.coreos.com/public-ip": "10.0.0.5",
        "flannel.alpha.coreos.com/node-public-ip": "10.0.0.5",
    }
    regression = choose(here, at=at, annotations={"flannel.alpha.coreos.com/public-ip": "10.0.0.5"})
    assert regression.nic == ("eth1" if at == Version(0, 25, 2) else "eth0")
    asked = choose(here, at=at, annotations={"flannel.alpha.coreos.com/node-public-ip": "10.0.0.5"})
    assert asked.nic == ("eth1" if at >= Version(0, 25, 3) else "eth0")
    flagged = choose(here, "--iface=eth0", "--public-ip=203.0.113.1", at=at, annotations=notes)
    assert flagged.nic == "eth0"
    assert flagged.external == ("10.0.0.5" if at >= Version(0, 25, 2) else "203.0.113.1")
    other = choose(here, "--kube-annotation-prefix=example.org", at=at, annotations=notes)
    assert other.nic == "eth0"


def test_a_sticky_annotation_that_no_interface_holds_any_more_ends_v0_25_2() -> None:
    here = network(nic(2, "eth0", "10.0.0.5/24"), routes=(default("eth0"),))
    found = choose(
        here, at="v0.25.2", annotations={"flannel.alpha.coreos.com/public-ip": "10.0.0.9"}
    )
    assert found.error == (
        "Failed to find any valid interface to use: error looking up interface 10.0.0.9: "
        "No interface with given IP found"
    )


TWO = network(
    nic(2, "eth0", "59.1.2.3/24", "2001:db8::3/64", address("fe80::3/64", scope="link")),
    nic(3, "eth1", "10.0.0.5/24", address("fe80::5/64", scope="link")),
    routes=(default("eth0"),),
    routes6=(default("eth0", "2001:db8::fe"),),
)


@pytest.mark.parametrize("at", since(0, 15, 0), ids=str)
def test_both_families_are_taken_from_one_interface(at: Version) -> None:
    for words in (("--iface=eth0",), ("--iface-regex=eth0",), ()):
        found = choose(TWO, *words, at=at, stack=DUAL)
        assert (found.nic, found.address, found.address6) == ("eth0", "59.1.2.3", "2001:db8::3")
        assert (found.external, found.external6) == ("59.1.2.3", "2001:db8::3")
    local = choose(TWO, "--iface=eth1", at=at, stack=DUAL)
    assert local.address6 == "fe80::5"
    bare = network(nic(2, "eth0", "10.0.0.1/24"))
    assert choose(bare, "--iface=eth0", at=at, stack=DUAL).attempts[0].error == (
        "failed to find IPv6 address for interface eth0"
    )


def test_before_v0_15_there_is_one_family_whatever_is_asked() -> None:
    assert choose(TWO, "--iface=eth0", at="v0.14.0", stack=IPV6).address == "59.1.2.3"
    assert choose(TWO, "--iface=eth0", at="v0.14.0", stack=selection.Stack.NONE).chosen


def test_an_address_as_interface_with_both_families() -> None:
    for at in since(0, 15, 0):
        found = choose(TWO, "--iface=10.0.0.5", at=at, stack=DUAL)
        if at < Version(0, 19, 0):
            assert "error looking up v6 interface 10.0.0.5" in found.attempts[0].error
        else:
            assert (found.nic, found.address) == ("eth1", "10.0.0.5")
            assert found.address6 == ("fe80::5" if at >= Version(0, 27, 4) else "")
    apart = choose(TWO, "--iface=10.0.0.5", "--public-ipv6=2001:db8::3", at="v0.22.3", stack=DUAL)
    assert apart.attempts[0].error == "v6 interface eth0 must be the same with v4 interface eth1"
    fine = choose(TWO, "--iface=59.1.2.3", "--public-ipv6=2001:db8::3", at="v0.22.3", stack=DUAL)
    assert (fine.nic, fine.external6) == ("eth0", "2001:db8::3")
    six = choose(TWO, "--iface=fe80::5", "--public-ipv6=2001:db8::3", at="v0.28.9", stack=DUAL)
    assert (six.nic, six.address) == ("eth0", "59.1.2.3")
    lost = choose(TWO, "--iface=fe80::5", "--iface=eth0", at="v0.28.9", stack=DUAL)
    assert lost.error.startswith("panic: ")
    assert len(lost.attempts) == 1


def test_the_families_default_routes_must_leave_by_one_interface() -> None:
    here = network(
        nic(2, "eth0", "10.0.0.1/24"),
        nic(3, "eth1", "2001:db8::1/64"),
        routes=(default("eth0"),),
        routes6=(default("eth1", "2001:db8::fe"),),
    )
    assert choose(here, at="v0.22.3", stack=DUAL).attempts[0].error == (
        "v6 default route interface eth1 must be the same with v4 default route interface eth0"
    )
    alone = choose(
        network(nic(2, "eth0", "10.0.0.1/24"), routes=(default("eth0"),)), at="v0.28.9", stack=DUAL
    )
    assert (
        alone.attempts[0].error
        == "failed to get default v6 interface: unable to find default v6 route"
    )
    assert choose(here, at="v0.22.3", stack=selection.Stack.NONE).error == "none defined stack"


def test_ipv6_alone() -> None:
    here = network(
        nic(2, "eth0", "10.0.0.1/24", "2001:db8::1/64", "2001:db8::2/64"),
        routes6=(default("eth0", "2001:db8::fe"),),
    )
    for at in since(0, 15, 0):
        plain = choose(here, at=at, stack=IPV6)
        assert (plain.address, plain.address6, plain.external, plain.external6) == (
            "",
            "2001:db8::1",
            "",
            "2001:db8::1",
        )
        named = choose(here, "--iface=2001:db8::2", at=at, stack=IPV6)
        assert named.address6 == ("2001:db8::2" if at >= Version(0, 26, 0) else "2001:db8::1")
        assert named.address == ""
        by_pattern = choose(here, "--iface-regex=::[12]$", at=at, stack=IPV6)
        assert by_pattern.address6 == ("2001:db8::1")
        told = choose(here, "--public-ipv6=2001:db8::2", at=at, stack=IPV6)
        assert (told.nic, told.external6) == ("eth0", "2001:db8::2")
        four = choose(here, "--iface=10.0.0.1", at=at, stack=IPV6)
        assert four.attempts[0].error.casefold() == (
            "error looking up v6 interface 10.0.0.1: no interface with given ipv6 found"
        )


def test_an_address_of_the_first_family_stays_though_the_second_did_not_match() -> None:
    """Both families must match in one interface, but the first address found is never dropped."""
    here = network(
        nic(2, "eth0", "10.0.0.1/24", "2001:db8::1/64"),
        nic(3, "nic10.0", "59.0.0.1/24", "2001:db8::2/64"),
    )
    found = choose(here, r"--iface-regex=10\.0", at="v0.22.3", stack=DUAL)
    assert (found.nic, found.address, found.address6) == ("nic10.0", "10.0.0.1", "")
    newer = choose(here, r"--iface-regex=10\.0", at="v0.27.4", stack=DUAL)
    assert (newer.nic, newer.address, newer.address6) == ("nic10.0", "10.0.0.1", "2001:db8::2")
