"""flannel's choice of a NIC, against what flannel itself was recorded to choose."""

import re

import pytest

from bot.flannel import choice, flags, iproute, kernel, selection
from bot.flannel.versions import Version
from tests.flannel.networks import (
    RECORDED,
    address,
    choose,
    default,
    network,
    nic,
    recorded,
    release,
)

GENERIC = {
    "0.0.0.0", "127.0.0.1", "8.8.8.8", "203.0.113.9", "10.96.0.1", "10.96.0.10", "172.17.0.1", "169.254.20.10",
    "10.244.3.0", "10.244.3.1", "169.254.7.7",
}  # fmt: skip


def test_every_recorded_outcome_agrees_to_the_last_line_of_the_log() -> None:
    cases = recorded()
    wrong = []
    for case in cases:
        found = choose(case.here, *case.words, at=case.version)
        wanted = case.outcome["chosen"] or {"name": "", "address": ""}
        same = (
            (found.nic, found.address) == (wanted["name"], wanted["address"])
            and found.external == (case.outcome["external_address"] or "")
            and list(found.log) == case.outcome["log"]
            and found.chosen == (case.outcome["chosen"] is not None)
        )
        if not same:
            wrong.append(f"{case}: {found}")
    assert len(cases) == 5352
    assert not wrong, wrong[:5]


def test_every_recorded_outcome_is_explained() -> None:
    for case in recorded()[::7]:
        found = choose(case.here, *case.words, at=case.version)
        assert found.reasons
        if not found.chosen:
            assert found.error
            assert found.log[-1] == found.error
            assert found.attempts[-1].error in " ".join(found.reasons)
        else:
            assert found.nic in found.reasons[-1]


def test_nothing_that_was_recorded_stands_in_the_code() -> None:
    text = RECORDED.read_text()
    hosts = set(re.findall(r'"host": "([^"]+)"', text))
    names = set(re.findall(r"veth[0-9a-f]{8}", text))
    ips = set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) - GENERIC
    assert len(hosts) == 36
    for path in (RECORDED.parents[3] / "bot").rglob("*.py"):
        code = path.read_text()
        found = {one for one in (*hosts, *names, *ips) if one in code}
        found -= {
            one for one in found if not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.])", code)
        }
        assert not found, path


STORY = network(
    nic(2, "veth17f90f70"),
    nic(3, "eth1", "10.0.0.5/24"),
    nic(4, "eth0", "59.1.2.3/24"),
    routes=(default("eth0", "59.1.2.254"),),
)


def test_the_story_an_unanchored_pattern_dies_of_a_pods_nic_and_the_anchored_one_does_not() -> None:
    died = choose(STORY, "--iface-regex=eth1|bond1")
    assert died.outcome is choice.Outcome.FAILS
    assert died.log == (
        "Could not find valid interface matching eth1|bond1: "
        "failed to find IPv4 address for interface veth17f90f70",
        "Failed to find interface to use that matches the interfaces and/or regexes provided",
    )
    assert died.attempts[0].names == ("veth17f90f70", "eth1")
    assert "takes the first in its order" in " ".join(died.reasons)
    lives = choose(STORY, "--iface-regex=^(bond1|eth1)$")
    assert (lives.nic, lives.index, lives.address) == ("eth1", 3, "10.0.0.5")


def test_all_flags_having_failed_flannel_does_not_fall_back_on_the_default_route() -> None:
    assert not choose(STORY, "--iface=bond1", "--iface-regex=^bond").chosen
    assert choose(STORY).nic == "eth0"


def test_interfaces_are_tried_before_patterns_wherever_they_stand() -> None:
    found = choose(STORY, "--iface-regex=eth1", "--iface=eth0")
    assert found.nic == "eth0"
    assert [one.flag for one in found.attempts] == ["iface"]


def test_addresses_come_before_names_even_of_later_interfaces() -> None:
    here = network(nic(2, "eth10"), nic(3, "cni0", "10.1.0.1/24"))
    found = choose(here, "--iface-regex=10")
    assert found.nic == "cni0"
    assert found.attempts[0].addresses == (choice.Match("cni0", "10.1.0.1"),)
    assert found.attempts[0].names == ()
    assert "addresses come before names" in found.reasons[0]


