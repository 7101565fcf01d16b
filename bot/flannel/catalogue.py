"""What flannel's log lines mean: one entry a message, with cause and cure.

Matched case-insensitively anywhere in a line, the first entry that fits in version counts.
v0.28.0 lower-cased many messages, and some changed their meaning: an entry may hold for a range
of versions. Sources: flannel's main.go, pkg/subnet/kube/kube.go, the backends, and the issues
named.
"""

import enum
import re
from dataclasses import dataclass

from bot.flannel.versions import Version


class Weight(enum.StrEnum):
    """What a line means for the process that wrote it."""

    FATAL = "fatal"
    """flannel exits at it, or has nothing else to do than to be restarted."""
    ERROR = "error"
    """It lives on and something is not done."""
    NOTICE = "notice"
    """Worth knowing."""
    HARMLESS = "harmless"
    """Looks bad and is normal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. `since` and `before` bound the versions for which it is true."""

    name: str
    pattern: re.Pattern[str]
    weight: Weight
    cause: str
    cure: str = ""
    since: Version | None = None
    before: Version | None = None

    def holds(self, version: Version | None) -> bool:
        """Whether it is about this version; an unknown one may be any."""
        if version is None:
            return True
        return (self.since is None or version >= self.since) and (
            self.before is None or version < self.before
        )


def _entry(
    name: str,
    pattern: str,
    weight: Weight,
    cause: str,
    cure: str = "",
    *,
    since: Version | None = None,
    before: Version | None = None,
) -> Entry:
    return Entry(name, re.compile(pattern, re.IGNORECASE), weight, cause, cure, since, before)


V = Version
_ADD_FAILED = (
    r"Add(?:V6)?(?:ARP|FDB) failed|failed to add (?:v6 )?vxlanRoute|error adding (?:v6 )?route to"
)
_API = r"(?:i/o timeout|connection refused|no route to host|network is unreachable|x509|EOF)"

REASONS = (
    _entry(
        "regex_hit_pod_nic",
        r"failed to find IPv4 address for interface (?P<nic>veth\w+)",
        Weight.FATAL,
        "The NIC pattern also matched a pod's virtual NIC, which has no IPv4 address; flannel "
        "takes the first match and does not look further.",
        "Anchor the pattern as ^(?:…)$, or name the NICs in order by --iface. Until then moving "
        "that pod off the node lets flannel start.",
    ),
    _entry(
        "nic_without_address",
        r"failed to find IPv4 address for interface (?P<nic>\S+)",
        Weight.FATAL,
        "The NIC that was chosen has no IPv4 address: it lost it, it is a slave of a bond, or "
        "DHCP was late.",
        "Give the NIC its address back, or list the NICs in order by --iface so that the next one "
        "is tried.",
    ),
    _entry(
        "nic_without_address6",
        r"failed to find IPv6 address for interface (?P<nic>\S+)",
        Weight.FATAL,
        "IPv6 is enabled and the NIC that was chosen has no IPv6 address.",
        "Give the NIC an IPv6 address, or take EnableIPv6 out of net-conf.json.",
    ),
    _entry(
        "regex_broken",
        r"could not compile the IP address regex|regex error matching pattern",
        Weight.FATAL,
        "The NIC pattern is not valid: flannel reads Go's RE2, which knows no look-around and no "
        "back-references.",
        "Write the pattern without them; ^(?:eth1|bond1)$ needs none.",
    ),
    _entry(
        "regex_matched_nothing",
        r"could not match pattern (?P<pattern>.*?) to any of the available network interfaces",
        Weight.FATAL,
        "The NIC pattern matched neither an address nor a name of any NIC on this node.",
        "Correct the pattern, or bring the NIC up; the list of NICs is in the line from v0.11 on.",
    ),
    _entry(
        "no_such_nic",
        r"error looking up interface (?P<nic>\S+?): (?:route ip\+net: )?no such network interface"
        r"|no interface with given IP found",
        Weight.FATAL,
        "The NIC or address named by --iface (or --public-ip) is not on this node.",
        "List what the different kinds of nodes have by repeated --iface flags, in order.",
    ),
    _entry(
        "no_route_to_target",
        r"failed to get ifcanreach based interface|couldn't lookup route",
        Weight.FATAL,
        "There is no route to the address given by --iface-can-reach.",
        "Repair the route, or choose an address that every node can reach.",
    ),
    _entry(
        "no_default_route",
        r"unable to find default(?: v6)? route|could not determine interface"
        r"|failed to get default(?: v6)? interface",
        Weight.FATAL,
        "No NIC was named, and there is no default route by a single NIC (none at all, or one "
        "with several next hops).",
        "Name the NIC by --iface, or repair the default route.",
    ),
    _entry(
        "no_mtu",
        r"failed to determine MTU for",
        Weight.FATAL,
        "The NIC that was chosen has no MTU.",
        "Look at that NIC: `ip link`.",
    ),
    _entry(
        "dual_stack",
        r"v6 (?:default route )?interface \S+ must be the same with v4|none defined stack",
        Weight.FATAL,
        "For dual stack one NIC must have both the IPv4 and the IPv6 address that were asked for.",
        "Name a NIC that has both, or enable one family only.",
    ),
)
"""Why one flag's search for a NIC failed. Behind `Could not find valid interface matching X:` a
reason is harmless if a later flag succeeds, and is what to tell if none does."""

