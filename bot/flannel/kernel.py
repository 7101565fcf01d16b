"""What one host's kernel holds of the network, as values.

Names are the kernel's own: `@if3` behind a name in `ip`'s text is decoration and is not part of
it. A default route's destination is written out (0.0.0.0/0 or ::/0) and a host route carries its
/32 or /128, so that equal routes are equal whichever program printed them. A part that was not
read is None, which is not the same as empty.
"""

import functools
import ipaddress
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

ANY4 = "0.0.0.0/0"
ANY6 = "::/0"


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a NIC. `flags` are sorted words such as "deprecated", "dynamic"."""

    ip: str
    prefix: int
    scope: str = "global"
    label: str = ""
    flags: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.ip else 4

    def __str__(self) -> str:
        return f"{self.ip}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What `ip -d link` tells of a tunnel device; empty or zero where it does not say."""

    vni: int = 0
    local: str = ""
    lower: str = ""
    port: int = 0
    learning: bool | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One NIC. `parent` is the name behind the @, `parent_index` where only an index is known.

    `kind` ("vxlan", "veth", ...) and `tunnel` come with `ip -d` only.
    """

    name: str
    index: int = 0
    flags: tuple[str, ...] = ()
    mtu: int = 0
    state: str = ""
    mac: str = ""
    medium: str = ""
    kind: str = ""
    master: str = ""
    parent: str = ""
    parent_index: int = 0
    addresses: tuple[Address, ...] = ()
    tunnel: Tunnel | None = None

    @property
    def up(self) -> bool:
        """Whether it is switched on; says nothing of its cable."""
        return "UP" in self.flags

    @property
    def carrier(self) -> bool:
        """Whether it is on and something is at the other end."""
        return self.up and "NO-CARRIER" not in self.flags

    def ips(self, version: int = 4) -> tuple[str, ...]:
        """Return its addresses of one family in order, link-local ones included."""
        return tuple(one.ip for one in self.addresses if one.version == version)


class Route(NamedTuple):
    """One route. `kind` is "unicast" unless it says "blackhole", "unreachable" and the like.

    A tuple and no dataclass: a thousand nodes hold a million of them, and they are compared as
    sets. Empty `protocol` and `scope` stand for boot and global, which `ip` does not print.
    """

    dst: str
    gateway: str = ""
    dev: str = ""
    flags: tuple[str, ...] = ()
    metric: int = 0
    kind: str = "unicast"
    protocol: str = ""
    scope: str = ""
    source: str = ""
    table: str = ""
    hops: tuple[tuple[str, str], ...] = ()
    """Gateway and device of each next hop of a multipath route."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.dst else 4

    def __str__(self) -> str:
        words = [] if self.kind == "unicast" else [self.kind]
        words.append("default" if self.dst in (ANY4, ANY6) else self.dst)
        words += [f"via {self.gateway}"] if self.gateway else []
        words += [f"dev {self.dev}"] if self.dev else []
        words += [f"nexthop via {gateway} dev {dev}" for gateway, dev in self.hops]
        words += [f"metric {self.metric}"] if self.metric else []
        return " ".join([*words, *self.flags])


class Neighbour(NamedTuple):
    """One entry of the ARP or neighbour table."""

    ip: str
    dev: str
    mac: str = ""
    state: str = ""

    def __str__(self) -> str:
        return " ".join(
            filter(None, [self.ip, "dev", self.dev, self.mac and f"lladdr {self.mac}", self.state])
        )


class FdbEntry(NamedTuple):
    """One forwarding entry: behind which port, or at which tunnel end (`dst`), a MAC is."""

    mac: str
    dev: str
    dst: str = ""
    master: str = ""
    state: str = ""
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [self.mac, "dev", self.dev]
        words += [f"dst {self.dst}"] if self.dst else []
        words += [f"master {self.master}"] if self.master else []
        return " ".join([*words, *self.flags, self.state]).rstrip()


