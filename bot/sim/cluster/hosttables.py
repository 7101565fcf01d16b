"""One machine's tables: links, routes, neighbours, forwarding entries, subnet.env.

Derived from its NICs, the pods on it, and what flannel has set up there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sim.cluster import entries, hosts, network, selection
from bot.sim.cluster.network import DEVICE

Object = dict[str, Any]

BRIDGE = "cni0"
_FOREVER = {"valid_life_time": 4294967295, "preferred_life_time": 4294967295}
_QUEUES = {
    "gso_max_size": 65536,
    "gso_max_segs": 65535,
    "tso_max_size": 524280,
    "tso_max_segs": 65535,
    "gro_max_size": 65536,
}
_VXLAN = {
    "learning": False,
    "ttl": 0,
    "df": "unset",
    "ageing": 300,
    "udp_csum": True,
    "udp_zero_csum6_tx": False,
    "udp_zero_csum6_rx": False,
}
_KINDS = {"docker0": "bridge", BRIDGE: "bridge"}


class Tables:
    """What the kernel of one machine holds.

    Args:
        host: the machine.
        net: all machines' kernels.
    """

    def __init__(self, host: hosts.Host, net: network.Network) -> None:
        self._host = host
        self._net = net
        self._state = net.states[host.name]

    def links(self, *, details: bool, addresses: bool) -> list[Object]:
        """Links in the order of this kernel's dump.

        Args:
            details: as with `ip -d`.
            addresses: as `ip addr` has them, else as `ip link`.
        """
        return [
            self._link(link, details=details, addresses=addresses)
            for link in self._host.dump()
            if link.name != DEVICE or self._device_there
        ]

    @property
    def _device_there(self) -> bool:
        return self._net.backend.tunnelled and self._state.device.there

    def _up(self, link: selection.Link) -> bool:
        state = self._state
        if link.name == DEVICE:
            return state.device.up
        return link.up and not (link.name == state.device.lower and state.nic_down)

    def _link(self, link: selection.Link, *, details: bool, addresses: bool) -> Object:
        host, device = self._host, self._state.device
        loopback, veth, tunnel = link.name == "lo", link.name in host.veths, link.name == DEVICE
        up, bridge = self._up(link), link.name in _KINDS
        master = host.slaves.get(link.name) or (BRIDGE if veth else "")
        row: Object = {"ifindex": link.ifindex}
        row |= {"link_index": 2} if veth else {}
        row |= {
            "ifname": link.name,
            "flags": [
                *(["LOOPBACK"] if loopback else ["BROADCAST", "MULTICAST"]),
                *(["UP", "LOWER_UP"] if up else []),
            ],
            "mtu": (device.mtu if tunnel else 0) or link.mtu,
            "qdisc": "noqueue" if loopback or veth or tunnel or bridge else "fq_codel",
        }
        row |= {"master": master} if master else {}
        row["operstate"] = "UNKNOWN" if loopback or tunnel else ("UP" if up else "DOWN")
        row |= {} if addresses else {"linkmode": "DEFAULT"}
        row["group"] = "default"
        row |= {} if tunnel else {"txqlen": 1000}
        row |= {
            "link_type": "loopback" if loopback else "ether",
            "address": "00:00:00:00:00:00" if loopback else self._mac(link.name),
            "broadcast": "00:00:00:00:00:00" if loopback else "ff:ff:ff:ff:ff:ff",
        }
        row |= {"link_netnsid": link.ifindex % 97} if veth else {}
        row |= self._details(link.name, loopback=loopback, veth=veth) if details else {}
        if addresses:
            row["addr_info"] = list(self._addresses(link, up=up))
        return row

    def _details(self, name: str, *, loopback: bool, veth: bool) -> Object:
        device = self._state.device
        on_bridge = int(veth)
        row: Object = {
            "promiscuity": on_bridge,
            "allmulti": on_bridge,
            "min_mtu": 0 if loopback else 68,
            "max_mtu": 0 if loopback else 65535,
        }
        if name == DEVICE:
            row["linkinfo"] = {
                "info_kind": "vxlan",
                "info_data": {
                    "id": 1,
                    "local": device.local,
                    "link": device.lower,
                    "port_range": {"low": 0, "high": 0},
                    "port": 8472,
                    **_VXLAN,
                },
            }
        elif veth:
            row["linkinfo"] = {"info_kind": "veth", "info_slave_kind": "bridge"}
        elif name in _KINDS:
            row["linkinfo"] = {"info_kind": _KINDS[name]}
        queues = 2 if veth else 1
        row |= {
            "inet6_addr_gen_mode": "eui64",
            "num_tx_queues": queues,
            "num_rx_queues": queues,
            **_QUEUES,
        }
        return row

    def _addresses(self, link: selection.Link, *, up: bool) -> Iterator[Object]:
        state = self._state
        if not (link.name == state.device.lower and state.nic_bare):
            for one in link.addresses:
                row: Object = {"family": "inet", "local": one.address, "prefixlen": one.prefix}
                row |= {"broadcast": one.address} if link.name == DEVICE else {}
                yield row | {"scope": one.scope, "label": link.name, **_FOREVER}
        if up:
            local = "::1" if link.name == "lo" else _link_local(self._mac(link.name))
            yield {
                "family": "inet6",
                "local": local,
                "prefixlen": 128 if link.name == "lo" else 64,
                "scope": "host" if link.name == "lo" else "link",
                **_FOREVER,
            }

    def _mac(self, name: str) -> str:
        return self._state.device.mac if name == DEVICE else self._net.mac(self._host.name, name)

    def routes(self) -> list[entries.Entry]:
        """The host's own routes, cni0's, and flannel's, in the order of the kernel's table."""
        host, state = self._host, self._state
        found = [
            entries.route(one.dst, one.dev, one.gateway, source=one.prefsrc)
            for one in host.routes()
            if one.dev != DEVICE and not (one.dev == state.device.lower and self._nic_useless)
        ]
        found += self._to_peers()
        return sorted(found, key=lambda one: one.place)

    @property
    def _nic_useless(self) -> bool:
        return self._state.nic_down or self._state.nic_bare

    def _to_peers(self) -> Iterator[entries.Entry]:
        state, backend = self._state, self._net.backend
        lower = state.device.lower
        link = self._on_link()
        tunnel = self._device_there and state.device.up and "tunnel" not in state.wiped
        plain = not self._nic_useless and "plain" not in state.wiped
        for name, peer in self._net.peers(self._host.name).items():
            if name in state.no_route or peer.backend != backend.name:
                continue
            near = backend.plain_routes and link.holds(peer.public_ip)
            if name in state.wrong_gateway and (plain if near else tunnel):
                yield _misled(peer, lower, state.wrong_gateway[name], near=near)
            elif near:
                if plain:
                    yield peer.plain_route(lower)
            elif tunnel:
                yield peer.tunnel_route

    def _on_link(self) -> _Link:
        lower = self._state.device.lower
        nic = [one for one in self._host.links.values() if one.name == lower]
        return _Link([(one.address, one.prefix) for link in nic for one in link.addresses])

    def tunnelled(self) -> Iterator[tuple[str, network.Peer]]:
        """The peers that are reached through the device, by name."""
        backend = self._net.backend
        if not self._device_there:
            return
        link = self._on_link()
        for name, peer in self._net.peers(self._host.name).items():
            if peer.backend == backend.name and not (
                backend.direct_routing and link.holds(peer.public_ip)
            ):
                yield name, peer

    def neighbours(self) -> list[entries.Entry]:
        """Peers' vxlan devices, the host's gateway, and the pods on cni0."""
        host, state = self._host, self._state
        found: list[entries.Entry] = []
        if state.device.up and "neighbours" not in state.wiped:
            for name, peer in self.tunnelled():
                if name in state.wrong_mac:
                    mac = state.wrong_mac[name]
                    found.append(entries.neighbour(peer.gateway, DEVICE, mac, "PERMANENT"))
                elif name not in state.no_neighbour:
                    found.append(peer.neighbour)
        if host.default_gateway and not (host.default_dev == state.device.lower and state.nic_down):
            mac = self._net.mac("gateway", host.default_gateway)
            found.append(
                entries.neighbour(host.default_gateway, host.default_dev, mac, "REACHABLE")
            )
        found += [
            entries.neighbour(ip, BRIDGE, self.pod_mac(veth), "REACHABLE")
            for veth, ip in host.pod_ips.items()
        ]
        return found

    def fdb(self) -> list[entries.Entry]:
        """Multicast of every NIC, peers' VTEPs behind flannel.1, pods' MACs behind their veths."""
        host, state = self._host, self._state
        found: list[entries.Entry] = []
        for link in host.dump():
            if link.name in host.veths or link.name in ("lo", DEVICE) or not self._up(link):
                continue
            found += self._heard(link.name)
        if self._device_there and "fdb" not in state.wiped:
            for name, peer in self.tunnelled():
                if name in state.wrong_dst:
                    dst = state.wrong_dst[name]
                    found.append(entries.forwarding(peer.mac, DEVICE, dst=dst))
                elif name not in state.no_entry:
                    found.append(peer.forwarding)
            found += [entries.forwarding(mac, DEVICE, dst=dst) for mac, dst in state.left.items()]
        for veth in host.veths:
            if not state.pods_unlearned:
                found.append(entries.forwarding(self.pod_mac(veth), veth, master=BRIDGE, state=""))
            found.append(entries.forwarding(self._mac(veth), veth, master=BRIDGE))
            found += self._heard(veth)
        return found

    def _heard(self, name: str) -> Iterator[entries.Entry]:
        """The multicast addresses that a link listens to."""
        yield entries.forwarding("33:33:00:00:00:01", name)
        yield entries.forwarding("01:00:5e:00:00:01", name)
        yield entries.forwarding(f"33:33:ff:{self._mac(name)[9:]}", name)
        if name == BRIDGE:
            yield entries.forwarding("01:00:5e:00:00:6a", name)
            yield entries.forwarding("33:33:00:00:00:6a", name)

    def pod_mac(self, veth: str) -> str:
        """The MAC of the pod's own end."""
        return self._net.mac(self._host.name, f"{veth}@pod")

    def subnet_env(self, pods: str) -> str:
        """What flannel tells the CNI plugin; `pods` is the network of all pods."""
        if self._state.no_subnet_file:
            return ""
        base = self._host.pod_cidr.rpartition(".")[0]
        if self._state.old_subnet_file:
            base = base.rpartition(".")[0] + ".0"
        return (
            f"FLANNEL_NETWORK={pods}\nFLANNEL_SUBNET={base}.1/24\n"
            f"FLANNEL_MTU={self._host.pod_mtu}\nFLANNEL_IPMASQ=true\n"
        )


class _Link:
    """The networks that a NIC is connected to."""

    def __init__(self, addresses: list[tuple[str, int]]) -> None:
        self._networks = [
            (entries.place_of(address) >> (32 - prefix), 32 - prefix)
            for address, prefix in addresses
        ]

    def holds(self, ip: str) -> bool:
        """Whether an address is reached there without a gateway."""
        value = entries.place_of(ip)
        return any(value >> shift == wanted for wanted, shift in self._networks)


def _misled(peer: network.Peer, lower: str, gateway: str, *, near: bool) -> entries.Entry:
    if near:
        return entries.route(peer.pod_cidr, lower, gateway)
    return entries.route(peer.pod_cidr, DEVICE, gateway, flags=("onlink",))


def _link_local(mac: str) -> str:
    """The IPv6 address that a link gives itself (EUI-64)."""
    octets = [int(one, 16) for one in mac.split(":")]
    octets[0] ^= 2
    parts = [*octets[:3], 0xFF, 0xFE, *octets[3:]]
    words = [f"{parts[at] * 256 + parts[at + 1]:x}" for at in range(0, 8, 2)]
    return "fe80::" + ":".join(words)
