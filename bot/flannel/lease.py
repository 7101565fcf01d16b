"""What each node tells the others: its pod CIDR and flannel's annotations, read into values.

In kube mode a node's pod CIDR is its lease, and every flannel reads the others' annotations to
know where to send. Source: nodeToLease and AcquireLease in flannel's pkg/subnet/kube/kube.go.
"""

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain import snapshot
from bot.flannel import flags

DEFAULT_PREFIX = f"{flags.DEFAULT_ANNOTATION_PREFIX}/"


@dataclass(frozen=True, slots=True)
class Side:
    """One family of a lease. `gateway` is the subnet's own first address, the tunnel's next hop."""

    subnet: str
    gateway: str
    public_ip: str
    mac: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """What one node announces. `overwrite` is what a person wrote to be announced instead.

    `managed` is the annotation by which flannel says that it once started on the node; without
    it, and with no usable side, the other nodes do not know of it.
    """

    node: str
    backend: str = ""
    v4: Side | None = None
    v6: Side | None = None
    vni: int = 0
    managed: bool = False
    overwrite: str = ""
    pod_cidrs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def side(self, version: int) -> Side | None:
        """Return the lease of one family."""
        return self.v6 if version == 6 else self.v4

    @property
    def sides(self) -> tuple[tuple[int, Side], ...]:
        """Return the families it has."""
        pairs = ((4, self.v4), (6, self.v6))
        return tuple((version, side) for version, side in pairs if side is not None)

    @property
    def usable(self) -> bool:
        """Whether the other nodes can act on it."""
        return self.managed and bool(self.sides)


def read(nodes: Iterable[snapshot.Node], *, prefix: str = DEFAULT_PREFIX) -> tuple[Lease, ...]:
    """Read the leases of nodes; `prefix` is what their annotations begin with."""
    return tuple(of(node.name, node.pod_cidrs, node.annotations, prefix=prefix) for node in nodes)


def of(
    node: str,
    pod_cidrs: Sequence[str],
    annotations: Mapping[str, str],
    *,
    prefix: str = DEFAULT_PREFIX,
) -> Lease:
    """Read one node's lease."""
    problems: list[str] = []
    known = {
        key.removeprefix(prefix): value
        for key, value in annotations.items()
        if key.startswith(prefix)
    }
    backend = known.get("backend-type", "")
    networks: dict[int, ipaddress.IPv4Network | ipaddress.IPv6Network] = {}
    for text in pod_cidrs:
        network = network_of(text)
        if network is None:
            problems.append(f"its pod CIDR {text} is no prefix")
        else:
            networks[network.version] = network
    sides: dict[int, Side | None] = {}
    vni = 0
    for version, data, ip in (
        (4, "backend-data", "public-ip"),
        (6, "backend-v6-data", "public-ipv6"),
    ):
        network = networks.get(version)
        address = known.get(ip, "")
        if network is None or not address:
            continue
        found = _address(address, version=version)
        if found is None:
            problems.append(f"its annotation {ip} is {address!r}, which is no IPv{version} address")
            continue
        details = _details(known.get(data, ""))
        if details is None:
            problems.append(f"its annotation {data} is no JSON object")
            details = {}
        mac = _text(details, "VtepMAC").lower()
        if backend == "vxlan" and not mac:
            problems.append(f"its annotation {data} has no VtepMAC, so no one can send to it")
        number = details.get("VNI")
        vni = vni or (number if isinstance(number, int) else 0)
        sides[version] = Side(
            subnet=str(network),
            gateway=str(network.network_address),
            public_ip=found,
            mac=mac,
            key=_text(details, "PublicKey"),
        )
    return Lease(
        node=node,
        backend=backend,
        v4=sides.get(4),
        v6=sides.get(6),
        vni=vni,
        managed=known.get("kube-subnet-manager") == "true",
        overwrite=known.get("public-ip-overwrite") or known.get("node-public-ip", ""),
        pod_cidrs=tuple(pod_cidrs),
        problems=tuple(problems),
    )


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Read a prefix; None where it is none."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str, *, version: int) -> str | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(found) if found.version == version else None


def _details(text: str) -> Mapping[str, object] | None:
    if text in ("", "null"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(details: Mapping[str, object], name: str) -> str:
    value = details.get(name)
    return value if isinstance(value, str) else ""
