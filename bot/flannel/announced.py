"""What is wrong with what nodes announce, before any kernel is looked at."""

import functools
import ipaddress
from collections.abc import Sequence

from bot.domain import units
from bot.flannel.faults import Deviation, Fault, order
from bot.flannel.fleet import Fleet
from bot.flannel.kernel import Kernel, bounds, is_private
from bot.flannel.lease import Lease

_INNER = ("cni", "docker", "flannel", "veth", "cali")
"""NICs whose private addresses are pods' and not the host's."""


def of_fleet(fleet: Fleet, *, private: Sequence[str] = ()) -> tuple[Deviation, ...]:
    """Judge every node, and the fleet as a whole (mixed backends); once for each fleet."""
    key = ("announced", tuple(private))
    known = fleet.memo.get(key)
    if not isinstance(known, tuple):
        known = fleet.memo[key] = _of_fleet(fleet, private)
    return known


def _of_fleet(fleet: Fleet, private: Sequence[str]) -> tuple[Deviation, ...]:
    found = [one for node in fleet.leases for one in of_node(fleet, node, private=private)]
    backends, most = _backends(fleet)
    if len(backends) > 1:
        others = sorted(node for name, nodes in backends.items() if name != most for node in nodes)
        found.append(
            Deviation(
                Fault.BACKENDS_MIXED,
                node="",
                summary=f"{units.count(len(others), 'node')} of another backend than {most}",
                evidence=tuple(
                    f"{name}: {units.listing(sorted(nodes), most=5)}"
                    for name, nodes in sorted(backends.items())
                ),
                peers=tuple(others),
            )
        )
    return order(found)


def _backends(fleet: Fleet) -> tuple[dict[str, list[str]], str]:
    """The nodes by their backend, and the backend that most have."""
    backends: dict[str, list[str]] = {}
    for lease in fleet.leases.values():
        if lease.usable:
            backends.setdefault(lease.backend, []).append(lease.node)
    return backends, max(backends, key=lambda name: len(backends[name]), default="")


def odd_backend(fleet: Fleet, node: str) -> tuple[Deviation, ...]:
    """Judge whether one node announces another backend than most: then they ignore each other."""
    most = fleet.memo.get("backend")
    if not isinstance(most, str):
        most = fleet.memo["backend"] = _backends(fleet)[1]
    lease = fleet.leases[node]
    if not lease.usable or lease.backend == most:
        return ()
    told = f"it announces backend {lease.backend or 'none'}, most nodes announce {most}"
    return (Deviation(Fault.BACKENDS_MIXED, node, told),)


def of_node(
    fleet: Fleet, node: str, *, private: Sequence[str] = (), kernel: Kernel | None = None
) -> tuple[Deviation, ...]:
    """Judge what one node announces.

    `private` are the prefixes that its address must be in; without them a public address is
    wrong where most nodes announce private ones. `kernel` adds which NIC it is.
    """
    lease = fleet.leases[node]
    found: list[Deviation] = []
    if not lease.pod_cidrs:
        found.append(Deviation(Fault.POD_CIDR_MISSING, node, "it has no pod CIDR"))
    elif not lease.managed:
        found.append(
            Deviation(Fault.NOT_ANNOUNCED, node, "flannel has announced nothing for this node")
        )
    elif not lease.usable or lease.problems:
        found.append(
            Deviation(
                Fault.ANNOTATION_BROKEN,
                node,
                "its annotations are not usable",
                evidence=lease.problems or ("no public-ip for any of its pod CIDRs",),
            )
        )
    found += _cidrs(fleet, lease)
    for version, side in lease.sides if lease.managed else ():
        twins = tuple(one for one in fleet.public_ips.get(side.public_ip, ()) if one != node)
        if twins:
            found.append(
                Deviation(
                    Fault.PUBLIC_IP_DUPLICATE,
                    node,
                    f"{side.public_ip} is also announced by {units.listing(list(twins), most=3)}",
                    peers=twins,
                )
            )
        same = tuple(one for one in fleet.macs.get(side.mac, ()) if side.mac and one != node)
        if same:
            found.append(
                Deviation(
                    Fault.VTEP_MAC_DUPLICATE,
                    node,
                    f"tunnel MAC {side.mac} is also that of {units.listing(list(same), most=3)}",
                    peers=same,
                )
            )
        if version == 4:
            found += _wrong_nic(fleet, lease, side.public_ip, tuple(private), kernel)
    return tuple(found)


def _cidrs(fleet: Fleet, lease: Lease) -> list[Deviation]:
    found = []
    twins = fleet.overlaps.get(lease.node, ())
    if twins:
        found.append(
            Deviation(
                Fault.POD_CIDR_DUPLICATE,
                lease.node,
                f"its pod CIDR {', '.join(lease.pod_cidrs)} overlaps that of "
                f"{units.listing(list(twins), most=3)}",
                evidence=tuple(
                    f"{twin}: {', '.join(fleet.leases[twin].pod_cidrs)}" for twin in twins[:5]
                ),
                peers=twins,
            )
        )
    for version, side in lease.sides:
        network = fleet.conf.ipv6_network if version == 6 else fleet.conf.network
        if network and not inside(side.subnet, (network,)):
            found.append(
                Deviation(
                    Fault.POD_CIDR_OUTSIDE,
                    lease.node,
                    f"its pod CIDR {side.subnet} is not in flannel's Network {network}",
                )
            )
    return found


def _wrong_nic(
    fleet: Fleet, lease: Lease, ip: str, private: tuple[str, ...], kernel: Kernel | None
) -> list[Deviation]:
    if private:
        wrong = not inside(ip, private)
        rule = f"it is not in {', '.join(private)}"
    else:
        wrong = fleet.mostly_private and not is_private(ip)
        rule = "it is a public address, and most nodes announce private ones"
    if not wrong:
        return []
    evidence = [f"public-ip {ip}: {rule}"]
    if lease.overwrite:
        evidence.append(f"an annotation asks for {lease.overwrite}")
    holder = kernel.holder(ip) if kernel else None
    if holder is not None:
        evidence.append(f"{ip} is on {holder.name}")
    for link in (kernel.links or ()) if kernel else ():
        better = [one for one in link.ips() if _would_do(one, private)]
        if better and not link.name.startswith(_INNER):
            evidence.append(f"{link.name} has {better[0]}")
    where = f" ({holder.name})" if holder else ""
    return [
        Deviation(
            Fault.WRONG_NIC,
            lease.node,
            f"it announces {ip}{where}, not a private address",
            evidence=tuple(evidence),
        )
    ]


def _would_do(ip: str, private: tuple[str, ...]) -> bool:
    if private:
        return inside(ip, private)
    address = ipaddress.ip_address(ip)
    return address.is_private and not (address.is_loopback or address.is_link_local)


def inside(prefix: str, networks: tuple[str, ...]) -> bool:
    """Whether an address or a prefix lies in one of the networks."""
    span = bounds(prefix)
    if span is None:
        return False
    family = 6 if ":" in prefix else 4
    return any(
        version == family and low <= span[0] and span[1] <= high
        for version, low, high in _spans(networks)
    )


@functools.lru_cache(maxsize=64)
def _spans(networks: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    found = []
    for text in networks:
        for part in text.split(","):
            try:
                network = ipaddress.ip_network(part.strip(), strict=False)
            except ValueError:
                continue
            low, high = int(network.network_address), int(network.broadcast_address)
            found.append((network.version, low, high))
    return tuple(found)
