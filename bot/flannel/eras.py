"""What changed in flannel's choice of a NIC, and with which release.

An era is a set of habits; versions of one era choose alike. Sources: flannel's main.go,
pkg/ipmatch/match.go and pkg/ip/iface.go at its tags, and the pull requests named beside each.
"""

import functools
from dataclasses import dataclass
from enum import StrEnum

from bot.flannel.versions import Version


class Listing(StrEnum):
    """How the failure of a pattern lists the interfaces that there are."""

    NOTHING = "nothing"
    ONE_ADDRESS = "one address"
    ALL_ADDRESSES = "all addresses"


@dataclass(frozen=True, slots=True)
class Era:
    """The habits of one stretch of releases, from `since` on."""

    since: Version
    repeats: bool
    """--iface may be repeated and --iface-regex exists (v0.8, #754)."""
    listing: Listing
    """v0.11 lists one address of each interface, v0.17 all."""
    public_ip_picks: bool
    """Without an interface flag, the NIC that holds --public-ip is taken (v0.12, #1214)."""
    families: bool
    """IPv6 and both families; patterns are compiled before they are used (v0.15, #1448)."""
    slips: bool
    """A pattern that matches an address takes that of the last match, and with it the last
    interface of all: `break` left the switch, not the loop (v0.15 and v0.16, #1538)."""
    every_address: bool
    """All addresses of an interface count, not one (v0.17, #981)."""
    can_reach: bool
    """--iface-can-reach (v0.18, #1545)."""
    public_ipv6_picks: bool
    """The NIC that holds --public-ipv6 is taken, and --iface may be an address where both
    families are on (v0.19, #1600)."""
    annotation: str
    """The annotation that overrides --public-ip, its IPv6 twin being named with `v6`: public-ip
    in v0.25.2 alone (#1948), node-public-ip from v0.25.3 on (#1982)."""
    keeps_ipv6: bool
    """IPv6 alone: the address that named the NIC is also used (v0.26, #2072)."""
    named_groups: bool
    """`(?<name>...)` compiles: the Go release that v0.26 is built with reads it."""
    apart: bool
    """With both families, each one's address is looked up by itself (v0.27.4, #2283)."""
    sorts: bool
    """Addresses are sorted, deprecated ones left out (v0.28, #2295)."""
    lower_case: bool
    """Errors begin with a small letter (v0.28)."""

    def cased(self, text: str) -> str:
        """Return an error as this release begins it."""
        return text[:1].lower() + text[1:] if self.lower_case else text


STARTS: tuple[Version, ...] = tuple(
    Version(0, minor, patch)
    for minor, patch in (
        (7, 0), (8, 0), (11, 0), (12, 0), (15, 0), (17, 0), (18, 0), (19, 0), (25, 2), (25, 3),
        (26, 0), (27, 4), (28, 0),
    )
)  # fmt: skip
"""The first release of each era."""


def of(version: Version) -> Era:
    """Return the era of a release; one older than all is read as the oldest."""
    return _era(max((start for start in STARTS if start <= version), default=STARTS[0]))


@functools.cache
def _era(start: Version) -> Era:
    at = (start.minor, start.patch)
    return Era(
        since=start,
        repeats=at >= (8, 0),
        listing=_listing(at),
        public_ip_picks=at >= (12, 0),
        families=at >= (15, 0),
        slips=(15, 0) <= at < (17, 0),
        every_address=at >= (17, 0),
        can_reach=at >= (18, 0),
        public_ipv6_picks=at >= (19, 0),
        annotation=_annotation(at),
        keeps_ipv6=at >= (26, 0),
        named_groups=at >= (26, 0),
        apart=at >= (27, 4),
        sorts=at >= (28, 0),
        lower_case=at >= (28, 0),
    )


def _listing(at: tuple[int, int]) -> Listing:
    if at >= (17, 0):
        return Listing.ALL_ADDRESSES
    return Listing.ONE_ADDRESS if at >= (11, 0) else Listing.NOTHING


def _annotation(at: tuple[int, int]) -> str:
    if at >= (25, 3):
        return "node-public-ip"
    return "public-ip" if at >= (25, 2) else ""


def every() -> tuple[Era, ...]:
    """Return all eras, the oldest first."""
    return tuple(_era(start) for start in STARTS)
