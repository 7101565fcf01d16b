"""How a flanneld picks its NIC, by version, to the letter of its log.

Held against 5,352 recorded outcomes of flannel v0.10.0 to v0.28.9, see
``tests/recorded/flannel-selection``.
IPv4 only, like the recordings. The links come in the order in which the kernel dumps them, because
flannel takes the first name that matches and never looks for a better one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import re2

INFO = "I"
ERROR = "E"

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Address:
    """One IPv4 address of a link; ``scope`` as ``ip`` prints it (global, link, host)."""

    address: str
    prefix: int
    scope: str = "global"


@dataclass(frozen=True)
class Link:
    """One network interface as flannel sees it through ``net.Interfaces()``."""

    ifindex: int
    name: str
    mtu: int = 1500
    up: bool = True
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Route:
    """One route; ``dst`` is ``default`` or a prefix, ``dev`` is empty for a multipath one."""

    dst: str
    dev: str
    gateway: str = ""
    prefsrc: str = ""


@dataclass(frozen=True)
class Flags:
    """The flags that matter for the choice, in command-line order."""

    iface: tuple[str, ...] = ()
    iface_regex: tuple[str, ...] = ()
    iface_can_reach: str = ""
    public_ip: str = ""


@dataclass(frozen=True)
class Line:
    """One log line without its stamp: level ``I`` or ``E``, and text."""

    level: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What flannel ended with; ``link`` is None where it gave up."""

    link: Link | None
    address: str | None
    external_address: str | None
    log: tuple[Line, ...] = ()


class _LookupError(Exception):
    """One lookup failed; the text is what flannel prints after the colon."""


def version_of(image: str) -> Version:
    """Read flannel's version from an image reference; unknown tags count as the story's v0.12.0.

    Args:
        image: such as ``quay.io/coreos/flannel:v0.12.0-amd64``, with or without a digest.
    """
    tag = image.split("@", 1)[0].rsplit("/", 1)[-1].partition(":")[2]
    found = re2.match(r"^v?(\d+)\.(\d+)\.(\d+)", tag)
    if not found:
        return (0, 12, 0)
    return (int(found.group(1)), int(found.group(2)), int(found.group(3)))


def choose(
    *, version: Version, flags: Flags, links: tuple[Link, ...], routes: tuple[Route, ...]
) -> Outcome:
    """Choose as ``main.go`` of this version does; links must be in dump order."""
    return _Choice(version=version, flags=flags, links=links, routes=routes).run()