def test_a_point_to_point_veth_is_taken_in_silence() -> None:
    here = network(nic(2, "veth1aaaaaaa", "10.244.3.1/32"), nic(3, "eth1", "10.0.0.5/24"))
    assert choose(here, "--iface-regex=eth1").nic == "veth1aaaaaaa"


def test_neither_a_down_link_nor_the_loopback_is_refused_but_an_mtu_of_zero_is() -> None:
    here = network(nic(2, "dummy0", "10.0.0.5/24", mtu=0))
    found = choose(here, "--iface=dummy0")
    assert found.attempts[0].error == "failed to determine MTU for 10.0.0.5 interface"
    assert choose(here, "--iface=127.0.0.1").nic == "lo"
    assert choose(here, "--iface=lo").attempts[0].error.endswith("address for interface lo")


def test_an_empty_flag_asks_for_the_default_route() -> None:
    for word in ("--iface=", "--iface-regex="):
        assert choose(STORY, word).nic == "eth0"
        lost = choose(network(), word)
        assert lost.log[-2] == (
            "Could not find valid interface matching : failed to get default interface: "
            "Unable to find default route"
        )


def test_the_default_route_is_the_first_of_the_dump_and_a_multipath_one_has_no_interface() -> None:
    eth = nic(2, "eth0", "10.0.0.1/24"), nic(3, "eth1", "10.0.1.1/24")
    two = (default("eth1", metric=500), default("eth0", metric=10))
    assert choose(network(*eth, routes=two)).nic == "eth1"
    hops = kernel.Route(kernel.ANY4, hops=(("10.0.0.254", "eth0"), ("10.0.1.254", "eth1")))
    split = choose(network(*eth, routes=(hops, *two)))
    assert split.attempts[0].error == (
        "failed to get default interface: Found default route but could not determine interface"
    )
    gone = choose(network(*eth, routes=(default("ppp0"),)))
    assert gone.attempts[0].error.endswith("route ip+net: no such network interface")


def test_the_way_to_an_address_is_the_kernels() -> None:
    here = kernel.Kernel(
        links=(
            nic(1, "lo", address("127.0.0.1/8", scope="host")),
            nic(2, "eth0", "59.1.2.3/24", address("59.1.2.4/24", "secondary")),
            nic(3, "eth1", "10.9.9.9/16", "10.0.0.5/24"),
        ),
        routes=(
            default("eth0", "59.1.2.254"),
            kernel.Route("10.0.0.0/8", "10.0.0.1", "eth1"),
            kernel.Route("10.1.0.0/16", dev="eth1", source="10.0.0.5"),
            kernel.Route("10.2.0.0/16", dev="eth1", flags=("dead", "linkdown")),
            kernel.Route("10.3.0.0/16", kind="blackhole"),
            kernel.Route("10.4.0.0/16", kind="unreachable"),
            kernel.Route("10.5.0.0/16", kind="prohibit"),
            kernel.Route("10.6.0.0/16", hops=(("10.0.0.1", "eth1"), ("59.1.2.254", "eth0"))),
        ),
        routes6=(),
    )

    def way(to: str) -> tuple[str, str]:
        found = choose(here, f"--iface-can-reach={to}", at="v0.18.1")
        return found.nic, found.address or found.attempts[0].error.rpartition(": ")[2]

    assert way("8.8.8.8") == ("eth0", "59.1.2.3")
    assert way("10.1.2.3") == ("eth1", "10.0.0.5")
    assert way("10.7.0.1") == ("eth1", "10.0.0.5")  # the gateway's network, not the first address
    assert way("10.2.0.1") == ("eth1", "10.0.0.5")  # a dead route does not count
    assert way("10.9.9.9") == ("lo", "10.9.9.9")
    assert way("127.1.2.3") == ("lo", "127.0.0.1")
    assert way("10.3.0.1") == ("", "invalid argument")
    assert way("10.4.0.1") == ("", "no route to host")
    assert way("10.5.0.1") == ("", "permission denied")
    assert way("kube-api") == ("", "numerical result out of range")
    assert way("fd00::1") == ("", "network is unreachable")
    split = choose(here, "--iface-can-reach=10.6.0.1", at="v0.18.1")
    assert split.attempts[0].uncertain
    assert "hash" in split.reasons[-1]


