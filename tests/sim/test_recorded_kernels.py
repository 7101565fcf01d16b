"""The pretend machines' kernels against what real hosts' kernels held in the recorded stories.

Every difference must be listed below with its reason, and no entry may cover fewer differences
than it says.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from bot.sim.cluster import backends
from tests.sim import kernels
from tests.sim.kernels import Deviation, Difference, Lab

STEADY = "vxlan-01-steady"
BEFORE_9 = "vxlan-08-mac-changed"
DIRECT = backends.Backend("vxlan", direct_routing=True)
HOST_GW = backends.Backend("host-gw")


def node_4_goes(lab: Lab) -> None:
    lab.delete("node-0004")


def node_4_is_back(lab: Lab) -> None:
    lab.delete("node-0004")
    node = next(one for one in lab.told["nodes_of_the_api"] if one["name"] == "node-0004")
    lab.put(node)


def flannel_is_dead_while_node_4_goes(lab: Lab) -> None:
    lab.kill("node-0002")
    lab.delete("node-0004")


def flannel_is_started_after_node_4_went(lab: Lab) -> None:
    flannel_is_dead_while_node_4_goes(lab)
    lab.start("node-0002")


def device_bounced(lab: Lab) -> None:
    lab.strike("device_bounced", "node-0003")


def device_bounced_and_flannel_started(lab: Lab) -> None:
    device_bounced(lab)
    lab.start("node-0003")


def mac_rewritten(lab: Lab) -> None:
    lab.strike("mac_rewritten", "node-0001")


def started_without_flags(lab: Lab) -> None:
    lab.start("node-0001", "eth0", mac="0e:af:13:09:2f:5a")


def started_with_the_right_nic_again(lab: Lab) -> None:
    started_without_flags(lab)
    lab.start("node-0001", "eth1", mac="f6:03:23:99:94:97")


def nic_down_after_all_that(lab: Lab) -> None:
    started_with_the_right_nic_again(lab)
    lab.strike("nic_down", "node-0002")


def nothing(lab: Lab) -> None:
    del lab


Play = Callable[[Lab], None]
PLAYS: dict[str, tuple[str, backends.Backend, Play]] = {
    STEADY: ("", backends.VXLAN, nothing),
    "vxlan-02-node-deleted": (STEADY, backends.VXLAN, node_4_goes),
    "vxlan-03-node-added": (STEADY, backends.VXLAN, node_4_is_back),
    "vxlan-04-flanneld-dead-while-a-node-goes": (
        STEADY,
        backends.VXLAN,
        flannel_is_dead_while_node_4_goes,
    ),
    "vxlan-05-restart-leaves-stale": (
        STEADY,
        backends.VXLAN,
        flannel_is_started_after_node_4_went,
    ),
    "vxlan-06-device-bounced": ("", backends.VXLAN, device_bounced),
    "vxlan-07-restart-repairs": ("", backends.VXLAN, device_bounced_and_flannel_started),
    BEFORE_9: ("", backends.VXLAN, mac_rewritten),
    "vxlan-09-wrong-nic": (BEFORE_9, backends.VXLAN, started_without_flags),
    "vxlan-10-nic-repaired": (BEFORE_9, backends.VXLAN, started_with_the_right_nic_again),
    "vxlan-11-lower-nic-down": (BEFORE_9, backends.VXLAN, nic_down_after_all_that),
    "vxlan-12-direct-routing": ("", DIRECT, nothing),
    "host-gw-01-steady": ("", HOST_GW, nothing),
}
"""Each story: with whose Nodes it begins, flannel's backend, and what happens."""

PODS = "pods-01-veth-of-a-pod"

