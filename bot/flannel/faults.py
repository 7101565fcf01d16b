"""The ways in which a node's network is not what flannel meant, each with cause and cure.

Sources are flannel's own issues and code, and what was seen on hosts: a device set down and up
loses routes and neighbours but not its forwarding entries; a rewritten MAC flushes the device's
neighbours only; a NIC that goes down or loses its address changes nothing on the tunnel.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.finding import Severity


class Fault(enum.StrEnum):
    """What is wrong; the value is its name towards people and stores."""

    # What nodes announce.
    POD_CIDR_MISSING = "pod_cidr_missing"
    POD_CIDR_DUPLICATE = "pod_cidr_duplicate"
    POD_CIDR_OUTSIDE = "pod_cidr_outside"
    NOT_ANNOUNCED = "not_announced"
    ANNOTATION_BROKEN = "annotation_broken"
    BACKENDS_MIXED = "backends_mixed"
    PUBLIC_IP_DUPLICATE = "public_ip_duplicate"
    VTEP_MAC_DUPLICATE = "vtep_mac_duplicate"
    WRONG_NIC = "wrong_nic"
    # The device and the NIC below it.
    DEVICE_MISSING = "device_missing"
    DEVICE_DOWN = "device_down"
    DEVICE_OTHER = "device_other"
    DEVICE_ADDRESS = "device_address"
    NIC_MISSING = "nic_missing"
    NIC_DOWN = "nic_down"
    NIC_NO_CARRIER = "nic_no_carrier"
    NIC_LOOPBACK = "nic_loopback"
    NIC_LOST_ADDRESS = "nic_lost_address"
    NIC_CHANGED_ADDRESS = "nic_changed_address"
    LOCAL_DIFFERS = "local_differs"
    PUBLIC_IP_FOREIGN = "public_ip_foreign"
    MAC_REWRITTEN = "mac_rewritten"
    MAC_DIFFERS = "mac_differs"
    MTU_TOO_BIG = "mtu_too_big"
    MTU_SMALL = "mtu_small"
    MTU_OLD_PODS = "mtu_old_pods"
    # All peers at once.
    DEVICE_BOUNCED = "device_bounced"
    DEVICE_RECREATED = "device_recreated"
    ROUTES_FLUSHED = "routes_flushed"
    NEIGHBOURS_FLUSHED = "neighbours_flushed"
    FDB_FLUSHED = "fdb_flushed"
    NETWORK_ROUTE_MISSING = "network_route_missing"
    # Some peers.
    PEER_NOT_SET_UP = "peer_not_set_up"
    PEER_REMOVED_LATE = "peer_removed_late"
    NEIGHBOUR_TABLE_FULL = "neighbour_table_full"
    ROUTE_MISSING = "route_missing"
    NEIGHBOUR_MISSING = "neighbour_missing"
    FDB_MISSING = "fdb_missing"
    ROUTE_WRONG = "route_wrong"
    ROUTE_DEAD = "route_dead"
    ROUTE_SHADOWED = "route_shadowed"
    NEIGHBOUR_WRONG = "neighbour_wrong"
    FDB_WRONG = "fdb_wrong"
    DIRECT_ROUTE_LOST = "direct_route_lost"
    PEER_OFF_LINK = "peer_off_link"
    WIREGUARD_PEER_MISSING = "wireguard_peer_missing"
    WIREGUARD_PEER_WRONG = "wireguard_peer_wrong"
    # What should not be there.
    ROUTE_STALE = "route_stale"
    ROUTE_STALE_ON_OWN = "route_stale_on_own"
    LEFTOVERS = "leftovers"
    # What flannel leaves for the CNI plugin.
    SUBNET_ENV_MISSING = "subnet_env_missing"
    SUBNET_ENV_DIFFERS = "subnet_env_differs"
    BRIDGE_DIFFERS = "bridge_differs"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a fault. Severity info means that traffic is not affected."""

    severity: Severity
    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """One fault of one node (or of the fleet, with an empty node).

    `peers` are the nodes it concerns; `evidence` are facts ready to be read.
    """

    fault: Fault
    node: str
    summary: str
    evidence: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return FACTS[self.fault].severity

    @property
    def cause(self) -> str:
        """What makes this, as far as flannel's code and issues tell."""
        return FACTS[self.fault].cause

    @property
    def cure(self) -> str:
        """What to do about it."""
        return FACTS[self.fault].cure