NIC_FAILED = re.compile(
    r"failed to find (?:interface to use that matches the interfaces and/or regexes provided"
    r"|any valid interface to use)",
    re.IGNORECASE,
)
ATTEMPT = re.compile(
    r"could not find valid interface matching (?P<wanted>.*?): (?P<reason>.*)", re.IGNORECASE
)

ENTRIES = (
    _entry(
        "api_forbidden_node",
        r"failed to get node for backend data: nodes .* is forbidden",
        Weight.ERROR,
        "The image is newer than its RBAC: reading its own node is not allowed, so the stored MAC "
        "and node-public-ip are not used.",
        "Apply the ClusterRole of the image's version (nodes: get).",
        since=V(0, 24, 1),
    ),
    _entry(
        "pod_cidr_missing",
        r"pod cidr not assigned",
        Weight.FATAL,
        "The node has no pod CIDR: the controller manager lacks --allocate-node-cidrs, or its "
        "range is used up (event CIDRNotAvailable).",
        "Give the controller manager --allocate-node-cidrs and a --cluster-cidr with room.",
    ),
    _entry(
        "pod_cidr_outside",
        r"specified in the flannel net config doesn't contain",
        Weight.FATAL,
        "The node's pod CIDR is not inside Network of net-conf.json.",
        "Make Network the controller manager's --cluster-cidr.",
        since=V(0, 18, 0),
    ),
    _entry(
        "patch_timeout",
        r"timeout contacting kube-api, failed to patch node",
        Weight.FATAL,
        "Writing its annotations to the node failed again and again: RBAC, or an API server that "
        "does not answer.",
        "Check RBAC (nodes/status: patch) and the API server.",
        since=V(0, 25, 0),
    ),
    _entry(
        "forbidden",
        r"is forbidden|does not allow access to the requested resource|\bUnauthorized\b",
        Weight.FATAL,
        "The API server refuses flannel's service account: RBAC is missing, or its token is not "
        "valid any more.",
        "Apply flannel's ClusterRole and ClusterRoleBinding; if they are there, re-create the pod "
        "for a fresh token.",
    ),
    _entry(
        "api_unreachable",
        rf"(?:error retrieving pod spec for|failed to create SubnetManager).*{_API}",
        Weight.FATAL,
        "The API server's service address cannot be reached from this host: kube-proxy has not "
        "set it up, a firewall, or a wrong default route.",
        "Check kube-proxy on that node, then `curl -k` to the address in the line. A stopgap is "
        "KUBERNETES_SERVICE_HOST with the API server's real address in flannel's environment.",
    ),
    _entry(
        "pod_name_missing",
        r"env variables POD_NAME and POD_NAMESPACE must be set",
        Weight.FATAL,
        "The manifest does not hand the pod its name and namespace.",
        "Set POD_NAME and POD_NAMESPACE by the downward API, as flannel's manifest does.",
    ),
    _entry(
        "net_conf",
        r"failed to read net conf|error parsing subnet config",
        Weight.FATAL,
        "net-conf.json is not there or is no valid JSON.",
        "Repair the ConfigMap kube-flannel-cfg and its mount.",
    ),
    _entry(
        "node_sync",
        r"error waiting for nodeController to sync state",
        Weight.FATAL,
        "The list of nodes did not arrive within ten minutes: an API server that is slow or out "
        "of reach.",
        "Check the API server and the network to it.",
    ),
    _entry(
        "node_sync_skipped",
        r"timed out waiting for node controller sync\. Continuing anyway",
        Weight.NOTICE,
        "The list of nodes did not arrive, and CONT_WHEN_CACHE_NOT_READY tells flannel to go on "
        "without it: peers may be missing.",
        "Check the API server.",
        since=V(0, 27, 1),
    ),
    _entry(
        "mac_rewritten",
        r"mac address wanted: (?P<wanted>\S+), but got: (?P<got>\S+)",
        Weight.FATAL,
        "udev gave flannel's device another MAC right after it was made.",
        "Set MACAddressPolicy=none for flannel's devices in a systemd .link file.",
        since=V(0, 22, 3),
    ),
    _entry(
        "device_recreated",
        r"already exists with incompat[ai]ble (?:configuration|attributes).*recreating device",
        Weight.NOTICE,
        "flannel's device was deleted and made anew, since NIC, address, VNI or port changed: "
        "the node's routes were gone for a moment.",
        "Expected after a change of the NIC or the VNI, and only then.",
    ),
    _entry(
        "nat_host_gw",
        r"your PublicIP differs from interface IP",
        Weight.FATAL,
        "host-gw cannot work behind NAT: the announced address is not the NIC's.",
        "Take --public-ip away, or use vxlan.",
    ),
    _entry(
        "br_netfilter",
        r"failed to check br_netfilter|bridge-nf-call-iptables: no such file",
        Weight.FATAL,
        "The kernel module br_netfilter is not loaded.",
        "`modprobe br_netfilter`, and a file in /etc/modules-load.d for the next boot.",
        since=V(0, 26, 0),
    ),
    _entry(
        "no_tun",
        r"failed to open TUN device",
        Weight.FATAL,
        "The udp backend has no /dev/net/tun. Without a Backend in net-conf.json the backend is "
        "udp.",
        "Set the backend to vxlan, or mount /dev/net/tun.",
    ),
    _entry(
        "net_admin",
        r"error registering network: .*operation not permitted",
        Weight.FATAL,
        "The container lacks the capability NET_ADMIN.",
        "Give the container NET_ADMIN (and NET_RAW), or the privileges of flannel's manifest.",
    ),
    _entry(
        "registering",
        r"error registering network: (?P<why>.*)",
        Weight.FATAL,
        "The backend could not be set up, for the reason in the line.",
        "Act on that reason; flannel tries again when its pod restarts.",
    ),
    _entry(
        "healthz_port",
        r"start healthz server error.*address already in use",
        Weight.FATAL,
        "The port for health checks is taken on the host; the manifest of v0.28.9 sets 8081.",
        "Choose another --healthz-port, in the probes as well.",
    ),
    _entry(
        "panic_deleted",
        r"interface conversion: .*DeletedFinalStateUnknown",
        Weight.FATAL,
        "flannel up to v0.10 panics when a node was deleted while its watch was interrupted.",
        "Upgrade to v0.11 or newer; the pod starts again by itself.",
        before=V(0, 11, 0),
    ),
    _entry(
        "panic",
        r"^(?:panic:|fatal error:|goroutine \d+ \[running\])",
        Weight.FATAL,
        "flannel crashed.",
        "Look for the panic among flannel's issues, by its version; upgrade if it is fixed.",
    ),
    _entry(
        "nic_lookup",
        NIC_FAILED.pattern,
        Weight.FATAL,
        "No NIC was found by the flags given. There is no fallback to the default route.",
        "Correct --iface and --iface-regex for this node.",
    ),
    _entry(
        "subnet_manager",
        r"failed to create SubnetManager: (?P<why>.*)",
        Weight.FATAL,
        "flannel could not begin to work with the API server, for the reason in the line.",
        "Act on that reason.",
    ),
    _entry(
        "iptables_killed",
        r"iptables.*(?:exit status -1|signal: killed|cannot allocate memory)"
        r"|fork/exec \S*iptables\S*: cannot allocate memory",
        Weight.ERROR,
        "The kernel killed flannel's iptables child for memory: it runs within flannel's limit, "
        "and needs more the more Services there are. The pod itself does not restart.",
        "Raise flannel's memory limit.",
    ),
    _entry(
        "iptables_lock",
        r"exit status 4.*resource temporarily unavailable"
        r"|another app is currently holding the xtables lock",
        Weight.ERROR,
        "iptables was locked by another program, and the lock file is not shared with it.",
        "Mount the host's /run/xtables.lock into flannel (its manifest does since v0.16.3).",
    ),
    _entry(
        "iptables_mode",
        r"can't initialize iptables table",
        Weight.ERROR,
        "iptables in the image does not fit the host: nft against legacy, a missing module, or "
        "the capability NET_RAW.",
        "Use a newer flannel, with the capabilities of its manifest.",
    ),
    _entry(
        "iptables_fight",
        r"some iptables rules are missing; deleting and recreating rules",
        Weight.HARMLESS,
        "Normal once at start. Again and again it says that something else removes flannel's "
        "rules.",
        "If it repeats: find who writes them (kube-proxy, firewalld, Docker).",
    ),
    _entry(
        "peer_not_set_up",
        _ADD_FAILED,
        Weight.ERROR,
        "A peer could not be set up in the kernel. This version does not try again: pods there "
        "are out of reach from this node.",
        "Restart flannel on this node.",
        before=V(0, 21, 1),
    ),
    _entry(
        "peer_retried",
        _ADD_FAILED,
        Weight.ERROR,
        "A peer could not be set up in the kernel; it is tried ten times, then given up.",
        "If the peer stays without a route, restart flannel on this node.",
        since=V(0, 21, 1),
    ),
    _entry(
        "peer_unreadable",
        r"error turning node \"?(?P<node>[^\s\"]+)\"? to lease",
        Weight.ERROR,
        "A peer's annotations or pod CIDR cannot be used, so this node leaves it out.",
        "Look at that node: its pod CIDR and flannel's annotations.",
    ),
    _entry(
        "other_backend",
        r"ignoring non-\S+ (?:v4)?subnet.*type=(?P<type>\S*)",
        Weight.NOTICE,
        "Peers with another backend are ignored: the cluster has two.",
        "Finish the change of the backend on all nodes.",
    ),
    _entry(
        "lease_not_found",
        r"removed subnet \(.*\) were not found|were not found",
        Weight.NOTICE,
        "A node left whose subnet was not known, as with two nodes of one pod CIDR.",
        "Check that every pod CIDR is used once.",
    ),
    _entry(
        "removed_late",
        r"failed to delete (?:v6 )?vxlanRoute|DelARP failed|DelFDB failed",
        Weight.NOTICE,
        "An entry of a node that left was gone already.",
    ),
    _entry(
        "no_lease_yet",
        r"no subnet found for key:",
        Weight.HARMLESS,
        "Normal at the first start on a host.",
    ),
)
"""Everything but the search for a NIC, in the order in which it is tried."""

