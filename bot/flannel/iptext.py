"""The text of `ip` and `bridge`, of iproute2 since 4.x and of busybox.

Differences that matter: busybox shows no route protocol, writes two spaces before `src`, adds
`used a/b/c probes n` to neighbours and never a tunnel's details; with `-o` the lines of one
object are joined by backslashes and `ip -o addr` has no line for the NIC itself; a filter
(`dev X`) leaves the device out. Each function returns the entries and the lines that are odd.
Sources: iproute2's ip/ and bridge/, busybox's networking/libiproute.
"""

import functools
import ipaddress
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.flannel import kernel

TUNNELS = frozenset({"vxlan", "ipip", "gre", "sit", "geneve"})
ADDRESS_FLAGS = frozenset(
    {
        "secondary", "temporary", "dynamic", "deprecated", "tentative", "dadfailed", "optimistic",
        "noprefixroute", "mngtmpaddr", "stable-privacy", "nodad", "home", "autojoin", "mcautojoin",
    }
)  # fmt: skip
_KINDS = frozenset(
    {
        "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable",
        "prohibit", "throw", "nat",
    }
)  # fmt: skip
_ROUTE_FLAGS = frozenset(
    {
        "onlink", "linkdown", "dead", "pervasive", "offload", "trap", "notify", "unresolved",
        "rt_offload", "rt_trap", "offload_failed", "rt_offload_failed",
    }
)  # fmt: skip
_ROUTE_VALUES = frozenset(
    {
        "mtu", "advmss", "hoplimit", "initcwnd", "initrwnd", "window", "rtt", "rttvar", "rto_min",
        "cwnd", "ssthresh", "reordering", "realm", "realms", "expires", "error", "pref", "tos",
        "dsfield", "users", "age", "uid", "iif", "mark", "weight", "nhid", "congctl", "features",
        "quickack", "from", "ttl-propagate", "fastopen_no_cookie",
    }
)  # fmt: skip
_HEADER = re.compile(r"^(\d+):\s+(\S+?)(?::\s+<([^>]*)>\s*(.*)|\s+(inet6?\s.*))$")
_MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5,}$")
_DETAIL = re.compile(r"^[a-z][a-z0-9_]*$")
_IGNORED = ("altname", "alias", "valid_lft", "vf", "RX:", "TX:", "parentbus", "parentdev", "port")


@functools.lru_cache(maxsize=1 << 14)
def is_ip(text: str) -> bool:
    """Whether a text is an IP address. Remembered: every node names the same peers."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_mac(text: str) -> bool:
    """Whether a text is a link-layer address as `ip` prints it."""
    return _MAC.match(text) is not None


def number(text: str) -> int | None:
    """Return a plain decimal number that fits a kernel's counters, else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else None


@functools.lru_cache(maxsize=1 << 14)
def destination(text: str, *, version: int = 4) -> str:
    """Return a route's destination with its prefix length, or nothing where it is none."""
    if text in ("default", "all"):
        return kernel.ANY6 if version == 6 else kernel.ANY4
    ip, slash, length = text.partition("/")
    if not is_ip(ip):
        return ""
    if not slash:
        return f"{ip}/{128 if ':' in ip else 32}"
    return text if (number(length) or 0) <= 128 and number(length) is not None else ""


def links(text: str) -> tuple[list[kernel.Link], list[str]]:
    """Read `ip link` and `ip addr`."""
    found: dict[str, kernel.Link] = {}
    addresses: dict[str, list[kernel.Address]] = {}
    odd: list[str] = []
    current: kernel.Link | None = None
    for segment in (part.strip() for line in text.splitlines() for part in line.split("\\")):
        header = _HEADER.match(segment)
        if header is not None:
            current = _header(header, found)
            if header[3] is not None:  # a NIC told twice is as it was told last
                addresses.pop(current.name, None)
        # `ip -o addr` has an address where the NIC's flags would be.
        below = segment if header is None else (header[5] or "").strip()
        added = _part(current, below.split()) if current is not None and below else current
        if added is None:
            odd += [segment] if segment else []
        elif isinstance(added, kernel.Link):
            current = found[added.name] = added
        elif current is not None:
            addresses.setdefault(current.name, []).append(added)
    whole = (replace(one, addresses=tuple(addresses.get(one.name, ()))) for one in found.values())
    return list(whole), odd


