"""Which addresses of an interface flannel sees, and how it reads and writes an address.

Source: pkg/ip/iface.go by version, Go's net.ParseIP and net.IP.
"""

import functools
import ipaddress
from collections.abc import Iterable

from bot.flannel import eras, kernel

NIL = "<nil>"
"""How Go prints an address that is not there."""

_REMEMBERED = 1 << 15
"""Addresses whose reading is remembered: twice those of a fleet of 5,000 nodes."""


@functools.lru_cache(maxsize=_REMEMBERED)
def parse(text: str) -> str:
    """Return an address as Go prints it; nothing where Go reads no address.

    An IPv6 address that stands for an IPv4 one is that IPv4 one. A zone makes it none.
    """
    if "%" in text:
        return ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


@functools.lru_cache(maxsize=_REMEMBERED)
def _rank(ip: str) -> int:
    """0 for a global unicast address, 1 for a link-local one, 2 for what flannel never takes.

    Go calls global whatever is not loopback, multicast, link-local, unspecified or broadcast.
    """
    try:
        found = ipaddress.ip_address(ip)
    except ValueError:
        return 2
    if found.is_link_local:
        return 1
    refused = found.is_loopback or found.is_multicast or found.is_unspecified
    return 2 if refused or ip == "255.255.255.255" else 0


def usable(nic: kernel.Link, *, ipv6: bool, era: eras.Era) -> tuple[str, ...]:
    """Return the addresses of one family that flannel would use, the first one first.

    Up to v0.16 that is one: the first global, else the last link-local. From v0.17 on all, the
    global before the link-local. From v0.28 on also permanent before leased, temporary last,
    and none that is deprecated.
    """
    found = [one for one in nic.addresses if (":" in one.ip) is ipv6 and _rank(one.ip) < 2]
    if not found:
        return ()
    if era.sorts:
        kept = [one for one in found if "deprecated" not in one.flags]
        kept.sort(key=_preference)
        return tuple(one.ip for one in kept)
    globals_ = tuple(one.ip for one in found if _rank(one.ip) == 0)
    local = tuple(one.ip for one in found if _rank(one.ip) == 1)
    if era.every_address:
        return globals_ + local
    return globals_[:1] or local[-1:]


def _preference(one: kernel.Address) -> tuple[int, bool, bool]:
    # "dynamic" is an address with a lifetime. What `ip` calls secondary for IPv4 and temporary
    # for IPv6 is one bit of the kernel's, and flannel reads it as temporary in both.
    return _rank(one.ip), "dynamic" in one.flags, is_secondary(one)


def is_secondary(one: kernel.Address) -> bool:
    """Whether an address is secondary, or for IPv6 temporary."""
    return "secondary" in one.flags or "temporary" in one.flags


def holder(nics: Iterable[kernel.Link], ip: str) -> kernel.Link | None:
    """Return the first interface that has this very address, of whatever kind."""
    return next((nic for nic in nics if any(one.ip == ip for one in nic.addresses)), None)
