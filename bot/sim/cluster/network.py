"""What flannel has put into each machine's kernel, and what has been done to it since.

A running flannel follows the Node objects. A dead one leaves what there is, and what it missed
while it was dead it adds at its next start, but never removes what is stale. Nobody repairs a
table while flannel runs: vxlan is set up once; host-gw looks every ten seconds, and adds what it
can. Source: vxlan_network.go, route_network.go, and what hosts' kernels held in the recorded
stories. Tables are derived when somebody looks, since a fleet of a thousand has a million routes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import backends, entries, hosts, names, store

Object = dict[str, Any]

DEVICE = "flannel.1"


@dataclass(frozen=True)
class Peer:
    """What one node announces to the others, and what they make of it."""

    name: str
    pod_cidr: str
    public_ip: str
    mac: str
    backend: str = "vxlan"

    @property
    def gateway(self) -> str:
        """Its vxlan device's address: the first of its pod CIDR."""
        return self.pod_cidr.partition("/")[0]

    @functools.cached_property
    def tunnel_route(self) -> entries.Entry:
        """The route by vxlan."""
        return entries.route(self.pod_cidr, DEVICE, self.gateway, flags=("onlink",))

    @functools.cached_property
    def neighbour(self) -> entries.Entry:
        """Its vxlan device's MAC."""
        return entries.neighbour(self.gateway, DEVICE, self.mac, "PERMANENT")

    @functools.cached_property
    def forwarding(self) -> entries.Entry:
        """Where its vxlan device is."""
        return entries.forwarding(self.mac, DEVICE, dst=self.public_ip)

    @functools.cached_property
    def _plain(self) -> dict[str, entries.Entry]:
        return {}

    def plain_route(self, dev: str) -> entries.Entry:
        """The route over a NIC, where the peer is on its link."""
        found = self._plain.get(dev)
        if found is None:
            found = self._plain[dev] = entries.route(self.pod_cidr, dev, self.public_ip)
        return found


@dataclass
class Device:
    """flannel.1 of one machine; without a tunnel only the NIC that is used."""

    lower: str
    local: str
    mac: str
    up: bool = True
    there: bool = True
    mtu: int = 0
    """Another one than the backend gives it; 0 for none."""


@dataclass
class State:
    """One machine's share. `frozen` are the peers as a flannel that is dead left them."""

    device: Device
    frozen: Mapping[str, Peer] | None = None
    stale: dict[str, Peer] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """MACs that peers have had before, with where they were: nobody removes their entries."""
    no_route: set[str] = field(default_factory=set)
    no_neighbour: set[str] = field(default_factory=set)
    no_entry: set[str] = field(default_factory=set)
    wrong_dst: dict[str, str] = field(default_factory=dict)
    wrong_mac: dict[str, str] = field(default_factory=dict)
    wrong_gateway: dict[str, str] = field(default_factory=dict)
    wiped: frozenset[str] = frozenset()
    """Emptied tables: "neighbours", "fdb", and of routes those by "tunnel" and "plain" ones."""
    nic_down: bool = False
    nic_bare: bool = False
    no_subnet_file: bool = False
    old_subnet_file: bool = False
    pods_unlearned: bool = False
    """Whether the bridge has no entry of the pods' MACs."""
    hangs: bool = False