def _header(header: re.Match[str], found: dict[str, kernel.Link]) -> kernel.Link:
    name, at, parent = header[2].rpartition("@")
    if not at:
        name, parent = header[2], ""
    if header[3] is None:
        return found.get(name, kernel.Link(name=name, index=number(header[1]) or 0))
    index = re.fullmatch(r"if(\d{1,9})", parent)
    words = _valued(header[4].split())
    return kernel.Link(
        name=name,
        index=number(header[1]) or 0,
        flags=tuple(word for word in header[3].split(",") if word),
        mtu=number(words.get("mtu", "")) or 0,
        state=words.get("state", ""),
        master=words.get("master", ""),
        parent="" if index or parent == "NONE" else parent,
        parent_index=number(index[1]) or 0 if index else 0,
    )


def _part(link: kernel.Link, words: Sequence[str]) -> kernel.Link | kernel.Address | None:
    """Read one line below a NIC's name: the NIC with it, an address, or None if nothing known.

    Addresses are joined to the NIC at the end: one of kube-proxy's has one for each Service.
    """
    first = words[0]
    if first.startswith("link/"):
        mac = words[1].lower() if len(words) > 1 else ""
        known = is_mac(mac) or is_ip(mac)
        return replace(link, medium=first[5:], mac=mac if known else "")
    if first in ("inet", "inet6"):
        return _address(words, own=link.name)
    if first.startswith(_IGNORED) or first.rstrip(":").isdigit():
        return link
    if first.endswith("_slave"):
        return link
    if not _DETAIL.match(first):
        return None
    return replace(link, kind=first, tunnel=_tunnel(words) if first in TUNNELS else None)


def _address(words: Sequence[str], *, own: str) -> kernel.Address | None:
    if len(words) < 2:
        return None
    local, _, length = words[1].partition("/")
    rest = list(words[2:])
    if rest[:1] == ["peer"] and len(rest) > 1:
        length = rest[1].partition("/")[2]
    if not is_ip(local) or (length and number(length) is None):
        return None
    valued = _valued(rest)
    label = rest[-1] if words[0] == "inet" and rest else ""
    # The label of an IPv4 address is its last word and begins with the NIC's name.
    return kernel.Address(
        ip=local,
        prefix=(number(length) or 0) if length else 128 if ":" in local else 32,
        scope=valued.get("scope", ""),
        label=label if label.partition(":")[0] == own else "",
        flags=tuple(sorted(set(rest) & ADDRESS_FLAGS)),
    )


def _tunnel(words: Sequence[str]) -> kernel.Tunnel:
    valued = _valued(words)
    local = valued.get("local", "")
    learning = False if "nolearning" in words else True if "learning" in words else None
    if learning is None and words[0] == "vxlan":
        # Learning is the default and is not printed.
        learning = True
    return kernel.Tunnel(
        vni=number(valued.get("id", "")) or 0,
        local=local if is_ip(local) else "",
        lower=valued.get("dev", ""),
        port=number(valued.get("dstport", "")) or 0,
        learning=learning,
    )


def routes(text: str, *, version: int = 4, dev: str = "") -> tuple[list[kernel.Route], list[str]]:
    """Read `ip route`."""
    found: list[kernel.Route] = []
    odd: list[str] = []
    for line in _joined(text):
        head, *tails = line
        route, strange = _route(head, version=version)
        if route is None:
            odd.append(" ".join(head))
            continue
        hops: list[tuple[str, str]] = []
        for tail in tails:
            if tail[0] == "nexthop":
                hop, _ = _route(["default", *tail[1:]], version=version)
                if hop is not None:
                    hops.append((hop.gateway, hop.dev))
            elif tail[0] != "cache":
                odd.append(" ".join(tail))
        if strange:
            odd.append(" ".join(head))
        named = route.dev or ("" if hops or route.kind != "unicast" else dev)
        found.append(route._replace(dev=named, hops=tuple(hops)))
    return found, odd


