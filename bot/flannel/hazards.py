"""What is known to go wrong with a version and backend, and what a restart of flannel does.

Shown before anything is changed: each change of the pod template restarts every flanneld. What
is said of a version is from flannel's code at its tag and the issue named; an unknown version
gets no hazards of versions, which is said.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.finding import Severity
from bot.flannel.versions import Version

V = Version


@dataclass(frozen=True, slots=True)
class Hazard:
    """One thing known to go wrong; `source` is where it is told."""

    name: str
    severity: Severity
    text: str
    cure: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides whether a hazard matters here."""

    backend: str = ""
    nodes: int = 0
    patterns: Sequence[str] = ()
    public_ip: bool = False
    """Whether --public-ip or an overwrite annotation is used."""
    healthz_port: int = 0
    memory_limit: int | None = None
    kernels: Sequence[str] = ()
    """Kernel releases of the nodes, as nodeInfo tells them."""


_WARNING, _INFO = Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True)
class _Known:
    hazard: Hazard
    since: Version | None = None
    before: Version | None = None
    backends: frozenset[str] = frozenset()
    more_nodes_than: int = 0
    ip_pattern: bool = False
    public_ip: bool = False

    def applies(self, version: Version, around: Surroundings) -> bool:
        """Whether it matters for this version in these surroundings."""
        if self.since is not None and version < self.since:
            return False
        if self.before is not None and version >= self.before:
            return False
        return (
            (not self.backends or around.backend in self.backends)
            and (not self.more_nodes_than or around.nodes > self.more_nodes_than)
            and (not self.ip_pattern or any(map(aims_at_ip, around.patterns)))
            and (not self.public_ip or around.public_ip)
        )


def _known(
    name: str,
    severity: Severity,
    text: str,
    cure: str,
    source: str,
    *,
    since: Version | None = None,
    before: Version | None = None,
    backends: Iterable[str] = (),
    more_nodes_than: int = 0,
    ip_pattern: bool = False,
    public_ip: bool = False,
) -> _Known:
    hazard = Hazard(name, severity, text, cure, source)
    return _Known(
        hazard, since, before, frozenset(backends), more_nodes_than, ip_pattern, public_ip
    )


