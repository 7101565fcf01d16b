"""What flannel should have put into a node's kernel, from what all nodes announce.

For each peer of the same backend: vxlan since v0.9 a route through its device, a permanent
neighbour for the route's gateway and a forwarding entry for the peer's MAC; host-gw a plain
route; ipip a route through its device; wireguard, udp and vxlan before v0.9 one route for the
whole network. Source: handleSubnetEvents of each backend in flannel's pkg/backend.
"""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.flannel import kernel, netconf
from bot.flannel.fleet import Fleet, Peers, entry_of, neighbour_of
from bot.flannel.kernel import FdbEntry, Neighbour, Route
from bot.flannel.lease import Side

_PER_PEER = frozenset({"vxlan", "host-gw", "ipip"})
_ONE_ROUTE = frozenset({"wireguard", "udp"})
NOTHING = frozenset({"alloc", "aws-vpc", "gce", "ali-vpc", "tencent-vpc"})
"""Backends whose routes are the cloud's own business; the kernel holds none of them."""


@dataclass(frozen=True, slots=True)
class Device:
    """flannel's own device as it should be; its MTU is the NIC's less one of the overheads."""

    name: str
    address: str
    mac: str = ""
    vni: int = 0
    port: int = 0
    overheads: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What one node should hold in one family.

    `direct` maps peers that are reached without the device to the NIC; `unreachable` are those
    that the backend cannot serve, since their address is not on the node's link (host-gw).
    """

    version: int
    own: Side
    peers: Peers
    device: Device | None
    routes: frozenset[Route] = frozenset()
    neighbours: frozenset[Neighbour] = frozenset()
    fdb: frozenset[FdbEntry] = frozenset()
    direct: Mapping[str, str] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()
    whole: str = ""
    """The network that one route covers, where the backend has one route for all peers."""

    @property
    def tunnelled(self) -> int:
        """How many peers are reached through the device by entries of their own."""
        return len(self.neighbours) if self.peers.backend == "vxlan" else len(self.routes)


def of(
    fleet: Fleet,
    node: str,
    *,
    routes: Sequence[Route] | None = None,
    routes6: Sequence[Route] | None = None,
    nic: str = "",
    direct: bool | None = None,
    network: str = "",
    network6: str = "",
) -> tuple[Expected, ...]:
    """Return what a node should hold, a value a family; nothing for a node without a lease.

    Args:
        fleet: What all nodes announce.
        node: Whose kernel.
        routes: The node's IPv4 routes, by which it decides who is on its link. Without them
            every peer is taken to be.
        routes6: The same for IPv6.
        nic: flannel's NIC on that node, through which host-gw and direct routes go.
        direct: DirectRouting, where it is known better than by the configuration.
        network: The whole pod network, where the configuration does not tell it.
        network6: The same for IPv6.
    """
    lease = fleet.leases.get(node)
    if lease is None or not lease.usable:
        return ()
    found = []
    for version, own in lease.sides:
        peers = fleet.peers(lease.backend, version)
        if node not in peers.sides:
            continue
        table = routes6 if version == 6 else routes
        reach = None if table is None else _reach(fleet, peers, table)
        found.append(
            _expected(
                fleet,
                peers,
                own,
                nic=nic,
                reach=reach,
                direct=fleet.conf.direct_routing if direct is None else direct,
                network=(fleet.conf.ipv6_network or network6)
                if version == 6
                else (fleet.conf.network or network),
            )
        )
    return tuple(found)


def _expected(
    fleet: Fleet,
    peers: Peers,
    own: Side,
    *,
    nic: str,
    reach: "_Reach | None",
    direct: bool | None,
    network: str,
) -> Expected:
    device = _device(fleet, peers, own)
    if peers.backend in NOTHING or peers.backend not in _PER_PEER | _ONE_ROUTE:
        return Expected(version=peers.version, own=own, peers=peers, device=device)
    if peers.backend in _ONE_ROUTE or (peers.backend == "vxlan" and fleet.by_misses):
        scope = "link" if peers.backend == "wireguard" else ""
        route = Route(network, dev=peers.device, scope=scope)
        return Expected(
            version=peers.version,
            own=own,
            peers=peers,
            device=device,
            routes=frozenset({route}) if network else frozenset(),
            whole=network,
        )
    on_link = {} if reach is None else reach.on_link
    if peers.backend == "host-gw":
        plain = _host_gw(fleet, peers, reach, nic)
        return Expected(
            version=peers.version,
            own=own,
            peers=peers,
            device=None,
            routes=plain.difference(_own_routes(peers, own, nic, {})),
            direct=dict.fromkeys(peers.sides, nic),
            unreachable=() if reach is None else reach.beyond(nic),
        )
    chosen = on_link if direct else {}
    shared = (
        _through(fleet, peers, reach, nic)
        if chosen
        else (peers.routes, peers.neighbours, peers.fdb)
    )
    mine = [peers.sides[node] for node in peers.owners[own.subnet]]
    return Expected(
        version=peers.version,
        own=own,
        peers=peers,
        device=device,
        routes=shared[0].difference(_own_routes(peers, own, nic, chosen)),
        neighbours=shared[1].difference(neighbour_of(peers, one) for one in mine),
        fdb=shared[2].difference(entry_of(peers, one) for one in mine),
        direct=chosen,
    )


def _own_routes(peers: Peers, own: Side, nic: str, chosen: Mapping[str, str]) -> set[Route]:
    """What a node does not set up: routes to its own subnet, whoever else claims it."""
    found = set()
    for node in peers.owners[own.subnet]:
        side = peers.sides[node]
        found.add(peers.tunnel_route(side))
        found.add(
            peers.direct_route(side, chosen.get(node, nic) if peers.backend == "vxlan" else nic)
        )
    return found


_Shared = tuple[frozenset[Route], frozenset[Neighbour], frozenset[FdbEntry]]


@dataclass(frozen=True, slots=True)
class _Reach:
    """Which peers one routing table reaches without a gateway, and through which NIC."""

    on_link: Mapping[str, str]
    all: tuple[str, ...]

    def beyond(self, nic: str) -> tuple[str, ...]:
        """Return the peers that are not on that NIC's link."""
        return tuple(node for node in self.all if self.on_link.get(node) != nic)