class Network:
    """All machines' kernels, as far as flannel is concerned.

    Args:
        seed: of MAC addresses.
        running: whether a node's flannel is up and has announced itself.
        backend: by which the machines reach each other.
    """

    def __init__(
        self,
        seed: int,
        *,
        running: Callable[[str], bool],
        backend: backends.Backend = backends.VXLAN,
    ) -> None:
        self.backend = backend
        self._seed = seed
        self._running = running
        self._peers: Mapping[str, Peer] = {}
        self._shared = False
        """Whether nodes have one pod CIDR together."""
        self._devices: dict[str, int] = {}
        self.states: dict[str, State] = {}

    def add(self, host: hosts.Host) -> None:
        """A machine whose flannel has long been running."""
        self.states[host.name] = State(
            Device(host.private_nic, host.private_ip, self.vtep(host.name))
        )

    def know(self, nodes: Iterable[Object]) -> None:
        """Take in the Nodes that are there from the beginning."""
        found = [peer for node in nodes if (peer := announced(node)) is not None]
        self._follow({peer.name: peer for peer in found})

    def vtep(self, name: str) -> str:
        """The MAC that flannel has given to a machine's vxlan device."""
        made = self._devices.get(name, 0)
        purpose = ("vtep", name, made) if made else ("vtep", name)
        return names.mac(names.stream(self._seed, *purpose))

    def mac(self, host: str, link: str) -> str:
        """The MAC of any other link."""
        return _mac(self._seed, host, link)

    def observe(self, change: store.Change) -> None:
        """Follow Node objects, as every running flannel does."""
        if change.resource != "nodes":
            return
        name = change.object["metadata"]["name"]
        peer = None if change.type == "DELETED" else announced(change.object)
        before = self._peers
        old = before.get(name)
        if old == peer:
            return
        moved = old is not None and peer is not None and old.mac != peer.mac
        for other, state in self.states.items():
            if state.frozen is None and not self._running(other):
                state.frozen = before
            elif moved and old is not None and state.frozen is None and other != name:
                state.left[old.mac] = old.public_ip
        after = dict(before)
        after.pop(name, None)
        if peer is not None:
            after[name] = peer
        self._follow(after)

    def set_up(self, host: hosts.Host, lower: str, local: str, *, keeps_mac: bool) -> None:
        """A flannel that starts looks for its device: one that does not fit is made anew.

        Args:
            host: the machine.
            lower: the NIC it has chosen.
            local: the address it sends from.
            keeps_mac: whether it gives a new device the MAC it has announced before (v0.24.1).
        """
        device = self.states[host.name].device
        if not self.backend.tunnelled:
            return
        if (device.lower, device.local) == (lower, local) and device.there:
            return
        if not keeps_mac:
            self._devices[host.name] = self._devices.get(host.name, 0) + 1
        host.renew_link(DEVICE)
        self.states[host.name].device = Device(lower, local, self.vtep(host.name), there=False)

    def started(self, host: hosts.Host, lower: str, local: str) -> None:
        """A flannel has started: all that is announced is set, and nothing is removed."""
        state = self.states[host.name]
        old = state.device
        moved = (old.lower, old.local) != (lower, local) or not old.there
        left = {} if moved else {**(state.frozen or {}), **state.stale}
        stale = {
            name: peer
            for name, peer in left.items()
            if name not in self._peers and name != host.name
        }
        self.states[host.name] = State(
            Device(lower, local, self.vtep(host.name)),
            stale=stale,
            left={} if moved else state.left,
            nic_down=state.nic_down,
            nic_bare=state.nic_bare,
            hangs=state.hangs,
            pods_unlearned=state.pods_unlearned,
        )

    def mend(self, name: str, device: Device) -> None:
        """Undo all that was done to a machine's tables; what flannel has missed stays missed.

        Args:
            name: of the machine.
            device: as it was before; one that flannel has made anew since stays.
        """
        state = self.states[name]
        if state.device.there and state.device.mac == self.vtep(name) != device.mac:
            device = state.device
        self.states[name] = State(device, frozen=state.frozen, left=state.left)

    def peers(self, name: str) -> dict[str, Peer]:
        """The peers that a machine has been told of, stale ones included."""
        state = self.states[name]
        known = self._peers if state.frozen is None else state.frozen
        found = {**state.stale, **known}
        own = found.pop(name, None)
        if self._shared:
            # One network has one route, the last one set; and nobody routes its own away.
            last = {peer.pod_cidr: peer.name for peer in found.values()}
            taken = "" if own is None else own.pod_cidr
            found = {
                other: peer
                for other, peer in found.items()
                if peer.pod_cidr != taken and last[peer.pod_cidr] == other
            }
        return found

    def _follow(self, peers: Mapping[str, Peer]) -> None:
        self._peers = peers
        self._shared = len({peer.pod_cidr for peer in peers.values()}) < len(peers)


def announced(node: Mapping[str, Any]) -> Peer | None:
    """What a Node object announces; None where its flannel never has."""
    annotations = node["metadata"].get("annotations") or {}
    found = {
        key.rpartition("/")[2].removeprefix("flannel-"): value for key, value in annotations.items()
    }
    cidr = node["spec"].get("podCIDR", "")
    if not cidr or "public-ip" not in found or "backend-data" not in found:
        return None
    try:
        mac = str((json.loads(found["backend-data"]) or {}).get("VtepMAC", ""))
    except ValueError:
        mac = ""
    backend = found.get("backend-type", "vxlan")
    return Peer(node["metadata"]["name"], cidr, found["public-ip"], mac, backend)


@functools.lru_cache(maxsize=262_144)
def _mac(seed: int, host: str, link: str) -> str:
    return names.mac_of(seed, "link", host, link)
