"""What flannel has put into each machine's kernel, and what has been done to it since.

A running flannel follows the Node objects. A dead one leaves what there is, and what it missed
while it was dead it adds at its next start, but never removes what is stale. Nobody repairs a
table while flannel runs: vxlan is set up once. Source: vxlan_network.go, and what hosts' kernels
held in the recorded stories. Tables are derived when somebody looks, since a fleet of a thousand
has a million routes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import hosts, names, store

Object = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """What one node announces to the others."""

    name: str
    pod_cidr: str
    public_ip: str
    mac: str

    @property
    def gateway(self) -> str:
        """Its vxlan device's address: the first of its pod CIDR."""
        return self.pod_cidr.partition("/")[0]


@dataclass
class Device:
    """flannel.1 of one machine."""

    lower: str
    local: str
    mac: str
    up: bool = True
    there: bool = True


@dataclass
class State:
    """One machine's share. `frozen` are the peers as a flannel that is dead left them."""

    device: Device
    frozen: Mapping[str, Peer] | None = None
    stale: dict[str, Peer] = field(default_factory=dict)
    no_route: set[str] = field(default_factory=set)
    no_neighbour: set[str] = field(default_factory=set)
    no_entry: set[str] = field(default_factory=set)
    wrong_dst: dict[str, str] = field(default_factory=dict)
    wiped: frozenset[str] = frozenset()
    """Tables that were emptied: "routes", "neighbours", "fdb"."""
    nic_down: bool = False
    nic_bare: bool = False
    no_subnet_file: bool = False
    pods_unlearned: bool = False
    """Whether the bridge has no entry of the pods' MACs."""
    hangs: bool = False


class Network:
    """All machines' kernels, as far as flannel is concerned.

    Args:
        seed: of MAC addresses.
        running: whether a node's flannel is up and has announced itself.
    """

    def __init__(self, seed: int, *, running: Callable[[str], bool]) -> None:
        self._seed = seed
        self._running = running
        self._peers: Mapping[str, Peer] = {}
        self.states: dict[str, State] = {}

    def add(self, host: hosts.Host) -> None:
        """A machine whose flannel has long been running."""
        self.states[host.name] = State(
            Device(host.private_nic, host.private_ip, self.vtep(host.name))
        )

    def know(self, nodes: Iterable[Object]) -> None:
        """Take in the Nodes that are there from the beginning."""
        found = [peer for node in nodes if (peer := announced(node)) is not None]
        self._peers = {peer.name: peer for peer in found}

    def vtep(self, name: str) -> str:
        """The MAC of a machine's vxlan device."""
        return names.mac(names.stream(self._seed, "vtep", name))

    def mac(self, host: str, link: str) -> str:
        """The MAC of any other link."""
        return names.mac(names.stream(self._seed, "link", host, link))

    def observe(self, change: store.Change) -> None:
        """Follow Node objects, as every running flannel does."""
        if change.resource != "nodes":
            return
        name = change.object["metadata"]["name"]
        peer = None if change.type == "DELETED" else announced(change.object)
        if self._peers.get(name) == peer:
            return
        before = self._peers
        for other, state in self.states.items():
            if state.frozen is None and not self._running(other):
                state.frozen = before
        after = dict(before)
        after.pop(name, None)
        if peer is not None:
            after[name] = peer
        self._peers = after

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
            nic_down=state.nic_down,
            nic_bare=state.nic_bare,
            hangs=state.hangs,
            pods_unlearned=state.pods_unlearned,
        )

    def mend(self, name: str) -> None:
        """Undo all that was done to a machine's tables; what flannel has missed stays missed."""
        state = self.states[name]
        device = Device(state.device.lower, state.device.local, self.vtep(name))
        self.states[name] = State(device, frozen=state.frozen)

    def peers(self, name: str) -> dict[str, Peer]:
        """The peers that a machine has been told of, stale ones included."""
        state = self.states[name]
        known = self._peers if state.frozen is None else state.frozen
        found = {**state.stale, **known}
        found.pop(name, None)
        return found


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
    return Peer(node["metadata"]["name"], cidr, found["public-ip"], mac)