def _joined(text: str) -> Iterator[list[list[str]]]:
    """Group each route's line with the indented ones below it, whichever way they are joined."""
    group: list[list[str]] = []
    for line in text.splitlines():
        for number, segment in enumerate(line.split("\\")):
            words = segment.split()
            if not words:
                continue
            below = number > 0 or (segment[:1].isspace() and words[0] in ("nexthop", "cache"))
            if below and group:
                group.append(words)
                continue
            if group:
                yield group
            group = [words]
    if group:
        yield group


def _route(words: Sequence[str], *, version: int) -> tuple[kernel.Route | None, bool]:
    """Return a route, and whether its line has words that are not known."""
    # Each word is taken once: a line may be as long as an answer.
    line = iter(words)
    first = next(line, "")
    kind = "unicast"
    if first in _KINDS:
        kind, first = first, next(line, "")
    dst = destination(first, version=version)
    if not dst:
        return None, True
    values: dict[str, str] = {}
    flags: set[str] = set()
    strange = False
    for word in line:
        if word in ("via", "dev", "proto", "scope", "src", "metric", "table"):
            value = next(line, "")
            if word == "via" and value in ("inet", "inet6"):
                value = next(line, "")
            values[word] = value
        elif word in _ROUTE_FLAGS:
            flags.add(word)
        elif word in _ROUTE_VALUES:
            if next(line, "") == "lock":
                next(line, "")
        elif word == "cache":
            break
        else:
            strange = True
    metric = number(values.get("metric", "0"))
    if metric is None:
        return None, True
    protocol, scope = values.get("proto", ""), values.get("scope", "")
    route = kernel.Route(
        dst=dst,
        gateway=values.get("via", ""),
        dev=values.get("dev", ""),
        flags=tuple(sorted(flags)),
        metric=metric,
        kind=kind,
        protocol="" if protocol == "boot" else protocol,
        scope="" if scope == "global" else scope,
        source=values.get("src", ""),
        table=values.get("table", ""),
    )
    return route, strange


def neighbours(text: str, *, dev: str = "") -> tuple[list[kernel.Neighbour], list[str]]:
    """Read `ip neigh`; the state is the last word, in capitals."""
    found: list[kernel.Neighbour] = []
    odd: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        valued = _valued(words[1:])
        mac = valued.get("lladdr", "").lower()
        if not is_ip(words[0]) or (mac and not is_mac(mac)):
            odd.append(line.strip())
            continue
        last = words[-1]
        state = last if last.replace(",", "").isupper() and last.isascii() else ""
        found.append(
            kernel.Neighbour(ip=words[0], dev=valued.get("dev", dev), mac=mac, state=state)
        )
    return found, odd


_FDB_STATES = frozenset({"permanent", "static", "stale"})
_FDB_FLAGS = frozenset(
    {"self", "router", "offload", "extern_learn", "sticky", "added_by_user", "locked", "dynamic"}
)
_FDB_VALUES = frozenset(
    {
        "dev",
        "dst",
        "master",
        "vlan",
        "port",
        "vni",
        "src_vni",
        "via",
        "link-netnsid",
        "nhid",
        "used",
    }
)


def fdb(text: str, *, dev: str = "") -> tuple[list[kernel.FdbEntry], list[str]]:
    """Read `bridge fdb`."""
    found: list[kernel.FdbEntry] = []
    odd: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        rest = itertools.islice(words, 1, None)
        values: dict[str, str] = {}
        flags: set[str] = set()
        state = ""
        strange = not is_mac(words[0].lower())
        for word in rest:
            if word in _FDB_VALUES:
                values[word] = next(rest, "")
            elif word in _FDB_STATES or word.startswith("state="):
                state = word.removeprefix("state=")
            elif word in _FDB_FLAGS:
                flags.add(word)
            else:
                strange = True
        if strange:
            odd.append(line.strip())
        if not is_mac(words[0].lower()):
            continue
        found.append(
            kernel.FdbEntry(
                mac=words[0].lower(),
                dev=values.get("dev", dev),
                dst=values.get("dst", ""),
                master=values.get("master", ""),
                state=state,
                flags=tuple(sorted(flags)),
            )
        )
    return found, odd


def _valued(words: Sequence[str]) -> dict[str, str]:
    """Every word with the one behind it; who reads it knows which words have values."""
    found: dict[str, str] = {}
    for word, value in itertools.pairwise(words):
        found.setdefault(word, value)
    return found