_ALL = (
    _known(
        "event_queue_100",
        _WARNING,
        "v0.7 hangs at start with more than 100 nodes: its queue of node events holds 100.",
        "Upgrade to v0.8 or newer.",
        "flannel #719",
        before=V(0, 8, 0),
        more_nodes_than=100,
    ),
    _known(
        "misses_need_flanneld",
        _WARNING,
        "vxlan before v0.9 asks flanneld for every new flow: while it is down, pods reach no "
        "peer that they have not talked to just now.",
        "Upgrade to v0.9 or newer.",
        "flannel backend/vxlan at v0.8",
        before=V(0, 9, 0),
        backends=("vxlan",),
    ),
    _known(
        "panic_on_deleted_node",
        _WARNING,
        "flannel up to v0.10 panics when a node is deleted while its watch is interrupted.",
        "Upgrade to v0.11 or newer.",
        "interface conversion: DeletedFinalStateUnknown",
        before=V(0, 11, 0),
    ),
    _known(
        "public_ip_picks_nic",
        _INFO,
        "From v0.12 to v0.17 --public-ip also picks the NIC when no other flag does, and flannel "
        "exits where no NIC has that address (NAT).",
        "Name the NIC by --iface.",
        "flannel #1192",
        since=V(0, 12, 0),
        before=V(0, 18, 0),
        public_ip=True,
    ),
    _known(
        "ip_pattern_last_nic",
        _WARNING,
        "v0.15 and v0.16 choose the LAST NIC of the host, often a pod's, when --iface-regex "
        "matches an address.",
        "Match names instead of addresses, or upgrade to v0.17 or newer.",
        "flannel #1536",
        since=V(0, 15, 0),
        before=V(0, 17, 0),
        ip_pattern=True,
    ),
    _known(
        "peers_not_retried",
        _INFO,
        "Up to v0.21.0 a peer whose setting up failed once stays out of reach until flannel "
        "restarts.",
        "Watch the routes, or upgrade to v0.21.1 or newer.",
        "flannel #958",
        since=V(0, 9, 0),
        before=V(0, 21, 1),
        backends=("vxlan",),
    ),
    _known(
        "new_mac_on_reset",
        _INFO,
        "Up to v0.24.0 the tunnel gets a new random MAC whenever its device is made anew (a "
        "reboot, another NIC): every peer must follow.",
        "Upgrade to v0.24.1 or newer, which re-use the announced MAC.",
        "flannel pkg/backend/vxlan at v0.24.1",
        before=V(0, 24, 1),
        backends=("vxlan",),
    ),
    _known(
        "rbac_nodes_get",
        _INFO,
        "v0.24.1 and newer read their own Node; the RBAC of manifests up to v0.20.1 does not "
        "allow it (not fatal: the MAC is not re-used).",
        "Apply the manifest's ClusterRole (nodes: get).",
        "flannel Documentation/kube-flannel.yml",
        since=V(0, 24, 1),
    ),
    _known(
        "restart_drops_masquerade",
        _WARNING,
        "From v0.25.0 to v0.26.7 flannel removes its iptables or nft chains when it stops: until "
        "it is up again pods have no way out of the cluster.",
        "Upgrade to v0.27.0 or newer.",
        "flannel #2237",
        since=V(0, 25, 0),
        before=V(0, 27, 0),
    ),
    _known(
        "public_ip_sticks",
        _WARNING,
        "v0.25.2 takes the announced address for --public-ip at the next start, so a wrong NIC "
        "stays wrong.",
        "Upgrade to v0.25.3 or newer.",
        "flannel #1978",
        since=V(0, 25, 2),
        before=V(0, 25, 3),
    ),
    _known(
        "br_netfilter_checked",
        _INFO,
        "v0.26.0 and newer exit where the module br_netfilter is not loaded.",
        "Load it at boot on every node (modules-load.d).",
        "flannel #2068",
        since=V(0, 26, 0),
    ),
    _known(
        "event_queue_5000",
        _WARNING,
        "Up to v0.27.0 flannel hangs at start with more than 5,000 nodes.",
        "Upgrade to v0.27.1 or newer, or raise EVENT_QUEUE_DEPTH (v0.18 and newer).",
        "flannel 232d2f08",
        since=V(0, 8, 0),
        before=V(0, 27, 1),
        more_nodes_than=5000,
    ),
    _known(
        "local_is_advertised",
        _WARNING,
        "v0.27.4 and newer bind the tunnel to the announced address: with one that is not the "
        "NIC's, the device is made anew and may not work.",
        "Try an upgrade on one node first.",
        "flannel pkg/backend/vxlan at v0.27.4",
        since=V(0, 27, 4),
        backends=("vxlan",),
        public_ip=True,
    ),
    _known(
        "healthz_8081",
        _INFO,
        "The manifest of v0.28.9 listens on the host's port 8081 and panics where it is taken.",
        "Choose another --healthz-port where 8081 is in use.",
        "flannel Documentation/kube-flannel.yml at v0.28.9",
        since=V(0, 28, 9),
    ),
)


def of(version: Version | None, around: Surroundings) -> tuple[Hazard, ...]:
    """Return the hazards of a version in its surroundings, warnings first."""
    found = [one.hazard for one in _ALL if version is not None and one.applies(version, around)]
    if version is None:
        found.append(
            Hazard(
                "version_unknown",
                _INFO,
                "The image's tag does not say which flannel it is, so known faults of its version "
                "are not seen.",
                "Use an image with a version in its tag.",
            )
        )
    found += _of_kernels(around)
    if around.memory_limit is not None and around.memory_limit <= 50 * 2**20 and around.nodes > 80:
        found.append(
            Hazard(
                "limit_50mi",
                _WARNING,
                "The memory limit of 50Mi is the old manifest's, meant for small clusters; since "
                "v0.21 the manifest has none.",
                "Raise it before flannel is killed.",
                "flannel #1694",
            )
        )
    return tuple(sorted(found, key=lambda one: -one.severity.rank))


