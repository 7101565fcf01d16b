"""flannel's backends in the pretend cluster: right where nothing is wrong, and each fault told."""

import json
from typing import Any

import pytest

from bot.flannel import drift, faults, fleet, lease, netconf, versions
from bot.sim.cluster import backends, faults_network, serve, world
from bot.sim.cluster import faults as switches
from tests.sim import worlds
from tests.sim.test_node_network import look, striking

VXLAN = backends.VXLAN
DIRECT = backends.Backend("vxlan", direct_routing=True)
HOST_GW = backends.Backend("host-gw")
ALL = {"vxlan": VXLAN, "direct routing": DIRECT, "host-gw": HOST_GW}


def announced(one: world.World) -> fleet.Fleet:
    """The fleet as the bot takes it from the API."""
    config = one.api.get("configmaps", "kube-system", "kube-flannel-cfg")["data"]
    return fleet.gather(
        [
            lease.of(
                node["metadata"]["name"],
                (node["spec"]["podCIDR"],),
                node["metadata"].get("annotations") or {},
            )
            for node in one.api.store.list("nodes")
        ],
        conf=netconf.parse(config["net-conf.json"]),
        version=versions.Version(0, 12, 0),
    )


def told(one: world.World, node: str) -> set[faults.Fault]:
    found = drift.judge(announced(one), node, look(one, node).kernel)
    return {each.fault for each in found.deviations}


@pytest.mark.parametrize("backend", ALL.values(), ids=ALL)
async def test_nothing_differs_on_healthy_nodes_of_any_backend(backend: backends.Backend) -> None:
    async with worlds.living(nodes=12, seed=3, backend=backend) as one:
        whole = announced(one)
        for node in one.kubelets:
            reading = look(one, node)
            found = drift.judge(whole, node, reading.kernel)
            assert (reading.problems, reading.kernel.odd) == ((), ())
            assert (found.deviations, found.unseen) == ((), ())
            assert found.expected >= 11
            assert found.nic == one.host(node).private_nic


async def test_direct_routing_goes_plain_where_a_peer_is_on_the_link() -> None:
    async with worlds.living(nodes=12, seed=3, backend=DIRECT) as one:
        node = next(name for name in one.kubelets if name.startswith("vm"))
        kernel = look(one, node).kernel
        by = {route.dst: route.dev for route in kernel.routes or () if route.gateway}
        for other, each in one.kubelets.items():
            if other == node:
                continue
            near = each.host.private_ip.startswith("10.30.")
            assert by[each.host.pod_cidr] == ("eth1" if near else "flannel.1")
        near = sum(each.host.private_ip.startswith("10.30.") for each in one.kubelets.values())
        macs = [entry for entry in kernel.fdb or () if entry.dev == "flannel.1"]
        assert len(macs) == 12 - near


async def test_host_gw_has_no_device_and_no_tunnel_to_leave_room_for() -> None:
    async with worlds.living(nodes=6, backend=HOST_GW) as one:
        for node, each in one.kubelets.items():
            kernel = look(one, node).kernel
            assert kernel.link("flannel.1") is None
            assert {link.mtu for link in kernel.links or () if link.name != "lo"} == {1500}
            assert kernel.subnet
            assert kernel.subnet.mtu == 1500
            annotations = one.api.get("nodes", "", node)["metadata"]["annotations"]
            prefix = "flannel.alpha.coreos.com/backend-"
            assert annotations[f"{prefix}type"] == "host-gw"
            assert json.loads(annotations[f"{prefix}data"]) is None
            assert each.flanneld()


