"""All nodes' leases together, arranged so that a node's share is a set difference.

A fleet of a thousand nodes expects a million routes. What all nodes expect alike is made once,
and kept: a value whose answers never change may remember them.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bot.flannel import kernel, netconf, versions
from bot.flannel.kernel import FdbEntry, Neighbour, Route
from bot.flannel.lease import Lease, Side, network_of

_ONLINK = ("onlink",)
_PERMANENT_METRIC = {4: 0, 6: 1024}
"""IPv6 routes get 1024 where none is asked for (the kernel's IP6_RT_PRIO_USER)."""


@dataclass(frozen=True, slots=True)
class Peers:
    """What nodes of one backend announce in one family, arranged for joining."""

    version: int
    backend: str
    device: str
    sides: Mapping[str, Side]
    owners: Mapping[str, tuple[str, ...]]
    by_gateway: Mapping[str, str]
    by_mac: Mapping[str, str]
    contested: frozenset[str]
    ips: tuple[int, ...]
    nodes: tuple[str, ...]
    lengths: tuple[int, ...] = ()
    """Prefix lengths of the subnets."""
    routes: frozenset[Route] = frozenset()
    neighbours: frozenset[Neighbour] = frozenset()
    fdb: frozenset[FdbEntry] = frozenset()

    def tunnel_route(self, side: Side) -> Route:
        """Return the route to a peer through the device."""
        gateway = side.public_ip if self.backend == "ipip" else side.gateway
        metric = _PERMANENT_METRIC[self.version]
        return Route(side.subnet, gateway, self.device, _ONLINK, metric)

    def direct_route(self, side: Side, dev: str) -> Route:
        """Return the route to a peer without the device."""
        onlink = _ONLINK if self.backend == "ipip" else ()
        return Route(side.subnet, side.public_ip, dev, onlink, _PERMANENT_METRIC[self.version])


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every node's lease and what is known of the configuration."""

    leases: Mapping[str, Lease]
    conf: netconf.NetConf = field(default_factory=netconf.NetConf)
    version: versions.Version | None = None
    public_ips: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    macs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    overlaps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Nodes whose pod CIDRs overlap with others', each with those."""
    vni: int = 1
    mostly_private: bool = False
    memo: dict[object, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def by_misses(self) -> bool:
        """Whether vxlan still asks flannel for every entry (before v0.9)."""
        return self.version is not None and self.version < versions.Version(0, 9, 0)

    @property
    def claimed(self) -> frozenset[str]:
        """The pod CIDRs of all nodes, whatever these announce."""
        found = self.memo.get("claimed")
        if not isinstance(found, frozenset):
            cidrs = (cidr for one in self.leases.values() for cidr in one.pod_cidrs)
            networks = filter(None, map(network_of, cidrs))
            found = self.memo["claimed"] = frozenset(map(str, networks))
        return found

    def peers(self, backend: str, version: int) -> Peers:
        """Return all usable leases of a backend in one family, made once."""
        key = ("peers", backend, version)
        found = self.memo.get(key)
        if not isinstance(found, Peers):
            found = self.memo[key] = _peers(self, backend, version)
        return found

    def device(self, backend: str, version: int) -> str:
        """Return what flannel calls its device for a backend; nothing where it has none."""
        return device_name(backend, version, vni=self.vni)


def device_name(backend: str, version: int, *, vni: int = 1) -> str:
    """Return what flannel calls its device for a backend and family; nothing where it has none."""
    six = version == 6
    return {
        "vxlan": f"flannel{'-v6' if six else ''}.{vni}",
        "ipip": "flannel.ipip",
        "wireguard": f"flannel-wg{'-v6' if six else ''}",
        "udp": "flannel0",
    }.get(backend, "")


def gather(
    leases: Iterable[Lease],
    *,
    conf: netconf.NetConf | None = None,
    version: versions.Version | None = None,
) -> Fleet:
    """Arrange what all nodes announce; `conf` where net-conf.json could be read."""
    by_node = {one.node: one for one in leases}
    conf = conf or netconf.NetConf()
    ips: dict[str, list[str]] = {}
    macs: dict[str, list[str]] = {}
    vnis: dict[int, int] = {}
    private = 0
    for one in by_node.values():
        if not one.managed:
            continue
        vnis[one.vni] = vnis.get(one.vni, 0) + 1
        for _, side in one.sides:
            ips.setdefault(side.public_ip, []).append(one.node)
            if side.mac and one.backend == "vxlan":
                macs.setdefault(side.mac, []).append(one.node)
        private += bool(one.v4 and kernel.is_private(one.v4.public_ip))
    vnis.pop(0, None)
    return Fleet(
        leases=by_node,
        conf=conf,
        version=version,
        public_ips={ip: tuple(nodes) for ip, nodes in ips.items()},
        macs={mac: tuple(nodes) for mac, nodes in macs.items()},
        overlaps=_overlaps(by_node.values()),
        vni=conf.vni or max(vnis, key=lambda vni: vnis[vni], default=1),
        mostly_private=private * 2 > sum(one.managed and bool(one.v4) for one in by_node.values()),
    )


def _overlaps(leases: Iterable[Lease]) -> Mapping[str, tuple[str, ...]]:
    spans = sorted(
        (4 if ":" not in text else 6, span[0], span[1], one.node)
        for one in leases
        for text in one.pod_cidrs
        if (span := kernel.bounds(text)) is not None
    )
    found: dict[str, tuple[str, ...]] = {}
    reaching: tuple[int, int, int, str] = (0, 0, -1, "")
    for one_span in spans:
        # Sorted by their beginning, so only the one that reaches farthest can still overlap.
        if one_span[0] == reaching[0] and one_span[1] <= reaching[2] and one_span[3] != reaching[3]:
            for one, other in ((one_span[3], reaching[3]), (reaching[3], one_span[3])):
                found[one] = (*found.get(one, ()), other)
        if one_span[0] != reaching[0] or one_span[2] > reaching[2]:
            reaching = one_span
    return found


def _peers(fleet: Fleet, backend: str, version: int) -> Peers:
    sides = {
        node: side
        for node, one in fleet.leases.items()
        if one.managed and one.backend == backend and (side := one.side(version)) is not None
    }
    owners: dict[str, tuple[str, ...]] = {}
    for node, side in sides.items():
        owners[side.subnet] = (*owners.get(side.subnet, ()), node)
    contested = frozenset(subnet for subnet, nodes in owners.items() if len(nodes) > 1)
    ordered = sorted(
        (int(ipaddress.ip_address(side.public_ip)), node) for node, side in sides.items()
    )
    bare = Peers(
        version=version,
        backend=backend,
        device=fleet.device(backend, version),
        sides=sides,
        owners=owners,
        by_gateway={side.gateway: node for node, side in sides.items()},
        by_mac={side.mac: node for node, side in sides.items() if side.mac},
        contested=contested,
        ips=tuple(number for number, _ in ordered),
        nodes=tuple(node for _, node in ordered),
        lengths=tuple(sorted({int(subnet.rpartition("/")[2]) for subnet in owners})),
    )
    if backend not in ("vxlan", "ipip"):
        return bare
    # A peer without a MAC cannot be set up, and of two that claim one subnet either may win.
    vxlan = backend == "vxlan"
    plain = [
        side for side in sides.values() if side.subnet not in contested and (side.mac or not vxlan)
    ]
    return replace(
        bare,
        routes=frozenset(map(bare.tunnel_route, plain)),
        neighbours=frozenset(neighbour_of(bare, side) for side in plain if vxlan),
        fdb=frozenset(entry_of(bare, side) for side in plain if vxlan),
    )


def neighbour_of(peers: Peers, side: Side) -> Neighbour:
    """Return the neighbour by which vxlan sends to a peer."""
    return Neighbour(side.gateway, peers.device, side.mac, "PERMANENT")


def entry_of(peers: Peers, side: Side) -> FdbEntry:
    """Return the forwarding entry by which vxlan sends to a peer."""
    return FdbEntry(side.mac, peers.device, side.public_ip, "", "permanent", ("self",))