def _of_kernels(around: Surroundings) -> Iterable[Hazard]:
    if around.backend == "vxlan" and (bad := [k for k in around.kernels if checksum_bug(k)]):
        yield Hazard(
            "checksum_offload",
            _INFO,
            f"Kernels such as {bad[0]} may send tunnelled TCP with a bad checksum: connections to "
            "Services stall for 1, 3 or 63 s while ping works.",
            "`ethtool -K flannel.1 tx-checksum-ip-generic off`, or a newer kernel.",
            "flannel #1279",
        )
    if around.nodes > 1000:
        old = [k for k in around.kernels if (_release(k) or (9,)) < (5, 0)]
        if old:
            yield Hazard(
                "neighbour_table",
                _WARNING,
                f"Kernels before 5.0 ({old[0]}) count flannel's entries against gc_thresh3, which "
                "is 1,024: peers beyond it cannot be set up.",
                "Raise net.ipv4.neigh.default.gc_thresh3 on the nodes.",
            )


def aims_at_ip(pattern: str) -> bool:
    """Whether a NIC pattern is written for addresses: digits, and no letter but in escapes."""
    bare = re.sub(r"\\[dDwWsSbBAz]|\(\?[:imsU]*\)?|\[:\w+:\]", "", pattern)
    return re.search(r"[0-9]|\\d", pattern) is not None and not re.search(r"[A-Za-z]", bare)


_FIXED = {(4, 14): 181, (4, 19): 123, (5, 4): 41, (5, 6): 13}
"""Patch level of each branch that has the fix of the vxlan checksum (kubernetes #88986)."""


def checksum_bug(kernel: str) -> bool:
    """Whether a kernel release is older than the fix of the vxlan checksum, as its number says.

    Distributions carry fixes back without showing it, so true means "may".
    """
    release = _release(kernel)
    if release is None:
        return False
    if release[:2] in _FIXED:
        return release[2:] < (_FIXED[release[0], release[1]],)
    return release < (5, 6)


def _release(kernel: str) -> tuple[int, ...] | None:
    found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?", kernel)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def restart(version: Version | None, backend: str, *, new_nic: bool = False) -> tuple[str, ...]:
    """Return what a restart of flannel does to traffic, in sentences.

    `new_nic` says that flannel will choose another NIC or address than it has.
    """
    found = []
    if backend == "wireguard":
        found.append(
            "flannel deletes its WireGuard device when it stops and makes it anew when it starts: "
            "pods of this node reach no other node meanwhile."
        )
    elif backend in ("udp", "ipsec"):
        found.append(
            f"With backend {backend} flannel itself carries the traffic: pods of this node reach "
            "no other node while it is down."
        )
    elif new_nic:
        found.append(_reset(version, backend))
    elif backend in ("vxlan", "host-gw", "ipip"):
        found.append(
            "Routes and device stay while flannel is down, and its start replaces like by like: "
            "traffic is not disturbed."
        )
    elif backend:
        found.append(f"Backend {backend} leaves no entries of its own in the kernel.")
    if version is None:
        found.append(
            "The version is not known: from v0.25.0 to v0.26.7 a stop also removes masquerading "
            "until flannel is up again."
        )
    elif V(0, 25, 0) <= version < V(0, 27, 0):
        found.append(
            "This version removes its iptables or nft chains when it stops: pods have no way out "
            "of the cluster until it is up again (flannel #2237)."
        )
    if backend == "vxlan" and version is not None and version < V(0, 9, 0):
        found.append("While it is down, no new flow to another node can begin (before v0.9).")
    return tuple(found)


def _reset(version: Version | None, backend: str) -> str:
    if backend == "host-gw":
        return (
            "The NIC changes: routes by the old NIC are replaced one by one; peers whose address "
            "is not on the new NIC's link become unreachable."
        )
    text = (
        "The NIC changes: the device is deleted and made anew, so all routes of this node are "
        "gone for a moment, and nodes on the old and the new NIC may not reach each other until "
        "all have changed."
    )
    if backend == "vxlan" and (version is None or version < V(0, 24, 1)):
        text += " The tunnel gets a new MAC, which every peer must learn (up to v0.24.0)."
    return text