F = faults.Fault
ROUTES = {
    "route_missing": {F.ROUTE_MISSING},
    "route_wrong": {F.ROUTE_WRONG},
    "routes_flushed": {F.ROUTES_FLUSHED},
    "stale_route": {F.ROUTE_STALE},
    "nic_down": {F.NIC_DOWN},
    "subnet_env_missing": {F.SUBNET_ENV_MISSING},
    "subnet_env_differs": {F.SUBNET_ENV_DIFFERS},
    "not_announced": {F.NOT_ANNOUNCED},
    "backend_mixed": {F.BACKENDS_MIXED},
    "public_ip_duplicate": {F.PUBLIC_IP_DUPLICATE, F.PUBLIC_IP_FOREIGN},
    "pod_cidr_duplicate": {F.POD_CIDR_DUPLICATE, F.BRIDGE_DIFFERS, F.SUBNET_ENV_DIFFERS},
}
TUNNEL = {
    "peer_missing": {F.PEER_NOT_SET_UP},
    "neighbour_missing": {F.NEIGHBOUR_MISSING},
    "neighbour_wrong": {F.NEIGHBOUR_WRONG},
    "neighbours_flushed": {F.NEIGHBOURS_FLUSHED},
    "fdb_missing": {F.FDB_MISSING},
    "fdb_wrong": {F.FDB_WRONG},
    "fdb_flushed": {F.FDB_FLUSHED},
    "device_bounced": {F.DEVICE_BOUNCED},
    "device_down": {F.DEVICE_DOWN},
    "device_gone": {F.DEVICE_MISSING},
    "mac_rewritten": {F.MAC_REWRITTEN},
    "mtu_too_big": {F.MTU_TOO_BIG},
    "nic_without_address": {F.NIC_LOST_ADDRESS},
    "pod_cidr_duplicate": {*ROUTES["pod_cidr_duplicate"], F.DEVICE_ADDRESS},
}
TOLD: dict[str, tuple[backends.Backend, dict[str, set[faults.Fault]]]] = {
    "vxlan": (VXLAN, {**ROUTES, **TUNNEL, "local_differs": {F.LOCAL_DIFFERS}}),
    "direct routing": (
        DIRECT,
        {
            **ROUTES,
            **TUNNEL,
            "route_missing": {F.DIRECT_ROUTE_LOST},
            "routes_flushed": {F.ROUTES_FLUSHED, F.DIRECT_ROUTE_LOST},
            "nic_bounced": {F.DIRECT_ROUTE_LOST},
        },
    ),
    "host-gw": (
        HOST_GW,
        {
            **ROUTES,
            "public_ip_duplicate": {*ROUTES["public_ip_duplicate"], F.PEER_OFF_LINK},
            "nic_without_address": {F.PUBLIC_IP_FOREIGN, F.PEER_OFF_LINK},
        },
    ),
}
"""Each fault of the pretend machines, and all that the bot says of the node it strikes."""

SILENT = {"exec_hangs", "pods_unlearned"}
"""What no table of the node itself shows."""


@pytest.mark.parametrize("name", TOLD)
async def test_every_fault_of_every_backend_is_told_and_healed(name: str) -> None:
    backend, expected = TOLD[name]
    async with worlds.living(nodes=12, seed=3, backend=backend) as one:
        switched = striking(one)
        assert set(faults_network.specs(one)) == {*expected, *SILENT}
        for fault, wanted in expected.items():
            switched.set(fault)
            node = switched.describe_one(fault)["nodes"][0]
            assert told(one, node) == wanted, fault
            switched.clear(fault)
            assert told(one, node) == set(), f"{fault} healed"


@pytest.mark.parametrize("name", TOLD)
def test_the_faults_of_a_backend_are_told_apart(name: str) -> None:
    _, expected = TOLD[name]
    alike = {("nic_bounced", "route_missing")}
    """Both are lost plain routes: of one peer, and of all."""
    for fault, wanted in expected.items():
        same = [other for other, each in expected.items() if other > fault and each == wanted]
        assert all((fault, other) in alike for other in same), (fault, same)


async def test_a_fault_that_finds_nothing_to_strike_is_refused() -> None:
    async with worlds.living(nodes=1, seed=3) as one:
        for fault in ("route_missing", "neighbour_missing", "public_ip_duplicate"):
            with pytest.raises(switches.BadRequest, match=r"no (peer|other node)"):
                striking(one).set(fault)
    async with worlds.living(nodes=4, backend=HOST_GW) as one:
        with pytest.raises(switches.UnknownFault, match="device_gone"):
            striking(one).set("device_gone")


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("image", "keeps"),
    [("flannel/flannel:v0.24.0", False), ("flannel/flannel:v0.24.1", True)],
)
async def test_a_device_made_anew_has_a_new_mac_up_to_v0240(image: str, keeps: bool) -> None:
    async with worlds.living(nodes=6, seed=3) as one:
        node = next(name for name in one.kubelets if name.startswith("phys"))
        other = next(name for name in one.kubelets if name != node)
        before = look(one, node).kernel.link("flannel.1")
        assert before
        striking(one).set("device_gone", nodes=[node])
        found = one.kubelets[node].flannel_container()
        assert found
        found[1].spec["image"] = image
        found[0].kill(found[1], 0)
        await worlds.pass_time(one, 60)
        after = look(one, node).kernel.link("flannel.1")
        assert after
        assert after.index > before.index
        assert (after.mac == before.mac) is keeps
        data = one.api.get("nodes", "", node)["metadata"]["annotations"]
        assert json.loads(data["flannel.alpha.coreos.com/backend-data"])["VtepMAC"] == after.mac
        assert told(one, node) == set()
        there = {entry.mac: entry.dst for entry in look(one, other).kernel.fdb or () if entry.dst}
        assert there[after.mac] == one.host(node).private_ip
        assert before.mac in there, "nobody removes the entry of the old MAC"
        assert told(one, other) <= {F.LEFTOVERS}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"backend": "ipip"}, "--backend: no backend 'ipip'; there are: vxlan, host-gw"),
        ({"backend": "host-gw", "direct_routing": True}, "--direct-routing is vxlan's"),
    ],
)
def test_a_backend_that_cannot_be_had_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(serve.CannotStart, match=why):
        serve.SimulatedCluster(serve.ClusterOptions(**changes))