_BEFORE = r"(8a:00:00:0[23]:00:01|86:2b:ae:63:6d:c4)"
DEVIATIONS = (
    Deviation(
        ".*",
        "ip (-d )?-j (addr|link)",
        r"eth[01]\.(link_index|link_netnsid|linkinfo|num_[rt]x_queues|qdisc)",
        531,
        "the lab's NICs are veths into its own namespace; here they are a machine's NICs",
    ),
    Deviation(
        ".*",
        "ip -o link",
        r"[-+] \d: eth[01].*",
        118,
        "the same, as text",
    ),
    Deviation(
        ".*",
        "ip (-j )?neigh",
        r"(10\.98\.0\.254 eth1|59\.98\.0\.254 eth0|[-+] (10|59)\.98\.0\.254 dev eth.*)",
        114,
        "whom a host has spoken to lately: in the lab the API server, here the default gateway",
    ),
    Deviation(
        "vxlan.*",
        "bridge (-j )?fdb",
        rf".*\b{_BEFORE}\b.*",
        84,
        "entries of MACs that peers had before the recording began, which nobody removes",
    ),
    Deviation(
        BEFORE_9,
        r"ip .*",
        r"flannel\.1\.(address|addr_info)|[-+] 4: flannel\.1.*",
        5,
        "the MAC that is written over flannel's is the simulation's own",
    ),
    Deviation(
        "vxlan-12.*",
        r"ip .*",
        r"flannel\.1\.ifindex|[-+] \d: flannel\.1.*",
        12,
        "the devices had been made anew several times before the recording began",
    ),
    Deviation(
        PODS,
        "ip (-d )?-j (addr|link)",
        r".*\.(link_index|link_netnsid|linkinfo|num_[rt]x_queues|qdisc|addr_info)",
        15,
        "veths' namespaces have other numbers, NICs are no veths, the bridge's timers are left "
        "out, and the lab's addresses were still tentative",
    ),
    Deviation(
        PODS,
        "ip -o link",
        r"[-+] \d+: (eth1|veth).*",
        6,
        "namespaces have names in the lab",
    ),
    Deviation(
        PODS,
        "ip (-j )?neigh",
        r"(10\.244\.7\.\d+ cni0|[-+] 10\.244\.7\.\d+ dev cni0.*)",
        2,
        "here every pod has been spoken to: the probe's touch of the last one shows nothing new",
    ),
    Deviation(
        PODS,
        "bridge (-j )?fdb",
        r".*33:33:ff:.*cni0.*|.*cni0 33:33:ff:.*",
        4,
        "the bridge took another MAC in the lab when its first port came",
    ),
)


def covered(found: list[Difference]) -> tuple[list[Difference], Counter[Deviation]]:
    """What no deviation covers, and how many differences each of them does cover."""
    used: Counter[Deviation] = Counter()
    unknown = []
    for one in found:
        meant = next((each for each in DEVIATIONS if each.covers(one)), None)
        if meant is None:
            unknown.append(one)
        else:
            used[meant] += 1
    return unknown, used


def played(name: str) -> list[Difference]:
    nodes_of, backend, play = PLAYS[name]
    told = kernels.story(name)
    lab = Lab(told, nodes_of, backend)
    play(lab)
    return list(kernels.compared(told, lab))


def of_pods() -> list[Difference]:
    told = kernels.story(PODS)
    host, net = kernels.pods_host(told)
    return [
        Difference(PODS, "lab", command, where, was, now)
        for command, recorded in told["after"].items()
        if not command.startswith("bridge -j link")
        for where, was, now in kernels.differing(
            command, recorded, kernels.asked(host, net, command)
        )
    ]


@pytest.mark.parametrize("name", PLAYS)
def test_the_pretend_kernels_hold_what_the_real_ones_held(name: str) -> None:
    assert covered(played(name))[0] == []


def test_pods_are_found_behind_their_veths_as_on_the_real_host() -> None:
    assert covered(of_pods())[0] == []


def test_every_deviation_is_needed_and_covers_no_more_than_it_says() -> None:
    found = [one for name in PLAYS for one in played(name)] + of_pods()
    _, used = covered(found)
    assert {one.reason: used[one] for one in DEVIATIONS} == {
        one.reason: one.most for one in DEVIATIONS
    }


def test_every_recorded_story_is_played() -> None:
    recorded = {path.stem for path in kernels.RECORDED.glob("*.json")}
    assert {*PLAYS, PODS} == recorded


def test_a_difference_is_seen() -> None:
    """The comparison itself can fail: a route less, another order, another field."""
    rows = [{"dst": "default", "dev": "eth0"}, {"dst": "10.0.0.0/24", "dev": "eth1"}]
    assert list(kernels.differing("ip -j route", rows, rows)) == []
    assert [one[0] for one in kernels.differing("ip -j route", rows, rows[:1])] == [
        "10.0.0.0/24 eth1"
    ]
    assert [one[0] for one in kernels.differing("ip -j route", rows, rows[::-1])] == ["order"]
    other = [{**rows[0], "gateway": "10.0.0.1"}, rows[1]]
    assert [one[0] for one in kernels.differing("ip -j route", rows, other)] == [
        "default eth0.gateway"
    ]
    assert [one[0] for one in kernels.differing("ip route", ["a", "b"], ["b", "a"])] == ["order"]
    assert list(kernels.differing("ip neigh", ["a", "b"], ["b", "a"])) == []
