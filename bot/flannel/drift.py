"""Whether a node's kernel is as flannel should have made it, and if not, what happened to it.

One entry missing here and there says that a peer was not set up; the same for all peers says
what happened to the device, and which kinds of entries are gone tells the ways apart. A part
that was not read is said, and never taken for a missing one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain import units
from bot.domain.finding import Severity
from bot.flannel import announced, desired, devices, tables
from bot.flannel.desired import Expected
from bot.flannel.faults import Deviation, order
from bot.flannel.fleet import Fleet
from bot.flannel.kernel import Kernel
from bot.flannel.lease import Lease

_NOT_READ = "not read: {}"
_ENV = "subnet.env"
_NO_ENV = _NOT_READ.format(_ENV)
"""What a probe pod cannot read, and what leads to no peer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found on one node.

    `deviations` are faults, the worst first; `notes` do not affect traffic. `expected` counts
    the routes, neighbours and forwarding entries that should be there, `missing` those that are
    not or are wrong. `unseen` are sentences about what could not be judged, `settling` peers that
    are too new to be missed. `whole` says whether all was read by which peers are reached, be it
    that something else was not.
    """

    node: str
    deviations: tuple[Deviation, ...] = ()
    notes: tuple[Deviation, ...] = ()
    unseen: tuple[str, ...] = ()
    expected: int = 0
    missing: int = 0
    nic: str = ""
    direct: bool | None = None
    settling: tuple[str, ...] = ()
    whole: bool = False

    @property
    def right(self) -> bool:
        """Whether nothing is wrong as far as was seen."""
        return not self.deviations


def judge(
    fleet: Fleet,
    node: str,
    kernel: Kernel,
    *,
    private: Sequence[str] = (),
    nic: str = "",
    direct: bool | None = None,
    settling: Collection[str] = (),
    departed: Mapping[str, str] | None = None,
) -> Judgement:
    """Judge one node.

    Args:
        fleet: What all nodes announce.
        node: Whose kernel it is.
        kernel: What was read of it.
        private: Prefixes that announced addresses must be in.
        nic: flannel's NIC as its log tells it, for kernels that do not show it.
        direct: DirectRouting as flannel's log tells it, where net-conf.json could not be read.
        settling: Peers so new or so recently gone that a difference is no fault yet.
        departed: Subnets of nodes known to be deleted, with their names.
    """
    lease = fleet.leases.get(node)
    if lease is None:
        return Judgement(node=node, unseen=("no Node object of that name is known",))
    odd = announced.odd_backend(fleet, node)
    found = [*announced.of_node(fleet, node, private=private, kernel=kernel), *odd]
    name = fleet.device(lease.backend, 4 if lease.v4 else 6)
    found += devices.for_cni(lease, kernel, name)
    nic = devices.external(kernel, lease, name) or nic
    unseen = list(_unseen(fleet, lease, kernel))
    expectations, direct = _expectations(fleet, lease, kernel, nic, direct)
    total = missing = 0
    waiting: set[str] = set()
    for expected in expectations:
        total += len(expected.routes) + len(expected.neighbours) + len(expected.fdb)
        report = devices.Report()
        if kernel.links is not None:
            report = devices.judge(fleet, lease, expected, kernel, nic=nic)
            if odd and not report.tables:
                # Its kernel may be as yet that of the other nodes' backend: that is no device lost.
                report = replace(report, deviations=())
        found += report.deviations
        compared = tables.compare(
            expected,
            kernel,
            node,
            report=report,
            settling=settling,
            departed=departed or {},
            network=_network(fleet, kernel, expected.version),
            claimed=fleet.claimed,
        )
        found += compared.deviations
        missing += compared.missing
        waiting |= compared.settling
    # Two families share one NIC: what is wrong with it is said once.
    found = list(dict.fromkeys(found))
    return Judgement(
        node=node,
        deviations=order([one for one in found if one.severity is not Severity.INFO]),
        notes=tuple(one for one in found if one.severity is Severity.INFO),
        unseen=tuple(unseen),
        expected=total,
        missing=missing,
        nic=nic,
        direct=direct,
        settling=tuple(sorted(waiting)),
        whole=set(unseen) <= {_NO_ENV},
    )


def review(
    fleet: Fleet, kernels: Iterable[tuple[str, Kernel]], *, private: Sequence[str] = ()
) -> Iterator[Judgement]:
    """Judge node after node as they are read, holding no more than one kernel."""
    for node, kernel in kernels:
        yield judge(fleet, node, kernel, private=private)


def _expectations(
    fleet: Fleet, lease: Lease, kernel: Kernel, nic: str, told: bool | None
) -> tuple[tuple[Expected, ...], bool | None]:
    """Return what is expected and whether DirectRouting is on.

    net-conf.json may not be readable; then the mode is the one by which less is missing, since
    flannel routes to all peers by one rule.
    """

    def by(direct: bool | None) -> tuple[Expected, ...]:
        return desired.of(
            fleet,
            lease.node,
            routes=kernel.routes,
            routes6=kernel.routes6,
            nic=nic,
            direct=direct,
            network=_network(fleet, kernel, 4),
            network6=_network(fleet, kernel, 6),
        )

    mode = fleet.conf.direct_routing if told is None else told
    usual = by(mode)
    if mode is not None or lease.backend not in ("vxlan", "ipip") or fleet.by_misses:
        return usual, mode
    lacking = _lacking(usual, kernel)
    if not lacking:
        return usual, None
    other = by(True)
    if _lacking(other, kernel) < lacking and any(one.direct for one in other):
        return other, True
    return usual, None


def _lacking(expectations: Sequence[Expected], kernel: Kernel) -> int:
    return sum(
        len(one.routes.difference(kernel.table(one.version) or one.routes)) for one in expectations
    )


def _network(fleet: Fleet, kernel: Kernel, version: int) -> str:
    """The whole pod network, by configuration or by what flannel left on the node."""
    if version == 6:
        known = fleet.conf.ipv6_network or (kernel.subnet.ipv6_network if kernel.subnet else "")
    else:
        known = fleet.conf.network or (kernel.subnet.network if kernel.subnet else "")
    return "" if "," in known else known


def _unseen(fleet: Fleet, lease: Lease, kernel: Kernel) -> Iterator[str]:
    if lease.usable and not fleet.device(lease.backend, 4) and lease.backend != "host-gw":
        if lease.backend in desired.NOTHING:
            yield f"with backend {lease.backend} routes are the cloud's, and are not seen here"
        else:
            yield f"what backend {lease.backend} does to the kernel is not known here"
        return
    parts: list[str] = []
    if kernel.links is None:
        parts.append("NICs")
    for version, _ in lease.sides:
        if kernel.table(version) is None:
            parts.append(f"IPv{version} routes")
    if lease.backend == "vxlan":
        parts += ["neighbours"] if kernel.neighbours is None else []
        parts += ["forwarding entries"] if kernel.fdb is None else []
    if lease.backend == "wireguard" and kernel.wireguard is None:
        parts.append("WireGuard's peers")
    if kernel.subnet is None and not kernel.subnet_missing:
        parts.append(_ENV)
    yield from (_NOT_READ.format(part) for part in parts)
    if kernel.odd:
        yield f"{units.count(len(kernel.odd), 'line')} not understood, such as `{kernel.odd[0]}`"