@dataclass(frozen=True, slots=True)
class WireguardPeer:
    """One peer of a WireGuard device; `endpoint` is IP and port as `wg` writes them."""

    dev: str
    public_key: str
    endpoint: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubnetEnv:
    """/run/flannel/subnet.env, which flannel leaves for the CNI plugin.

    `subnet` is the first address of the node's pod CIDR with its prefix (10.244.1.1/24). A
    network may be several, separated by commas. Source: WriteSubnetFile in flannel's
    pkg/subnet/subnet.go.
    """

    network: str = ""
    subnet: str = ""
    mtu: int = 0
    ipmasq: bool | None = None
    ipv6_network: str = ""
    ipv6_subnet: str = ""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What was read of one host. None is "not read"; `subnet_missing` is "looked, no file"."""

    links: tuple[Link, ...] | None = None
    routes: tuple[Route, ...] | None = None
    routes6: tuple[Route, ...] | None = None
    neighbours: tuple[Neighbour, ...] | None = None
    fdb: tuple[FdbEntry, ...] | None = None
    subnet: SubnetEnv | None = None
    subnet_missing: bool = False
    wireguard: tuple[WireguardPeer, ...] | None = None
    odd: tuple[str, ...] = ()
    """Lines that nothing here understood, to be shown rather than dropped."""

    def link(self, name: str) -> Link | None:
        """Return the NIC of that name."""
        return next((one for one in self.links or () if one.name == name), None)

    def holder(self, ip: str) -> Link | None:
        """Return the first NIC that has this address."""
        return next(
            (one for one in self.links or () if any(a.ip == ip for a in one.addresses)), None
        )

    def table(self, version: int) -> tuple[Route, ...] | None:
        """Return the routes of one family."""
        return self.routes6 if version == 6 else self.routes


def lookup(routes: Iterable[Route], ip: str) -> Route | None:
    """Return the route that a packet to this address takes, as `ip route get` would.

    The longest prefix wins, then the lowest metric. Routes marked dead do not count, nor do
    other tables: policy routing is not seen here.
    """
    try:
        number = int(ipaddress.ip_address(ip))
    except ValueError:
        return None
    best: tuple[int, int] | None = None
    found = None
    for route in routes:
        if route.table not in ("", "main") or "dead" in route.flags:
            continue
        span = bounds(route.dst)
        if span is None or (":" in ip) != (route.version == 6):
            continue
        low, high, length = span
        rank = (length, -route.metric)
        if low <= number <= high and (best is None or rank > best):
            best, found = rank, route
    return found


@functools.lru_cache(maxsize=16_384)
def bounds(prefix: str) -> tuple[int, int, int] | None:
    """Return a prefix's first and last address as numbers and its length; None if it is none."""
    try:
        network = ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return None
    return int(network.network_address), int(network.broadcast_address), network.prefixlen


@functools.lru_cache(maxsize=16_384)
def is_private(ip: str) -> bool:
    """Whether an address is of a range that nobody routes on the internet."""
    return ipaddress.ip_address(ip).is_private


def port_of(kernel: Kernel, pod_ip: str) -> str:
    """Return the host's NIC behind which a pod is, or nothing where the tables do not say."""
    return ports_of(kernel, (pod_ip,)).get(pod_ip, "")


def ports_of(kernel: Kernel, pod_ips: Collection[str]) -> dict[str, str]:
    """Return the host's NIC behind which each pod is, without those of which nothing is told.

    Pod IP to MAC by the neighbours, MAC to port by the bridge's forwarding entries; the host's
    own MACs are permanent there and are not pods. A pod that nothing has spoken to has no
    neighbour entry yet: one TCP connect to it makes one. Each table is read once, however many
    pods are asked for.
    """
    ports: dict[str, str] = {}
    for entry in kernel.fdb or ():
        if entry.master and entry.state != "permanent":
            ports.setdefault(entry.mac, entry.dev)
    found: dict[str, str] = {}
    for one in kernel.neighbours or ():
        if one.ip in pod_ips and one.mac in ports and one.state not in ("FAILED", "INCOMPLETE"):
            found.setdefault(one.ip, ports[one.mac])
    return found


def behind(kernel: Kernel, port: str) -> str:
    """Return a pod's IP behind a NIC of the host, or nothing where the tables do not say.

    The way of `port_of` backwards: it needs no list of pods, and names none.
    """
    macs = {
        one.mac
        for one in kernel.fdb or ()
        if one.dev == port and one.master and one.state != "permanent"
    }
    found = (
        one.ip
        for one in kernel.neighbours or ()
        if one.mac in macs and one.state not in ("FAILED", "INCOMPLETE")
    )
    return next(found, "")


def merged(links: Sequence[Link], others: Sequence[Link]) -> tuple[Link, ...]:
    """Join two readings of the same NICs, e.g. `ip addr` and `ip -d link`; the first leads."""
    more = {one.name: one for one in others}
    seen = {one.name for one in links}
    joined = [_joined(one, more[one.name]) if one.name in more else one for one in links]
    return (*joined, *(one for one in others if one.name not in seen))


def _joined(one: Link, other: Link) -> Link:
    return Link(
        name=one.name,
        index=one.index or other.index,
        flags=one.flags or other.flags,
        mtu=one.mtu or other.mtu,
        state=one.state or other.state,
        mac=one.mac or other.mac,
        medium=one.medium or other.medium,
        kind=one.kind or other.kind,
        master=one.master or other.master,
        parent=one.parent or other.parent,
        parent_index=one.parent_index or other.parent_index,
        addresses=one.addresses or other.addresses,
        tunnel=one.tunnel or other.tunnel,
    )