def test_an_address_of_link_scope_is_a_source_on_the_link_only() -> None:
    here = network(
        nic(2, "eth0", address("169.254.7.7/16", scope="link")),
        nic(3, "eth1", "10.0.0.5/24"),
        nic(4, "eth2"),
        routes=(
            kernel.Route("192.168.0.0/16", dev="eth0"),
            kernel.Route("172.16.0.0/12", "169.254.0.1", "eth0"),
            kernel.Route("100.64.0.0/10", dev="eth2"),
        ),
    )
    for to, found in {
        "192.168.1.1": ("eth0", "169.254.7.7"),
        "172.16.1.1": ("eth0", "10.0.0.5"),
        "100.64.1.1": ("eth2", "10.0.0.5"),
        "0.0.0.0": ("lo", "127.0.0.1"),
    }.items():
        chosen = choose(here, f"--iface-can-reach={to}", at="v0.28.9")
        assert (chosen.nic, chosen.address) == found
    bare = network(nic(2, "eth2"), routes=(kernel.Route("100.64.0.0/10", dev="eth2"),))
    none = choose(bare, "--iface-can-reach=100.64.1.1", at="v0.28.9")
    assert none.attempts[0].error == "failed to find IPv4 address for interface eth2"


def test_what_cannot_be_known_is_not_guessed() -> None:
    given = flags.parse(["--iface-regex=eth1|bond1"])
    blind = kernel.Kernel(links=None)
    for found in (
        selection.choose(blind, given, Version(0, 12, 0)),
        selection.choose(STORY, flags.Flags(readable=False), Version(0, 12, 0)),
        selection.choose(kernel.Kernel(links=STORY.links), flags.Flags(), Version(0, 12, 0)),
        selection.choose(STORY, flags.Flags(unknown=("iface",)), Version(0, 12, 0)),
    ):
        assert found.outcome is choice.Outcome.UNKNOWN
        assert found.error
        assert found.reasons == (found.error,)
        assert not found.nic


def test_an_unknown_release_is_judged_where_all_releases_agree() -> None:
    assert selection.choose(STORY, flags.parse(["--iface=eth1"]), None).nic == "eth1"
    slips = selection.choose(STORY, flags.parse([r"--iface-regex=10\.0"]), None)
    assert slips.outcome is choice.Outcome.UNKNOWN
    assert "eth0, eth1" in slips.error
    reach = selection.choose(STORY, flags.parse(["--iface-can-reach=8.8.8.8"]), None)
    assert reach.nic == "eth0"


@pytest.mark.parametrize("words", [["--iface"], ["--ip-masq=maybe"], ["---iface=eth0"]])
def test_a_command_line_at_which_flannel_exits_chooses_nothing(words: list[str]) -> None:
    found = choose(STORY, *words)
    assert found.outcome is choice.Outcome.FAILS
    assert "flanneld exits" in found.error


def test_the_answer_is_the_same_from_json_and_from_old_text() -> None:
    text = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN
    inet 127.0.0.1/8 scope host lo
2: veth17f90f70@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP
3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP
    inet 10.0.0.5/24 brd 10.0.0.255 scope global dynamic eth1
"""
    here = kernel.Kernel(
        links=iproute.links(text).entries,
        routes=iproute.routes("default via 10.0.0.254 dev eth1\n").entries,
    )
    found = choose(here, "--iface-regex=eth1")
    assert found.attempts[0].error == "failed to find IPv4 address for interface veth17f90f70"
    assert choose(here, "--iface-regex=^eth1$").address == "10.0.0.5"
    assert choose(here).nic == "eth1"


def test_other_flags_are_tried_without_touching_the_rest() -> None:
    given = flags.parse(["--ip-masq", "--iface-regex=eth1|bond1", "--public-ip=10.9.9.9"])
    changed = selection.with_flags(given, iface=["bond1", "eth1"], regex=[])
    assert changed.as_text == ("--ip-masq", "--public-ip=10.9.9.9", "--iface=bond1", "--iface=eth1")
    found = selection.choose(STORY, changed, release("v0.12.0"))
    assert (found.nic, found.external) == ("eth1", "10.9.9.9")