def order(deviations: Sequence[Deviation]) -> tuple[Deviation, ...]:
    """Sort the worst first, keeping the order of equals."""
    return tuple(sorted(deviations, key=lambda one: -one.severity.rank))


_RESTART = (
    "Restart flannel on the node: it sets up every peer again and disturbs none that is right."
)

FACTS: Mapping[Fault, Fact] = {
    Fault.POD_CIDR_MISSING: Fact(
        Severity.CRITICAL,
        "The node has no pod CIDR: the controller manager runs without --allocate-node-cidrs, or "
        "its range is used up (event CIDRNotAvailable). flannel exits at it.",
        "Give the controller manager --allocate-node-cidrs and a range with room. Never write a "
        "pod CIDR by hand: it cannot be changed afterwards.",
    ),
    Fault.POD_CIDR_DUPLICATE: Fact(
        Severity.CRITICAL,
        "Two nodes claim overlapping pod CIDRs. Each takes the other's lease for its own, and the "
        "others send to whichever was announced last.",
        "Drain and delete one of the two Node objects, so that its kubelet registers anew and gets "
        "another CIDR; find out who assigned it (two allocators, a restored backup).",
    ),
    Fault.POD_CIDR_OUTSIDE: Fact(
        Severity.WARNING,
        "The pod CIDR is not inside flannel's Network: v0.18 and newer exit at it, older ones do "
        "not masquerade and forward it rightly.",
        "Make Network in net-conf.json the controller manager's --cluster-cidr, then restart "
        "flannel.",
    ),
    Fault.NOT_ANNOUNCED: Fact(
        Severity.WARNING,
        "flannel has never finished a start on this node: its annotations are missing, so no other "
        "node has a route to its pods.",
        "Look at flannel's pod on that node: whether there is one, and the last lines of its log.",
    ),
    Fault.ANNOTATION_BROKEN: Fact(
        Severity.WARNING,
        "The other nodes cannot read what this node announces and leave it out.",
        "Restart flannel on that node: it writes its annotations anew at each start.",
    ),
    Fault.BACKENDS_MIXED: Fact(
        Severity.WARNING,
        "Nodes of different backends ignore each other: a change of the backend has not reached "
        "all nodes.",
        "Finish the migration: restart flannel on the nodes that still have the old backend.",
    ),
    Fault.PUBLIC_IP_DUPLICATE: Fact(
        Severity.CRITICAL,
        "Two nodes announce one address, so traffic for one of them arrives at the other; typical "
        "where every machine has the same NAT address on its first NIC.",
        "Choose the NIC by --iface or --iface-regex, so that each node announces its own address.",
    ),
    Fault.VTEP_MAC_DUPLICATE: Fact(
        Severity.CRITICAL,
        "Two nodes have the same tunnel MAC, and a forwarding entry can name only one of them; "
        "typical for machines cloned with their machine-id, from which systemd makes MACs.",
        "Give each machine its own machine-id, delete flannel's device on one of them and restart "
        "flannel there.",
    ),
    Fault.WRONG_NIC: Fact(
        Severity.WARNING,
        "flannel chose a NIC outside the private network: tunnel packets leave by the public NIC, "
        "and pairs of nodes on different NICs may not reach each other at all.",
        "Set the NIC by ordered --iface flags or an anchored --iface-regex. This changes the NIC "
        "and resets the node's data path: plan a window.",
    ),
    Fault.DEVICE_MISSING: Fact(
        Severity.CRITICAL,
        "flannel's device is gone. Deleting the NIC below it (a bond made anew, a network restart) "
        "deletes it too, and flannel does not notice before v0.27.4.",
        f"Make sure that the NIC is back. {_RESTART}",
    ),
    Fault.DEVICE_DOWN: Fact(
        Severity.CRITICAL,
        "flannel's device is switched off, which removes its routes and neighbours.",
        f"{_RESTART} Keep the network service off it (NetworkManager: unmanaged-devices="
        "interface-name:flannel*).",
    ),
    Fault.DEVICE_OTHER: Fact(
        Severity.CRITICAL,
        "flannel's device has another VNI or port than configured, so peers cannot talk to it.",
        "Restart flannel on the node: it makes the device anew where VNI or port differ.",
    ),
    Fault.DEVICE_ADDRESS: Fact(
        Severity.WARNING,
        "flannel's device lacks the pod CIDR's first address or has one of an earlier pod CIDR, so "
        "the host's own traffic to pods gets the wrong source and no answer.",
        _RESTART,
    ),
    Fault.NIC_MISSING: Fact(
        Severity.CRITICAL,
        "The NIC that flannel used is gone from the host.",
        "Bring the NIC back, then restart flannel on the node.",
    ),
    Fault.NIC_DOWN: Fact(
        Severity.CRITICAL,
        "The NIC below flannel is switched off. The tunnel and its routes stay, so everything sent "
        "into it is lost without an error.",
        "Switch the NIC on. Tunnel entries are still there; plain routes (host-gw) come back "
        "within 10 s, those of vxlan's DirectRouting only with a restart of flannel.",
    ),
    Fault.NIC_NO_CARRIER: Fact(
        Severity.CRITICAL,
        "The NIC below flannel has no link: cable, switch port, or all slaves of a bond.",
        "Repair the link; nothing is to be done on flannel for tunnelled peers.",
    ),
    Fault.NIC_LOOPBACK: Fact(
        Severity.CRITICAL,
        "flannel is bound to the loopback interface, by which nothing leaves the host. It takes "
        "it where --iface-can-reach is an address of the node itself.",
        "Give --iface-can-reach an address that no node has, such as the private gateway, or name "
        "the NICs in order by --iface; then restart flannel on the node.",
    ),
    Fault.NIC_LOST_ADDRESS: Fact(
        Severity.CRITICAL,
        "The address that the tunnel sends from is on no NIC any more (a DHCP lease ran out). The "
        "tunnel and all its entries look intact.",
        "Give the NIC its address back. If it gets another one, restart flannel on the node.",
    ),
    Fault.NIC_CHANGED_ADDRESS: Fact(
        Severity.CRITICAL,
        "The NIC has another address than the tunnel sends from: flannel does not read it again "
        "while it runs.",
        "Restart flannel on the node: it makes the device anew and announces the new address.",
    ),
    Fault.LOCAL_DIFFERS: Fact(
        Severity.WARNING,
        "The tunnel sends from another address of the host than the one that is announced.",
        "Restart flannel on the node, unless the announced address was set on purpose (NAT).",
    ),
    Fault.PUBLIC_IP_FOREIGN: Fact(
        Severity.WARNING,
        "No NIC of the host has the announced address, and no overwrite asks for it: the others "
        "send to an address that is not here.",
        "Restart flannel on the node: it announces the address of its NIC at each start.",
    ),
    Fault.MAC_REWRITTEN: Fact(
        Severity.CRITICAL,
        "The MAC of flannel's device was changed while it ran, which also removed all its "
        "neighbours: this node reaches no peer and no peer reaches it.",
        "Restart flannel on the node, and set MACAddressPolicy=none for flannel's devices in a "
        "systemd .link file.",
    ),
    Fault.MAC_DIFFERS: Fact(
        Severity.CRITICAL,
        "flannel's device has another MAC than the node announces, so peers' packets are dropped; "
        "systemd's MACAddressPolicy=persistent rewrites it right after creation.",
        "Set MACAddressPolicy=none for flannel's devices in a systemd .link file and restart "
        "flannel on the node (v0.15.1 and newer set the MAC themselves).",
    ),
    Fault.MTU_TOO_BIG: Fact(
        Severity.WARNING,
        "Packets as big as this MTU do not fit through the NIC with the tunnel's header: small "
        "ones pass, big ones are lost. flannel does not change the MTU of a device that exists.",
        "Delete flannel's device and restart flannel on the node, then re-create the pods; or "
        "raise the NIC's MTU.",
    ),
    Fault.MTU_SMALL: Fact(
        Severity.INFO,
        "The tunnel's MTU is smaller than the NIC allows: it was made when the NIC's was smaller, "
        "or an MTU is configured.",
        "Nothing has to be done; packets are smaller than they could be.",
    ),
    Fault.MTU_OLD_PODS: Fact(
        Severity.WARNING,
        "Pods started before the MTU was lowered keep their old, bigger one, and their big packets "
        "are lost.",
        "Re-create those pods.",
    ),
    Fault.DEVICE_BOUNCED: Fact(
        Severity.CRITICAL,
        "flannel's device was set down and up (a network service restart, ifdown): the kernel "
        "dropped its routes and neighbours and kept the forwarding entries. flannel does not "
        "notice.",
        f"{_RESTART} Keep the network service off flannel's devices.",
    ),
    Fault.DEVICE_RECREATED: Fact(
        Severity.CRITICAL,
        "flannel's device is new and holds nothing: it was made anew and peers were not set up "
        "again (v0.27.4 and newer re-create a deleted device, but not its entries), or flannel "
        "stopped before it got to them.",
        _RESTART,
    ),
    Fault.ROUTES_FLUSHED: Fact(
        Severity.CRITICAL,
        "All of flannel's routes are gone while its neighbours and forwarding entries are there: "
        "something else removed them (NetworkManager, systemd-networkd, `ip route flush`).",
        f"{_RESTART} Set ManageForeignRoutes=no (networkd) or make flannel's devices unmanaged "
        "(NetworkManager).",
    ),
    Fault.NEIGHBOURS_FLUSHED: Fact(
        Severity.CRITICAL,
        "All neighbours of flannel's device are gone while routes and forwarding entries are "
        "there: they were flushed, or the MAC was changed and changed back.",
        _RESTART,
    ),
    Fault.FDB_FLUSHED: Fact(
        Severity.CRITICAL,
        "All forwarding entries of flannel's device are gone while routes and neighbours are "
        "there: something flushed them.",
        _RESTART,
    ),
    Fault.NETWORK_ROUTE_MISSING: Fact(
        Severity.CRITICAL,
        "The one route by which this backend reaches all other nodes is not there.",
        _RESTART,
    ),
    Fault.PEER_NOT_SET_UP: Fact(
        Severity.CRITICAL,
        "flannel never finished setting this peer up: a netlink call failed, which v0.21.0 and "
        "older do not try again, or the event was lost.",
        _RESTART,
    ),
    Fault.PEER_REMOVED_LATE: Fact(
        Severity.CRITICAL,
        "Route and neighbour of this peer are gone and its forwarding entry is there: the deletion "
        "of an older node with the same pod CIDR was handled after the new node's arrival.",
        _RESTART,
    ),
    Fault.NEIGHBOUR_TABLE_FULL: Fact(
        Severity.CRITICAL,
        "The neighbour table is full: kernels before 5.0 count permanent entries against "
        "net.ipv4.neigh.default.gc_thresh3 (1024).",
        "Raise gc_thresh3 (and gc_thresh2) on the nodes, then restart flannel there.",
    ),
    Fault.ROUTE_MISSING: Fact(
        Severity.CRITICAL,
        "The route to this peer is gone while its other entries are there: something else removed "
        "it.",
        _RESTART,
    ),
    Fault.NEIGHBOUR_MISSING: Fact(
        Severity.CRITICAL,
        "The neighbour entry of this peer is gone: flannel's device never asks for one, so packets "
        "to it are dropped.",
        _RESTART,
    ),
    Fault.FDB_MISSING: Fact(
        Severity.CRITICAL,
        "The forwarding entry of this peer is gone: its packets have no tunnel end to go to.",
        _RESTART,
    ),
    Fault.ROUTE_WRONG: Fact(
        Severity.CRITICAL,
        "The route to this peer goes elsewhere: the peer's address or the routing mode changed "
        "and this node did not follow, or something else set it.",
        _RESTART,
    ),
    Fault.ROUTE_DEAD: Fact(
        Severity.CRITICAL,
        "The route to this peer is there and marked unusable, since its NIC has no link.",
        "Repair the NIC's link.",
    ),
    Fault.ROUTE_SHADOWED: Fact(
        Severity.CRITICAL,
        "Another, more exact or preferred route takes traffic for this peer's pods away.",
        "Find out who set that route (another CNI's remains, Docker, a VPN) and remove it.",
    ),
    Fault.NEIGHBOUR_WRONG: Fact(
        Severity.CRITICAL,
        "The neighbour entry names a MAC that the peer no longer has: the peer's device was made "
        "anew and this node did not follow.",
        _RESTART,
    ),
    Fault.FDB_WRONG: Fact(
        Severity.CRITICAL,
        "The forwarding entry sends to an address that the peer no longer announces.",
        _RESTART,
    ),
    Fault.DIRECT_ROUTE_LOST: Fact(
        Severity.CRITICAL,
        "The plain route to a peer on the same link is gone; vxlan's DirectRouting never puts it "
        "back (the NIC was down for a while, or something removed it).",
        _RESTART,
    ),
    Fault.PEER_OFF_LINK: Fact(
        Severity.WARNING,
        "host-gw serves only nodes on one link: this peer's address is behind a gateway, so no "
        "route to it can exist.",
        "Put the nodes on one link, or use vxlan (with DirectRouting for those on one link).",
    ),
    Fault.WIREGUARD_PEER_MISSING: Fact(
        Severity.CRITICAL,
        "The WireGuard device does not know this peer's key.",
        _RESTART,
    ),
    Fault.WIREGUARD_PEER_WRONG: Fact(
        Severity.CRITICAL,
        "The WireGuard device has another endpoint or other networks for this peer.",
        _RESTART,
    ),
    Fault.ROUTE_STALE: Fact(
        Severity.WARNING,
        "No node has this pod CIDR any more: the node was deleted while flannel was down or not "
        "connected here, and a start does not clean up.",
        "Remove the route with `ip route del`, after a look that no other network uses it. A "
        "restart of flannel does not do it.",
    ),
    Fault.ROUTE_STALE_ON_OWN: Fact(
        Severity.CRITICAL,
        "A route left from a deleted node covers this node's own pod CIDR, so traffic for its own "
        "pods leaves the host.",
        "Remove the route with `ip route del`.",
    ),
    Fault.LEFTOVERS: Fact(
        Severity.INFO,
        "Neighbours or forwarding entries of nodes or MACs that are gone. No route points at them.",
        "Nothing has to be done; they vanish when the device is made anew.",
    ),
    Fault.SUBNET_ENV_MISSING: Fact(
        Severity.CRITICAL,
        "flannel has not finished a start since the host booted, so the CNI plugin has no subnet: "
        "no pod can start on this node.",
        "Look at why flannel does not start there: the last lines of its log.",
    ),
    Fault.SUBNET_ENV_DIFFERS: Fact(
        Severity.WARNING,
        "The file for the CNI plugin is from an earlier start: new pods get addresses or an MTU "
        "that do not fit.",
        "Restart flannel on the node.",
    ),
    Fault.BRIDGE_DIFFERS: Fact(
        Severity.WARNING,
        'The bridge has an address of an earlier pod CIDR, so new pods fail with `"cni0" already '
        "has an IP address different from`.",
        "Drain the node, delete cni0 and let new pods make it anew.",
    ),
}