WAITING = (
    _entry(
        "waiting_queue",
        r"waiting \S+ for node controller to sync",
        Weight.FATAL,
        "flannel v0.7 hangs here with more than 100 nodes: its queue of events holds no more.",
        "Upgrade to v0.8 or newer.",
        before=V(0, 8, 0),
    ),
    _entry(
        "waiting_deadlock",
        r"waiting \S+ for node controller to sync",
        Weight.NOTICE,
        "flannel waits for the list of nodes: the API server is slow or out of reach. With more "
        "than 5,000 nodes this version hangs here for good.",
        "Check the API server; with so many nodes upgrade to v0.27.1, or raise EVENT_QUEUE_DEPTH "
        "(v0.18 and newer).",
        before=V(0, 27, 1),
    ),
    _entry(
        "waiting",
        r"waiting \S+ for node controller to sync",
        Weight.NOTICE,
        "flannel waits for the list of nodes: the API server is slow or out of reach.",
        "Check the API server and the network to it.",
    ),
)
"""What it means if this is the last thing that was said."""

EVENTS = (
    _entry(
        "subnet_env_missing",
        r"loadFlannelSubnetEnv failed|open /run/flannel/subnet\.env: no such file",
        Weight.FATAL,
        "No pod can start on this node: flannel has not finished a start since it booted.",
        "Look at flannel's pod on that node and the last lines of its log.",
    ),
    _entry(
        "plugin_missing",
        r"failed to find plugin \"flannel\" in path",
        Weight.FATAL,
        "The CNI plugin `flannel` is not on the node: CNI's own package no longer has it since "
        "v1.0, and flannel's manifest installs it since v0.15.",
        "Use a manifest with the init container install-cni-plugin.",
    ),
    _entry(
        "bridge_differs",
        r"failed to set bridge addr: \"(?P<bridge>\S+)\" already has an IP address different from",
        Weight.FATAL,
        "The bridge still has an address of an earlier pod CIDR.",
        "Drain the node, delete the bridge and let new pods make it anew.",
    ),
    _entry(
        "cidr_not_available",
        r"CIDRNotAvailable|failed to allocate cidr",
        Weight.FATAL,
        "The cluster's range of pod CIDRs is used up.",
        "Enlarge --cluster-cidr (with Network of net-conf.json), or remove Node objects that are "
        "no longer used.",
    ),
)
"""Messages of the kubelet and the controller manager about what flannel should have left."""

CHOSE_FOREIGN_NIC = _entry(
    "chose_foreign_nic",
    r"using interface with name (?P<nic>\S+)",
    Weight.ERROR,
    "flannel chose a NIC that is none of the host's own (a pod's, a bridge's, a tunnel's), so "
    "peers cannot reach it.",
    "Anchor the pattern, or name the NICs in order by --iface.",
)
"""A success by its words, and a fault by the NIC it names."""