def _reach(fleet: Fleet, peers: Peers, table: Sequence[Route]) -> _Reach:
    """Answer `ip route get` for every peer's address at once.

    Hosts of one rack have the same routes but for pod subnets, so answers are kept by what is
    left of a table without those. Source of the rule: DirectRouting in flannel's pkg/ip.
    """
    bones = frozenset(
        (
            route.dst,
            route.gateway or (route.hops[0][0] if route.hops else ""),
            route.dev,
            route.metric,
        )
        for route in table
        if route.dst not in peers.owners
        and route.kind == "unicast"
        and "dead" not in route.flags
        # Pods' own and link-local routes differ from host to host and lead to no peer.
        and not route.dev.startswith(("cni", "veth", "cali"))
        and not route.dst.startswith("fe80:")
    )
    key = ("reach", peers.backend, peers.version, bones)
    found = fleet.memo.get(key)
    if isinstance(found, _Reach):
        return found
    spans = []
    for dst, gateway, dev, metric in bones:
        span = kernel.bounds(dst)
        if span is not None and (":" in dst) == (peers.version == 6):
            spans.append((span[2], -metric, span[0], span[1], gateway, dev))
    winners = [("?", "")] * len(peers.ips)
    for _, _, low, high, gateway, dev in sorted(spans):
        start, end = bisect.bisect_left(peers.ips, low), bisect.bisect_right(peers.ips, high)
        winners[start:end] = [(gateway, dev)] * (end - start)
    on_link = {
        node: dev for node, (gateway, dev) in zip(peers.nodes, winners, strict=True) if not gateway
    }
    made = _Reach(on_link=on_link, all=peers.nodes)
    fleet.memo[key] = made
    return made


def _host_gw(fleet: Fleet, peers: Peers, reach: _Reach | None, nic: str) -> frozenset[Route]:
    key = ("host-gw", peers.version, nic, id(reach))
    found = fleet.memo.get(key)
    if not isinstance(found, frozenset):
        found = fleet.memo[key] = frozenset(
            peers.direct_route(side, nic)
            for node, side in peers.sides.items()
            if (reach is None or reach.on_link.get(node) == nic)
            and side.subnet not in peers.contested
        )
    return found


def _through(fleet: Fleet, peers: Peers, reach: _Reach | None, nic: str) -> _Shared:
    """All entries under DirectRouting: a plain route to those on the link, else the tunnel."""
    key = ("direct", peers.backend, peers.version, nic, id(reach))
    found = fleet.memo.get(key)
    if not isinstance(found, tuple):
        on_link = {} if reach is None else reach.on_link
        near = {node: side for node, side in peers.sides.items() if node in on_link}
        # ipip keeps its own NIC; vxlan's direct route names none, so the kernel takes its table's.
        direct = (
            peers.direct_route(side, nic if peers.backend == "ipip" else on_link[node])
            for node, side in near.items()
            if side.subnet not in peers.contested
        )
        found = fleet.memo[key] = (
            peers.routes.difference(map(peers.tunnel_route, near.values())).union(direct),
            peers.neighbours.difference(neighbour_of(peers, side) for side in near.values()),
            peers.fdb.difference(entry_of(peers, side) for side in near.values()),
        )
    return found


def _device(fleet: Fleet, peers: Peers, own: Side) -> Device | None:
    if not peers.device:
        return None
    backend, conf = peers.backend, fleet.conf
    overhead = netconf.TUNNELLED[backend]
    # A v6 device has the kernel's own 70 unless flannel set it, which newer ones do.
    overheads = (
        (overhead, netconf.V6_VXLAN) if (backend, peers.version) == ("vxlan", 6) else (overhead,)
    )
    return Device(
        name=peers.device,
        address="" if backend == "udp" else own.gateway,
        mac=own.mac if backend == "vxlan" else "",
        vni=fleet.vni if backend == "vxlan" else 0,
        port=(conf.port or (netconf.VXLAN_PORT if conf.backend == "vxlan" else 0))
        if backend == "vxlan"
        else 0,
        overheads=overheads,
    )