class _Choice:
    """The flag loop of ``main()`` around single lookups, collecting the log."""

    def __init__(
        self,
        *,
        version: Version,
        flags: Flags,
        links: tuple[Link, ...],
        routes: tuple[Route, ...],
    ) -> None:
        self._version = version
        self._flags = flags
        self._links = links
        self._routes = routes
        self._log: list[Line] = []

    def run(self) -> Outcome:
        flags = self._flags
        can_reach = flags.iface_can_reach if self._version >= (0, 18, 0) else ""
        if not (flags.iface or flags.iface_regex or can_reach):
            return self._without_flags()
        attempts = [
            *((name, name, "", "") for name in flags.iface),
            *((regex, "", regex, "") for regex in flags.iface_regex),
            *([(f"ifcanreach: {can_reach}", "", "", can_reach)] if can_reach else []),
        ]
        for label, name, regex, reach in attempts:
            try:
                return self._lookup(name=name, regex=regex, can_reach=reach)
            except _LookupError as error:
                self._info(f"Could not find valid interface matching {label}: {error}")
        self._error(
            "Failed to find interface to use that matches the interfaces and/or regexes provided"
        )
        return self._gave_up()

    def _without_flags(self) -> Outcome:
        # Since v0.12 a lone --public-ip also picks the NIC that holds it.
        name = self._flags.public_ip if self._version >= (0, 12, 0) else ""
        try:
            return self._lookup(name=name, regex="", can_reach="")
        except _LookupError as error:
            self._error(f"Failed to find any valid interface to use: {error}")
            return self._gave_up()

    def _lookup(self, *, name: str, regex: str, can_reach: str) -> Outcome:
        address: str | None = None
        if name:
            link, address = self._by_name(name)
        elif regex:
            link, address = self._by_regex(regex)
        elif can_reach:
            link, address = self._by_reach(can_reach)
        else:
            self._info("Determining IP address of default interface")
            link = self._by_default_route()
        if address is None:
            found = _addresses(link, self._version)
            if not found:
                raise _LookupError(f"failed to find IPv4 address for interface {link.name}")
            address = found[0]
        self._info(f"Using interface with name {link.name} and address {address}")
        if link.mtu == 0:
            raise _LookupError(f"failed to determine MTU for {address} interface")
        external = self._flags.public_ip or address
        if self._flags.public_ip:
            self._info(f"Using {external} as external address")
        else:
            self._info(f"Defaulting external address to interface address ({external})")
        return Outcome(link, address, external, tuple(self._log))

    def _by_name(self, name: str) -> tuple[Link, str | None]:
        if _is_ipv4(name):
            self._info(f"Searching for interface using {name}")
            for link in self._links:
                if any(one.address == name for one in link.addresses):
                    return link, name
            none = self._cased("No interface with given IP found")
            raise _LookupError(f"error looking up interface {name}: {none}")
        for link in self._links:
            if link.name == name:
                return link, None
        raise _LookupError(
            f"error looking up interface {name}: route ip+net: no such network interface"
        )

    def _by_regex(self, pattern: str) -> tuple[Link, str | None]:
        matches = self._matcher(pattern)
        found = self._by_regex_on_addresses(pattern, matches)
        if found is not None:
            return found
        for link in self._links:
            if matches is None:
                raise _LookupError(f"regex error matching pattern {pattern} to {link.name}")
            if matches.search(link.name):
                # The first match is final, with or without an address.
                return link, None
        raise _LookupError(self._no_match(pattern))

    def _by_regex_on_addresses(
        self, pattern: str, matches: re2._Regexp | None
    ) -> tuple[Link, str] | None:
        leaky = (0, 15, 0) <= self._version < (0, 17, 0)
        last: str | None = None
        for link in self._links:
            found = _addresses(link, self._version)
            if self._version < (0, 17, 0):
                found = found[:1]
            for address in found:
                if matches is None:
                    raise _LookupError(f"regex error matching pattern {pattern} to {address}")
                if matches.search(address):
                    if not leaky:
                        return link, address
                    last = address
        # In v0.15 and v0.16 the loop's break left only a switch: the last matching address wins,
        # and the pointer to the loop variable ends on the last link of the dump (#1536).
        return None if last is None else (self._links[-1], last)

    def _matcher(self, pattern: str) -> re2._Regexp | None:
        options = re2.Options()
        options.log_errors = False
        try:
            return re2.compile(pattern, options)
        except re2.error as error:
            if self._version < (0, 15, 0):
                return None  # compiled anew for each match there: the first match reports it
            raise _LookupError(
                f"could not compile the IP address regex '{pattern}': "
                f"error parsing regexp: {_go_words(error)}"
            ) from error

    def _no_match(self, pattern: str) -> str:
        text = self._cased(
            f"Could not match pattern {pattern} to any of the available network interfaces"
        )
        if self._version < (0, 11, 0):
            return text
        return f"{text} ({', '.join(self._described(link) for link in self._links)})"

    def _described(self, link: Link) -> str:
        found = _addresses(link, self._version)
        if self._version < (0, 17, 0):
            return f"{link.name}:{found[0] if found else '<nil>'}"
        return f"{link.name}:[{' '.join(found)}]"

    def _by_default_route(self) -> Link:
        for route in self._routes:
            if route.dst not in {"default", "0.0.0.0/0"}:
                continue
            for link in self._links:
                if link.name == route.dev:
                    return link
            text = self._cased("Found default route but could not determine interface")
            raise _LookupError(f"failed to get default interface: {text}")
        text = self._cased("Unable to find default route")
        raise _LookupError(f"failed to get default interface: {text}")

    def _by_reach(self, target: str) -> tuple[Link, str]:
        self._info(f"Determining interface to use based on given ifcanreach: {target}")
        for link in self._links:
            if any(one.address == target for one in link.addresses):
                # The kernel delivers its own addresses over lo; flannel believes it.
                return next(one for one in self._links if one.name == "lo"), target
        route = _route_to(target, self._routes)
        link_of = {link.name: link for link in self._links}
        if route is None or route.dev not in link_of:
            raise _LookupError(
                "failed to get ifcanreach based interface: "
                f"couldn't lookup route to {target}: network is unreachable"
            )
        link = link_of[route.dev]
        return link, route.prefsrc or _source(link, route.gateway or target)

    def _cased(self, text: str) -> str:
        """v0.28.0 wrote its error texts in lower case."""
        return text if self._version < (0, 28, 0) else text[0].lower() + text[1:]

    def _info(self, text: str) -> None:
        self._log.append(Line(INFO, text))

    def _error(self, text: str) -> None:
        self._log.append(Line(ERROR, text))

    def _gave_up(self) -> Outcome:
        return Outcome(None, None, None, tuple(self._log))


def _addresses(link: Link, version: Version) -> tuple[str, ...]:
    """Global addresses, else link-local ones; loopback never (since v0.28 both, global first)."""
    parsed = [ipaddress.IPv4Address(one.address) for one in link.addresses]
    wide = [str(one) for one in parsed if not (one.is_loopback or one.is_link_local)]
    narrow = [str(one) for one in parsed if one.is_link_local]
    if version >= (0, 28, 0):
        return (*wide, *narrow)
    return tuple(wide or narrow[-1:])


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _route_to(target: str, routes: tuple[Route, ...]) -> Route | None:
    best: tuple[int, Route] | None = None
    for route in routes:
        prefix = ipaddress.IPv4Network("0.0.0.0/0" if route.dst == "default" else route.dst)
        if ipaddress.IPv4Address(target) in prefix and (best is None or prefix.prefixlen > best[0]):
            best = (prefix.prefixlen, route)
    return None if best is None else best[1]


def _source(link: Link, towards: str) -> str:
    for one in link.addresses:
        network = ipaddress.IPv4Network(f"{one.address}/{one.prefix}", strict=False)
        if ipaddress.IPv4Address(towards) in network:
            return one.address
    return link.addresses[0].address if link.addresses else "0.0.0.0"  # noqa: S104 - a value, not a bind


_GO_WORDS = (
    ("missing ): ", "missing closing ): `{}`"),
    ("unexpected ): ", "unexpected ): `{}`"),
    ("missing ]: ", "missing closing ]: `{}`"),
    ("invalid perl operator: ", "invalid or unsupported Perl syntax: `{}`"),
    ("no argument for repetition operator: ", "missing argument to repetition operator: `{}`"),
    ("bad repetition operator: ", "invalid nested repetition operator: `{}`"),
    ("invalid repetition size: ", "invalid repeat count: `{}`"),
    ("invalid character class range: ", "invalid character class range: `{}`"),
    ("invalid escape sequence: ", "invalid escape sequence: `{}`"),
    ("invalid named capture group: ", "invalid named capture: `{}`"),
)


def _go_words(error: Exception) -> str:
    """RE2's complaint in the words of Go's regexp package, for the kinds people write."""
    text = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
    for theirs, go in _GO_WORDS:
        if text.startswith(theirs):
            return go.format(text[len(theirs) :])
    return text
