"""Routes, neighbours and forwarding entries of one node against what should be there.

Joins of sets of tuples: what agrees, which is nearly everything, is never looked at singly.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bot.domain import units
from bot.flannel import devices, leftovers
from bot.flannel.desired import Expected
from bot.flannel.faults import Deviation, Fault
from bot.flannel.kernel import FdbEntry, Kernel, Neighbour, Route

E = TypeVar("E", Route, Neighbour, FdbEntry)

_FULL = 1020
"""Entries from which a neighbour table of 1,024 (gc_thresh3's default) is taken to be full."""

_SHOWN = 5
"""Peers whose entries are spelled out as evidence; the others are named."""

_GONE_STATES = frozenset({"FAILED", "INCOMPLETE"})


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison of one family found."""

    deviations: tuple[Deviation, ...] = ()
    missing: int = 0
    settling: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Lacks:
    """Which peers lack which entry, and which have a wrong one with what it says."""

    routes: dict[str, str] = field(default_factory=dict)
    direct: dict[str, str] = field(default_factory=dict)
    neighbours: dict[str, str] = field(default_factory=dict)
    fdb: dict[str, str] = field(default_factory=dict)
    wrong: dict[Fault, dict[str, str]] = field(default_factory=dict)
    settling: set[str] = field(default_factory=set)
    seen: int = 0

    def note(self, fault: Fault, peer: str, text: str) -> None:
        self.wrong.setdefault(fault, {})[peer] = text

    @property
    def count(self) -> int:
        found = len(self.routes) + len(self.direct) + len(self.neighbours) + len(self.fdb)
        return found + sum(len(peers) for peers in self.wrong.values())


def compare(
    expected: Expected,
    kernel: Kernel,
    node: str,
    *,
    report: devices.Report,
    settling: Collection[str] = (),
    departed: Mapping[str, str] | None = None,
    network: str = "",
    claimed: Collection[str] = (),
) -> Compared:
    """Compare one family's entries; `report` is what was found of its device."""
    found: list[Deviation] = []
    lacks = _Lacks()
    table = kernel.table(expected.version)
    lost_routes, routes = _split(expected.routes, table)
    lost_neighbours, neighbours = _split(expected.neighbours, kernel.neighbours)
    lost_ends, ends = _split(expected.fdb, kernel.fdb)
    if report.tables:
        _routes(expected, lost_routes, routes, lacks, settling)
        _neighbours(expected, lost_neighbours, neighbours, lacks, settling)
        _fdb(expected, lost_ends, ends, lacks, settling)
        if report.nic_lost:
            _excuse(expected, lacks)
        found += _verdict(expected, kernel, node, lacks, report)
        found += _wireguard(expected, kernel, node, settling)
        if expected.unreachable and not report.nic_lost:
            found.append(
                Deviation(
                    Fault.PEER_OFF_LINK,
                    node,
                    f"no route can exist to {_peers(expected.unreachable)}",
                    peers=expected.unreachable,
                )
            )
    strays = leftovers.Strays(routes=routes, neighbours=neighbours, fdb=ends)
    found += leftovers.judge(
        expected,
        kernel,
        node,
        strays=strays,
        departed=departed or {},
        settling=settling,
        network=network,
        claimed=claimed,
    )
    return Compared(tuple(found), missing=lacks.count, settling=frozenset(lacks.settling))


def _excuse(expected: Expected, lacks: _Lacks) -> None:
    """Forget what went with the NIC: plain routes by it, and so who had nothing but such a one.

    Without its address nobody is on the link, so peers that were routed directly now look like
    tunnelled ones that were never set up.
    """
    lacks.direct = {}
    lacks.wrong.pop(Fault.ROUTE_DEAD, None)
    if expected.peers.backend in ("host-gw", "ipip"):
        lacks.routes = {}
        return
    for peer in lacks.routes.keys() & lacks.neighbours.keys() & lacks.fdb.keys():
        for held in (lacks.routes, lacks.neighbours, lacks.fdb):
            del held[peer]


def _split(
    expected: frozenset[E], actual: tuple[E, ...] | None
) -> tuple[frozenset[E], frozenset[E]]:
    """Return what is missing and what is not expected; of a part not read, nothing is missing."""
    if actual is None:
        return frozenset(), frozenset()
    there = frozenset(actual)
    strays = there - expected
    # As many agree as are expected: nothing is missing, and one pass over them is enough.
    if len(there) - len(strays) == len(expected):
        return frozenset(), strays
    return expected - there, strays


def _routes(
    expected: Expected,
    missing: frozenset[Route],
    foreign: frozenset[Route],
    lacks: _Lacks,
    settling: Collection[str],
) -> None:
    others: dict[str, list[Route]] = {}
    candidates = {route.dst for route in missing}
    for route in foreign if candidates else ():
        if route.dst in candidates and route.table in ("", "main"):
            others.setdefault(route.dst, []).append(route)
    for route in missing:
        owner = expected.peers.owners.get(route.dst, ("",))[0]
        there = sorted(others.get(route.dst, ()), key=lambda one: one.metric)
        same = [one for one in there if (one.gateway, one.dev) == (route.gateway, route.dev)]
        if same:
            if {"linkdown", "dead"} & set(same[0].flags):
                lacks.note(Fault.ROUTE_DEAD, owner, str(same[0]))
            elif same[0] is not there[0]:
                lacks.note(Fault.ROUTE_SHADOWED, owner, f"{there[0]} comes before {same[0]}")
        elif owner in settling:
            lacks.settling.add(owner)
        elif there:
            lacks.note(Fault.ROUTE_WRONG, owner, f"{there[0]}, should be {route}")
        elif owner in expected.direct and expected.peers.backend == "vxlan":
            lacks.direct[owner] = f"should be {route}"
        else:
            lacks.routes[owner] = f"to {route.dst}"


def _neighbours(
    expected: Expected,
    missing: frozenset[Neighbour],
    strays: frozenset[Neighbour],
    lacks: _Lacks,
    settling: Collection[str],
) -> None:
    if not missing:
        return
    device = expected.peers.device
    others = {one.ip: one for one in strays if one.dev == device}
    for entry in missing:
        owner = expected.peers.by_gateway[entry.ip]
        other = others.get(entry.ip)
        if other is not None and other.mac == entry.mac and other.state not in _GONE_STATES:
            continue
        if owner in settling:
            lacks.settling.add(owner)
        elif other is not None and other.mac and other.mac != entry.mac:
            text = f"{other}, announced is {entry.mac}"
            lacks.note(Fault.NEIGHBOUR_WRONG, owner, text)
        else:
            lacks.neighbours[owner] = entry.ip


def _fdb(
    expected: Expected,
    missing: frozenset[FdbEntry],
    strays: frozenset[FdbEntry],
    lacks: _Lacks,
    settling: Collection[str],
) -> None:
    if not missing:
        return
    device = expected.peers.device
    others: dict[str, list[FdbEntry]] = {}
    for one in strays:
        if one.dev == device:
            others.setdefault(one.mac, []).append(one)
    for entry in missing:
        owner = expected.peers.by_mac[entry.mac]
        there = others.get(entry.mac, [])
        if any(one.dst == entry.dst for one in there):
            continue
        if owner in settling:
            lacks.settling.add(owner)
        elif there:
            text = f"{there[0]}, announced is {entry.dst}"
            lacks.note(Fault.FDB_WRONG, owner, text)
        elif owner not in lacks.wrong.get(Fault.NEIGHBOUR_WRONG, {}):
            # Where the MAC itself is an old one, the entry for the new one cannot be there.
            lacks.fdb[owner] = f"{entry.mac} dst {entry.dst}"


def _verdict(
    expected: Expected, kernel: Kernel, node: str, lacks: _Lacks, report: devices.Report
) -> Iterator[Deviation]:
    if report.mac:
        yield _mac(expected, node, lacks, report)
    if expected.whole:
        if lacks.routes:
            yield Deviation(
                Fault.NETWORK_ROUTE_MISSING,
                node,
                f"the route to {expected.whole} is missing",
                tuple(lacks.routes.values()),
            )
    elif lacks.routes or lacks.neighbours or lacks.fdb:
        yield from _missing(expected, kernel, node, lacks)
    for fault, peers in lacks.wrong.items():
        yield _of(fault, node, _WORDS[fault], peers)
    if lacks.direct:
        yield _of(Fault.DIRECT_ROUTE_LOST, node, "no plain route to", lacks.direct)


def _mac(expected: Expected, node: str, lacks: _Lacks, report: devices.Report) -> Deviation:
    own = expected.own
    facts = [f"{expected.peers.device} has {report.mac}", f"announced is {own.mac}"]
    flushed = expected.neighbours and len(lacks.neighbours) * 2 > len(expected.neighbours)
    if flushed:
        # The neighbours went with the old MAC and are no fault of their own.
        facts.append(f"{units.count(len(lacks.neighbours), 'neighbour')} gone with the old one")
        lacks.neighbours = {}
    return Deviation(
        Fault.MAC_REWRITTEN if flushed else Fault.MAC_DIFFERS,
        node,
        f"{expected.peers.device} has another MAC than announced",
        tuple(facts),
    )


_WORDS = {
    Fault.ROUTE_WRONG: "wrong route to",
    Fault.ROUTE_DEAD: "unusable route to",
    Fault.ROUTE_SHADOWED: "shadowed route to",
    Fault.NEIGHBOUR_WRONG: "wrong neighbour for",
    Fault.FDB_WRONG: "wrong forwarding entry for",
    Fault.DEVICE_BOUNCED: "no route and neighbour for",
    Fault.DEVICE_RECREATED: "nothing set up for",
    Fault.ROUTES_FLUSHED: "no route to",
    Fault.NEIGHBOURS_FLUSHED: "no neighbour for",
    Fault.FDB_FLUSHED: "no forwarding entry for",
    Fault.PEER_NOT_SET_UP: "nothing or only a part set up for",
    Fault.PEER_REMOVED_LATE: "no route and neighbour for",
    Fault.NEIGHBOUR_TABLE_FULL: "nothing set up for",
    Fault.ROUTE_MISSING: "no route to",
    Fault.NEIGHBOUR_MISSING: "no neighbour for",
    Fault.FDB_MISSING: "no forwarding entry for",
}

_R, _N, _F = 1, 2, 4

_ALL = {
    _R | _N: Fault.DEVICE_BOUNCED,
    _R | _N | _F: Fault.DEVICE_RECREATED,
    _R: Fault.ROUTES_FLUSHED,
    _N: Fault.NEIGHBOURS_FLUSHED,
    _F: Fault.FDB_FLUSHED,
}
"""What is gone for nearly all peers tells what happened to the device."""

_ONE = {
    _R | _N: Fault.PEER_REMOVED_LATE,
    _R: Fault.ROUTE_MISSING,
    _N: Fault.NEIGHBOUR_MISSING,
    _F: Fault.FDB_MISSING,
}
"""What is gone for a few; any other combination is a peer whose setting up did not finish."""


def _missing(expected: Expected, kernel: Kernel, node: str, lacks: _Lacks) -> Iterator[Deviation]:
    patterns: dict[str, int] = {}
    for bit, peers in ((_R, lacks.routes), (_N, lacks.neighbours), (_F, lacks.fdb)):
        for peer in peers:
            patterns[peer] = patterns.get(peer, 0) | bit
    for peer in lacks.wrong.get(Fault.ROUTE_WRONG, {}):
        # Under another routing mode the peer's other entries are rightly not there.
        patterns.pop(peer, None)
    groups: dict[int, list[str]] = {}
    for peer, pattern in patterns.items():
        groups.setdefault(pattern, []).append(peer)
    blind = expected.fdb and kernel.fdb is None
    for pattern, members in sorted(groups.items(), key=lambda item: -len(item[1])):
        names = sorted(members)
        # More than half: peers that came after the mishap are set up again.
        everyone = len(names) * 2 > max(expected.tunnelled, 1)
        if everyone and expected.peers.backend == "vxlan":
            fault = _ALL.get(pattern, Fault.PEER_NOT_SET_UP)
        elif everyone:
            fault = Fault.ROUTES_FLUSHED
        elif pattern == _R | _N and blind:
            fault = Fault.PEER_NOT_SET_UP
        else:
            fault = _ONE.get(pattern, Fault.PEER_NOT_SET_UP)
        if fault is Fault.PEER_NOT_SET_UP and len(kernel.neighbours or ()) >= _FULL:
            fault = Fault.NEIGHBOUR_TABLE_FULL
        evidence = dict.fromkeys(names, "")
        evidence.update((peer, _lacking(lacks, peer)) for peer in names[:_SHOWN])
        yield _of(fault, node, _WORDS[fault], evidence, total=expected.tunnelled)


def _lacking(lacks: _Lacks, peer: str) -> str:
    kinds = (
        ("route", lacks.routes),
        ("neighbour", lacks.neighbours),
        ("forwarding entry", lacks.fdb),
    )
    return ", ".join(f"no {what} {held[peer]}" for what, held in kinds if peer in held)


def _of(
    fault: Fault, node: str, words: str, peers: Mapping[str, str], *, total: int = 0
) -> Deviation:
    names = tuple(sorted(peers))
    share = f" ({len(names)} of {total} peers)" if total > 3 and len(names) > 1 else ""
    return Deviation(
        fault,
        node,
        f"{words} {_peers(names)}{share}",
        evidence=tuple(f"{name}: {peers[name]}" for name in names[:_SHOWN]),
        peers=names,
    )


def _peers(names: tuple[str, ...]) -> str:
    return units.listing(list(names), most=4)


def _wireguard(
    expected: Expected, kernel: Kernel, node: str, settling: Collection[str]
) -> Iterator[Deviation]:
    if expected.peers.backend != "wireguard" or kernel.wireguard is None:
        return
    known = {one.public_key: one for one in kernel.wireguard}
    lost: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, side in expected.peers.sides.items():
        if name in expected.peers.owners[expected.own.subnet] or name in settling:
            continue
        if not side.key:
            continue
        peer = known.get(side.key)
        if peer is None:
            lost[name] = f"no peer with key {side.key}"
        elif side.subnet not in peer.allowed:
            # Not the endpoint: WireGuard follows a peer that moves by itself.
            wrong[name] = f"allowed are {', '.join(peer.allowed) or 'none'}, not {side.subnet}"
    if lost:
        yield _of(Fault.WIREGUARD_PEER_MISSING, node, "no WireGuard peer for", lost)
    if wrong:
        yield _of(Fault.WIREGUARD_PEER_WRONG, node, "wrong WireGuard peer for", wrong)
