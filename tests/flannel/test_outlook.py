"""What a node's flannel uses, and what it would take if it restarted now."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.snapshot import ContainerSpec
from bot.flannel import choice, devices, flags, kernel, logs, netconf, outlook, present
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Kernel, Link
from bot.flannel.outlook import Verdict
from bot.flannel.present import Source
from tests.flannel import kernels, looks, networks
from tests.flannel.looks import (
    ETH0,
    ETH1,
    HEALTHY,
    PRIVATE,
    PUBLIC,
    TRAPPED,
    VETH,
    by_log,
    flannel,
    nic,
    node,
    seen,
    tunnel,
)  # fmt: skip

ANCHORED = ("--kube-subnet-mgr", "--iface-regex=^(?:eth1|bond1)$")
BY_NAME = ("--kube-subnet-mgr", "--iface=eth1")
NO_MATCH = (
    "Could not find valid interface matching {0}: Could not match pattern {0} to any of the "
    "available network interfaces (lo:127.0.0.1, eth0:59.10.0.1, veth17f90f70:<nil>, eth1:10.0.0.1)"
)

ENDS = "Failed to find interface to use that matches the interfaces and/or regexes provided"


def ahead(here: Inspection | Kernel = HEALTHY, *words: str, **more: object) -> outlook.Outlook:
    look = here if isinstance(here, Inspection) else seen(here)
    own = more.pop("flannel", None) or flannel(*words, version=str(more.pop("version", "v0.12.0")))
    at = more.pop("node", None) or node()
    return outlook.of(look, at, own, **more)  # type: ignore[arg-type]


# Verdicts


def test_a_node_whose_nic_comes_first_keeps_it() -> None:
    found = ahead()
    assert found.verdict is Verdict.UNCHANGED
    assert found.safe
    assert found.risk == "a restart now would stay on eth1 with 10.0.0.1"
    assert not found.doubts


def test_the_story_a_restart_would_take_the_pods_nic_and_crash_loop() -> None:
    found = ahead(seen(TRAPPED, pods_behind={"veth17f90f70": "shop/web-1"}))
    assert found.verdict is Verdict.FAILS
    assert found.takes_pods_nic
    assert not found.safe
    assert found.risk == (
        "a restart now would take veth17f90f70 (pod shop/web-1) and crash-loop: failed to find "
        "IPv4 address for interface veth17f90f70"
    )
    assert found.present.nic == "eth1"


@pytest.mark.parametrize("words", [ANCHORED, BY_NAME])
def test_the_cure_of_the_story_makes_the_same_node_safe(words: tuple[str, ...]) -> None:
    changed = flags.parse(words)
    assert ahead(TRAPPED, given=changed).safe
    assert ahead(TRAPPED, given=changed).hits == ()


def test_a_veth_that_is_hit_and_not_taken_is_named() -> None:
    found = ahead(seen(HEALTHY, pods_behind={"veth17f90f70": "shop/web-1"}))
    assert found.hits == (outlook.Hit("veth17f90f70", "eth1|bond1", "", "shop/web-1"),)
    assert str(found.hits[0]) == "veth17f90f70 (pod shop/web-1)"


def test_a_veth_with_an_address_is_taken_without_a_word_and_that_is_told() -> None:
    # The ptp plugin gives every host veth the gateway's address.
    ptp = nic(7, "veth17f90f70", "10.244.1.1")
    found = ahead(looks.kernel(ETH0, ptp, ETH1, tunnel()))
    assert found.verdict is Verdict.CHANGES
    assert found.takes_pods_nic
    assert found.risk == (
        "a restart now would move flannel from eth1 (10.0.0.1) to veth17f90f70 (10.244.1.1), a "
        "pod's NIC"
    )


def test_a_flannel_that_sits_on_a_pods_nic_is_unchanged_and_not_safe() -> None:
    ptp = nic(7, "veth17f90f70", "10.244.1.1")
    here = looks.kernel(ETH0, ptp, ETH1, tunnel("veth17f90f70", "10.244.1.1"))
    found = ahead(here, node=node(ip="10.244.1.1"))
    assert found.verdict is Verdict.UNCHANGED
    assert found.on_pods_nic
    assert not found.safe
    assert "a pod's NIC" in found.risk


def test_a_wrong_nic_that_a_restart_would_leave_is_a_change() -> None:
    here = looks.kernel(ETH0, ETH1, tunnel("eth0", PUBLIC))
    found = ahead(here, node=node(ip=PUBLIC))
    assert found.verdict is Verdict.CHANGES
    assert found.risk == (
        "a restart now would move flannel from eth0 (59.10.0.1) to eth1 (10.0.0.1)"
    )


def test_another_address_of_the_same_nic_is_a_change() -> None:
    moved = looks.kernel(ETH0, nic(3, "eth1", "10.0.0.7"), tunnel())
    found = ahead(moved)
    assert found.verdict is Verdict.CHANGES
    assert found.risk == "a restart now would stay on eth1, from 10.0.0.1 to 10.0.0.7"


def test_another_announced_address_is_a_change_though_the_nic_stays() -> None:
    found = ahead(HEALTHY, *looks.STORY, "--public-ip=203.0.113.7")
    assert found.verdict is Verdict.CHANGES
    assert "announcing 203.0.113.7 instead of 10.0.0.1" in found.risk


def test_an_overwrite_by_annotation_is_what_is_announced() -> None:
    at = node(ip="203.0.113.7", public_ip_overwrite="203.0.113.7")
    assert ahead(node=at).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(("version", "verdict"), [("v0.27.3", "changes"), ("v0.27.4", "unchanged")])
def test_since_v0_27_4_the_tunnel_sends_from_the_announced_address(
    version: str, verdict: str
) -> None:
    at = node(ip="10.0.0.9", node_public_ip="10.0.0.9")
    here = looks.kernel(ETH0, nic(3, "eth1", PRIVATE, "10.0.0.9"), tunnel(local="10.0.0.9"))
    found = ahead(here, *BY_NAME, version=version, node=at)
    assert found.verdict.value == verdict


def test_no_nic_at_all_is_told_by_flannels_own_words() -> None:
    found = ahead(looks.kernel(ETH0, tunnel()), *BY_NAME)
    assert found.verdict is Verdict.FAILS
    assert found.risk.startswith("a restart now would find no NIC and crash-loop: Failed to find")


def test_the_flag_that_stumbled_is_quoted_and_not_the_one_that_found_nothing() -> None:
    found = ahead(TRAPPED, "--iface-regex=eth1", "--iface-regex=bond1")
    assert found.verdict is Verdict.FAILS
    assert found.risk.endswith("IPv4 address for interface veth17f90f70")


def test_an_address_of_the_node_itself_is_reached_by_the_loopback() -> None:
    here = replace(HEALTHY, links=(kernel.Link("lo", 1, mtu=65536), *(HEALTHY.links or ())))
    found = ahead(here, "--iface-can-reach=59.10.0.1", version="v0.22.0")
    assert found.verdict is Verdict.CHANGES
    assert found.choice.nic == "lo"
    assert found.risk.endswith("by which nothing leaves the host")


def test_two_ways_of_equal_worth_are_not_decided() -> None:
    hops = (("10.0.0.254", "eth1"), ("59.10.0.254", "eth0"))
    both = kernel.Route("0.0.0.0/0", hops=hops)
    here = replace(HEALTHY, routes=(both,))
    found = ahead(here, "--iface-can-reach=8.8.8.8", version="v0.22.0")
    assert found.verdict is Verdict.UNKNOWN
    assert "by a hash" in found.risk


@pytest.mark.parametrize(
    ("here", "why"),
    [
        (Kernel(), "the node's interfaces were not read"),
        (replace(HEALTHY, routes=None), "the node's routes were not read"),
    ],
)
def test_what_was_not_read_is_not_guessed(here: Kernel, why: str) -> None:
    found = ahead(here, "--kube-subnet-mgr")
    assert found.verdict is Verdict.UNKNOWN
    assert found.risk == f"what a restart now would choose cannot be told: {why}"


def test_without_any_evidence_of_now_a_choice_is_no_verdict() -> None:
    bare = looks.kernel(ETH0, nic(3, "eth1", "10.0.0.3"))
    found = ahead(bare, node=node(ip=""))
    assert found.verdict is Verdict.UNKNOWN
    assert found.choice.nic == "eth1"
    assert found.risk == (
        "a restart now would take eth1 with 10.0.0.3; which NIC it uses now is not known"
    )


def test_an_unknown_version_is_said() -> None:
    own = replace(flannel(), image="registry.local/flannel@sha256:0123")
    assert "which flannel the image holds is not known" in ahead(flannel=own).doubts


def test_the_image_that_would_run_counts() -> None:
    pattern = r"--iface-regex=10\.0\.0\..*"
    here = looks.kernel(ETH0, ETH1, tunnel(), VETH)
    assert ahead(here, pattern).verdict is Verdict.UNCHANGED
    slips = ahead(here, pattern, image="flannel:v0.16.3")
    assert slips.takes_pods_nic
    assert not slips.safe


# Evidence of now


def test_sources_are_taken_in_the_order_of_their_trust() -> None:
    env = kernel.SubnetEnv("10.244.0.0/16", "10.244.1.1/24", 8950)
    here = looks.kernel(ETH0, ETH1, nic(4, "eth2", "10.9.0.1", mtu=9000), tunnel(), subnet=env)
    log = logs.read("I1 main.go:1] Using interface with name eth0 and address 59.10.0.1")
    found = ahead(seen(here, log=log)).present
    assert [one.source for one in found.evidence] == [
        Source.DEVICE, Source.ANNOTATION, Source.LOG, Source.MTU
    ]  # fmt: skip
    assert found.nic == "eth1"
    assert found.ip == PRIVATE
    assert [one.nic for one in found.contradictions] == ["eth0", "eth2"]


def test_contradictions_are_among_the_doubts() -> None:
    found = ahead(node=node(ip=PUBLIC))
    assert found.present.nic == "eth1"
    assert "59.10.0.1, which it announces, is on eth0" in found.doubts


def test_a_hint_is_no_evidence() -> None:
    env = kernel.SubnetEnv("10.244.0.0/16", "10.244.1.1/24", 8950)
    found = ahead(looks.kernel(ETH0, nic(4, "eth1", "10.9.0.1", mtu=9000), subnet=env))
    assert found.present.nic == ""
    assert found.present.likely == "eth1"
    assert found.verdict is Verdict.UNKNOWN


def test_a_hint_that_fits_two_nics_says_nothing() -> None:
    env = kernel.SubnetEnv("10.244.0.0/16", "10.244.1.1/24", 1450)
    assert ahead(looks.kernel(ETH0, nic(3, "eth1", "10.9.0.1"), subnet=env)).present.evidence == ()


def test_the_mtu_contradicts_nobody_where_the_nic_in_use_has_it_and_lost_its_address() -> None:
    env = kernel.SubnetEnv("10.244.0.0/16", "10.244.1.1/24", 1450)
    here = looks.kernel(nic(2, "eth1"), nic(3, "docker0", "172.17.0.1"), tunnel(), subnet=env)
    found = ahead(here)
    assert found.present.nic == "eth1"
    assert found.present.contradictions == ()
    assert not any("docker0" in one for one in found.doubts)


def test_host_gw_has_no_device_and_is_known_by_its_address() -> None:
    found = ahead(looks.kernel(ETH0, ETH1), node=node(backend="host-gw"))
    assert found.present.best is not None
    assert found.present.best.source is Source.ANNOTATION
    assert found.verdict is Verdict.UNCHANGED


def test_the_device_is_found_by_its_vni() -> None:
    other = replace(tunnel(), name="flannel.42")
    conf = netconf.NetConf(network="10.244.0.0/16", backend="vxlan", vni=42)
    found = ahead(looks.kernel(ETH0, ETH1, other), conf=conf)
    assert found.present.evidence[0].text == "flannel.42 is bound to eth1 and sends from 10.0.0.1"


@pytest.mark.parametrize("name", sorted(kernels.stories()))
def test_recorded_hosts_tell_their_nic_by_all_that_the_kernel_holds(name: str) -> None:
    for state in kernels.stories()[name]:
        here = state.kernel()
        own = kernels.recorded_fleet(name).leases.get(state.node)
        if own is None:
            continue
        device = kernels.recorded_fleet(name).device(own.backend, 4)
        found = present.of(here, own, device, logs.read("\n".join(state.log)))
        assert found.nic == devices.external(here, own, device)
        bound = here.link(device)
        if bound is not None and bound.tunnel is not None:
            assert found.best is not None
            assert found.best.source is Source.DEVICE
            assert found.ip == bound.tunnel.local


# The three ways of looking


def test_a_probe_pod_shows_as_much_as_exec() -> None:
    one, other = ahead(seen(TRAPPED)), ahead(seen(TRAPPED, way=Way.PROBE))
    assert replace(other, way=Way.EXEC) == one


def test_a_log_tells_what_the_pattern_hits() -> None:
    look = by_log(NO_MATCH.format("bond7"))
    found = ahead(look)
    assert found.way is Way.LOG
    assert found.verdict is Verdict.FAILS
    assert found.risk.startswith("a restart now would take veth17f90f70 and crash-loop")
    assert found.hits == (outlook.Hit("veth17f90f70", "eth1|bond1"),)
    assert "no routes" in found.doubts[0]


def test_a_log_tells_which_nic_has_the_announced_address() -> None:
    found = ahead(by_log(NO_MATCH.format("bond7"), ENDS), *BY_NAME)
    assert found.present.nic == "eth1"
    assert found.verdict is Verdict.UNCHANGED
    assert found.doubts[1].startswith("its last start failed: Could not find valid interface")


def test_a_log_has_no_routes_so_a_default_route_is_not_guessed() -> None:
    found = ahead(by_log(NO_MATCH.format("bond7")), "--kube-subnet-mgr")
    assert found.verdict is Verdict.UNKNOWN


def test_a_log_without_a_list_proves_nothing_of_the_next_start() -> None:
    look = by_log(
        "I1 main.go:1] Could not find valid interface matching eth1: failed to find IPv4 address "
        "for interface veth17f90f70",
        f"E1 main.go:1] {ENDS}",
        version="v0.10.0",
    )
    found = ahead(look, version="v0.10.0")
    assert found.verdict is Verdict.UNKNOWN
    assert found.doubts[0] == "only flannel's log was to be had, and it lists no NICs"
    assert "veth17f90f70" in found.doubts[1]


def test_a_log_lists_one_family_only() -> None:
    conf = netconf.NetConf(network="10.244.0.0/16", ipv6_network="fd00::/48", ipv6=True)
    assert ahead(by_log(NO_MATCH.format("x")), conf=conf).verdict is Verdict.UNKNOWN


# Flags that stand elsewhere


STARTED = "I1 main.go:2] CLI flags config: {x:y iface:[{0}] ifaceRegex:[{1}] ipMasq:true}"


def started(iface: str, pattern: str) -> logs.Log:
    return logs.read(STARTED.replace("{0}", iface).replace("{1}", pattern))


def test_what_a_config_map_hides_a_log_tells() -> None:
    spec = ContainerSpec(
        "kube-flannel", "flannel:v0.16.3", ("/opt/bin/flanneld",), ("--kube-subnet-mgr",),
        env_from_elsewhere=("FLANNELD_IFACE_REGEX",),
    )  # fmt: skip
    own = replace(flannel(version="v0.16.3"), flags=flags.of(spec))
    assert ahead(TRAPPED, flannel=own).verdict is Verdict.UNKNOWN
    assert ahead(seen(TRAPPED, log=started("", "eth1")), flannel=own).verdict is Verdict.FAILS


def test_flags_that_changed_since_the_start_are_said() -> None:
    found = ahead(seen(HEALTHY, log=started("eth0", "")), *BY_NAME, version="v0.16.3")
    assert any("--iface=eth0" in one for one in found.doubts)
    assert not ahead(seen(HEALTHY, log=started("eth1", "")), *BY_NAME, version="v0.16.3").doubts


# What always holds


NAMES = st.sampled_from(["eth0", "eth1", "bond1", "veth17f90f70", "veth2a3b4c5d", "cni0"])
IPS = st.sampled_from(["", "10.0.0.1", "59.10.0.1", "169.254.1.1"])
PATTERNS = st.sampled_from(["eth1", "eth1|bond1", "^eth1$", "10\\.", "eth[", "", "."])


@st.composite
def hosts(draw: st.DrawFn) -> Kernel:
    names = draw(st.lists(NAMES, unique=True, max_size=6))
    links: list[Link] = []
    for number, name in enumerate(names, start=2):
        ip = draw(IPS)
        links.append(nic(number, name, *([ip] if ip else [])))
    if draw(st.booleans()):
        links.append(tunnel(draw(NAMES), draw(IPS)))
    return looks.kernel(*links)


@given(hosts(), st.lists(PATTERNS, min_size=1, max_size=2), st.sampled_from(list(Way)))
def test_unchanged_is_only_said_where_the_same_nic_would_be_taken(
    here: Kernel, patterns: list[str], way: Way
) -> None:
    words = tuple(f"--iface-regex={one}" for one in patterns)
    for version in networks.RELEASES[::5]:
        found = ahead(seen(here, way=way), *words, version=str(version))
        assert found.risk
        if found.verdict is Verdict.UNCHANGED:
            assert found.choice.chosen
            assert found.choice.nic == found.present.nic
        if found.verdict is Verdict.FAILS:
            assert found.choice.outcome is choice.Outcome.FAILS
        if found.safe:
            assert not found.takes_pods_nic
        for hit in found.hits:
            assert hit.nic.startswith("veth")


@given(hosts())
def test_anchored_patterns_hit_no_pods_nic(here: Kernel) -> None:
    assert ahead(here, *ANCHORED).hits == ()
