"""Entries that should not be there: stale routes, routes that shadow, what has no use any more."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bot.domain import units
from bot.flannel import announced, kernel
from bot.flannel.desired import Expected
from bot.flannel.faults import Deviation, Fault
from bot.flannel.kernel import FdbEntry, Kernel, Neighbour, Route

_OWN_KINDS = frozenset({"local", "broadcast", "multicast", "anycast"})


@dataclass(frozen=True, slots=True)
class Strays:
    """What a node has and is not expected to have; most of it is the host's own business."""

    routes: frozenset[Route] = frozenset()
    neighbours: frozenset[Neighbour] = frozenset()
    fdb: frozenset[FdbEntry] = frozenset()


def judge(
    expected: Expected,
    state: Kernel,
    node: str,
    *,
    strays: Strays,
    departed: Mapping[str, str],
    settling: Collection[str] = (),
    network: str = "",
    claimed: Collection[str] = (),
) -> Iterator[Deviation]:
    """Judge the routes that are not expected, and entries of the device without an owner.

    `claimed` are the pod CIDRs of all nodes, those included that announce nothing usable.
    """
    if expected.peers.backend not in ("vxlan", "ipip", "host-gw"):
        return
    stale: dict[str, Route] = {}
    shadows: dict[str, tuple[Route, str]] = {}
    mine: dict[str, Route] = {}
    for route in strays.routes:
        if route.table not in ("", "main") or route.kind in _OWN_KINDS:
            continue
        if route.dst in (kernel.ANY4, kernel.ANY6) or route.dst in expected.peers.owners:
            if _on_own(expected, route):
                mine[route.dst] = route
            elif (victim := _preferred(expected, route)) is not None:
                shadows[route.dst] = (route, victim)
            continue
        _unowned(expected, route, network, stale=stale, shadows=shadows, mine=mine)
    if mine:
        yield Deviation(
            Fault.ROUTE_STALE_ON_OWN,
            node,
            f"a route takes its own pods' traffic away: {units.listing(sorted(mine), most=3)}",
            evidence=tuple(str(mine[dst]) for dst in sorted(mine)[:5]),
        )
    if shadows:
        peers = tuple(sorted({peer for _, peer in shadows.values()}))
        yield Deviation(
            Fault.ROUTE_SHADOWED,
            node,
            f"a more exact or preferred route hides that to {units.listing(list(peers), most=4)}",
            evidence=tuple(
                f"{route} hides {peer}'s" for _, (route, peer) in sorted(shadows.items())[:5]
            ),
            peers=peers,
        )
    # A node that is there announces them no more: that is told of it, and they may be right yet.
    kept = {stale[dst].gateway for dst in stale if dst in claimed}
    stale = {
        dst: one
        for dst, one in stale.items()
        if dst not in claimed and departed.get(dst, dst) not in settling
    }
    if stale:
        yield _stale(expected, state, node, stale, departed)
    yield from _unused(expected, node, strays, kept | {one.gateway for one in stale.values()})


def _on_own(expected: Expected, route: Route) -> bool:
    """Whether a route to the node's own subnet leaves the host."""
    leaves = route.dev == expected.peers.device or bool(route.gateway)
    return route.dst == expected.own.subnet and leaves


def _preferred(expected: Expected, route: Route) -> str | None:
    """Return the peer whose route loses against this one for the same subnet."""
    owners = expected.peers.owners.get(route.dst)
    if owners is None or route.dst in expected.peers.contested or route.dst == expected.own.subnet:
        return None
    right = {one.metric for one in expected.routes if one.dst == route.dst}
    return owners[0] if right and route.metric < min(right) else None


def _unowned(
    expected: Expected,
    route: Route,
    network: str,
    *,
    stale: dict[str, Route],
    shadows: dict[str, tuple[Route, str]],
    mine: dict[str, Route],
) -> None:
    device = expected.peers.device
    by_device = bool(device) and route.dev == device
    if by_device and _of_the_device_itself(expected, route):
        return
    holder = _around(expected, route.dst)
    if holder == expected.own.subnet:
        if by_device:
            mine[route.dst] = route
    elif holder:
        shadows[route.dst] = (route, expected.peers.owners[holder][0])
    elif by_device:
        stale[route.dst] = route
    elif (
        network
        and route.gateway
        and route.kind == "unicast"
        and route.dst != network
        and announced.inside(route.dst, (network,))
    ):
        # host-gw and direct routes name no device of flannel's: their place tells them.
        stale[route.dst] = route


def _of_the_device_itself(expected: Expected, route: Route) -> bool:
    """The kernel's own routes of an IPv6 device: its address, link-local, multicast."""
    if route.protocol in ("kernel", "ra"):
        return True
    own = f"{expected.own.gateway}/{128 if expected.version == 6 else 32}"
    return route.dst in (own, "fe80::/64", "ff00::/8")


def _around(expected: Expected, dst: str) -> str:
    """Return the announced subnet in which a more exact prefix lies, or nothing."""
    try:
        inner = ipaddress.ip_network(dst, strict=False)
    except ValueError:
        return ""
    lengths = expected.peers.lengths
    for length in lengths:
        if length < inner.prefixlen:
            outer = str(inner.supernet(new_prefix=length))
            if outer in expected.peers.owners:
                return outer
    return ""


def _stale(
    expected: Expected,
    state: Kernel,
    node: str,
    stale: Mapping[str, Route],
    departed: Mapping[str, str],
) -> Deviation:
    evidence = []
    gateways = {route.gateway for route in stale.values()}
    macs = {
        one.ip: one.mac
        for one in state.neighbours or ()
        if one.dev == expected.peers.device and one.ip in gateways
    }
    for dst in sorted(stale)[:5]:
        route = stale[dst]
        text = str(route)
        if dst in departed:
            text += f", of {departed[dst]}, which is deleted"
        if route.gateway in macs:
            text += f", neighbour {macs[route.gateway]}"
        evidence.append(text)
    names = tuple(departed[dst] for dst in sorted(stale) if dst in departed)
    return Deviation(
        Fault.ROUTE_STALE,
        node,
        f"{units.count(len(stale), 'route')} to pod CIDRs that no node has: "
        f"{units.listing(sorted(stale), most=3)}",
        evidence=tuple(evidence),
        peers=names,
    )


def _unused(
    expected: Expected, node: str, strays: Strays, gateways: Collection[str]
) -> Iterator[Deviation]:
    """Neighbours and forwarding entries of the device that belong to no one and to no route."""
    peers = expected.peers
    if peers.backend != "vxlan":
        return
    used = {one.mac for one in strays.neighbours if one.ip in gateways}
    lost = [
        one
        for one in strays.neighbours
        if one.dev == peers.device
        and one.state == "PERMANENT"
        and one.ip not in peers.by_gateway
        and one.ip not in gateways
    ]
    ends = [
        one
        for one in strays.fdb
        if one.dev == peers.device
        and one.dst
        and one.mac not in peers.by_mac
        and one.mac not in used
    ]
    if lost or ends:
        yield Deviation(
            Fault.LEFTOVERS,
            node,
            f"{units.count(len(lost), 'neighbour')} and "
            f"{units.count(len(ends), 'forwarding entry', 'forwarding entries')} without a node",
            evidence=tuple(str(one) for one in [*sorted(lost), *sorted(ends)][:5]),
        )
