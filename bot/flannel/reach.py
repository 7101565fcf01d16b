"""What flannel asks the kernel's routes: the default one, and the way to one address.

Sources: pkg/ip/iface.go; the kernel's fib_lookup, fib_select_path and inet_select_addr.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from bot.flannel import addresses, eras, kernel

_NO_SUCH = "route ip+net: no such network interface"
_REFUSALS = {
    "blackhole": "invalid argument",
    "unreachable": "no route to host",
    "prohibit": "permission denied",
}
"""Kinds of routes that lead nowhere, with the kernel's error as Go words it."""
_UNREACHABLE = "network is unreachable"
# A destination that is no address is sent empty, which the kernel's attribute check refuses.
_NO_ADDRESS = "numerical result out of range"


class NoWayError(Exception):
    """There is no such route or interface; the text is flannel's."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the kernel would reach an address. `source` is empty where it names none.

    `uncertain` says that the route has several hops, of which the kernel takes one by a hash.
    """

    nic: kernel.Link
    source: str
    uncertain: bool = False


def default_nic(here: kernel.Kernel, *, ipv6: bool, era: eras.Era) -> kernel.Link:
    """Return the interface of the first default route, whatever its metric.

    Raises:
        NoWayError: with the words of this release.
    """
    six = "v6 " if ipv6 else ""
    for route in here.table(6 if ipv6 else 4) or ():
        if route.dst != (kernel.ANY6 if ipv6 else kernel.ANY4) or route.table not in {"", "main"}:
            continue
        if not route.dev:
            raise NoWayError(
                era.cased(f"Found default {six}route but could not determine interface")
            )
        return _device(here, route.dev)
    raise NoWayError(era.cased(f"Unable to find default {six}route"))


def way_to(here: kernel.Kernel, target: str) -> Way:
    """Return the interface and source address that the kernel would use towards an address.

    Raises:
        NoWayError: with the words of flannel's error.
    """
    ip = addresses.parse(target)
    if not ip:
        raise NoWayError(f"couldn't lookup route to {addresses.NIL}: {_NO_ADDRESS}")
    own = _own(here, ip)
    if own is not None:
        return own
    ipv6 = ":" in ip
    route = kernel.lookup(here.table(6 if ipv6 else 4) or (), ip)
    if route is None or route.kind == "throw":
        raise NoWayError(f"couldn't lookup route to {ip}: {_UNREACHABLE}")
    if route.kind in _REFUSALS:
        raise NoWayError(f"couldn't lookup route to {ip}: {_REFUSALS[route.kind]}")
    gateway, device = route.hops[0] if route.hops else (route.gateway, route.dev)
    try:
        nic = _device(here, device)
    except NoWayError as unknown:
        raise NoWayError(f"couldn't lookup interface: {unknown}") from None
    source = route.source or _source(here, nic, gateway, ipv6=ipv6)
    return Way(nic, source, uncertain=len(route.hops) > 1)


def _own(here: kernel.Kernel, ip: str) -> Way | None:
    # The local table comes first: a node reaches its own addresses by the loopback interface,
    # also those of an interface that is down.
    loopback = here.link("lo")
    if loopback is None:
        return None
    if addresses.holder(here.links or (), ip) is not None:
        return Way(loopback, ip)
    target = ipaddress.ip_address(ip)
    if target.version == 4 and (target.is_loopback or target.is_unspecified):
        return Way(loopback, "127.0.0.1")
    return None


def _device(here: kernel.Kernel, name: str) -> kernel.Link:
    nic = here.link(name)
    if nic is None:
        raise NoWayError(_NO_SUCH)
    return nic


def _source(here: kernel.Kernel, nic: kernel.Link, gateway: str, *, ipv6: bool) -> str:
    """The source address where the route prefers none.

    The first primary address that shares a network with the gateway, else the first one of the
    interface, else of any interface. A route over a gateway takes no address of link scope.
    """
    own = list(_primary(nic, ipv6=ipv6, link=not gateway))
    near = (one.ip for one in own if gateway and _shares(one, gateway))
    others = (one for one in here.links or () if one.name != nic.name)
    elsewhere = (one.ip for other in others for one in _primary(other, ipv6=ipv6, link=False))
    return next(near, "") or next((one.ip for one in own), "") or next(elsewhere, "")


def _shares(one: kernel.Address, gateway: str) -> bool:
    span = kernel.bounds(str(one))
    ip = addresses.parse(gateway)
    return bool(ip and span and span[0] <= int(ipaddress.ip_address(ip)) <= span[1])


def _primary(nic: kernel.Link, *, ipv6: bool, link: bool) -> Iterator[kernel.Address]:
    scopes = {"global", "site", "link"} if link else {"global", "site"}
    for one in nic.addresses:
        if (":" in one.ip) is ipv6 and not addresses.is_secondary(one) and one.scope in scopes:
            yield one
