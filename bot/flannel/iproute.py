"""What `ip`, `bridge`, `wg` and /run/flannel/subnet.env say, read into values.

One entrance for every form of an answer: the JSON of `ip -j` and `bridge -j`, and the text of
iproute2 too old for it (routes learnt JSON in 4.16) or of busybox, which knows neither JSON nor
details. What an answer holds decides, not what was asked, since an old `ip -j route` prints
text. Both forms give equal values. Nothing here raises: what is not understood is reported.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.flannel import iptext, kernel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What one answer held, in its order, and what of it was not understood."""

    entries: tuple[T, ...] = ()
    odd: tuple[str, ...] = ()


def links(text: str) -> Reading[kernel.Link]:
    """Read `ip link` or `ip addr`, with or without `-d`, `-o` and `-j`."""
    return _read(text, _link, iptext.links)


def routes(text: str, *, version: int = 4, dev: str = "") -> Reading[kernel.Route]:
    """Read `ip route` or `ip -6 route` (`version` 6).

    `dev` is what the listing was filtered by: filtered output leaves the device out.
    """

    def of_text(lines: str) -> tuple[list[kernel.Route], list[str]]:
        return iptext.routes(lines, version=version, dev=dev)

    of_json = _route6 if version == 6 else _route
    return _read(text, functools.partial(of_json, dev=dev), of_text, _alike(of_json, dev))


def neighbours(text: str, *, dev: str = "") -> Reading[kernel.Neighbour]:
    """Read `ip neigh`; `dev` as for routes."""

    def of_text(lines: str) -> tuple[list[kernel.Neighbour], list[str]]:
        return iptext.neighbours(lines, dev=dev)

    return _read(text, functools.partial(_neighbour, dev=dev), of_text, _alike(_neighbour, dev))


def fdb(text: str, *, dev: str = "") -> Reading[kernel.FdbEntry]:
    """Read `bridge fdb`; `dev` as for routes. Older JSON says "dev" for "ifname"."""

    def of_text(lines: str) -> tuple[list[kernel.FdbEntry], list[str]]:
        return iptext.fdb(lines, dev=dev)

    return _read(text, functools.partial(_fdb_entry, dev=dev), of_text, _alike(_fdb_entry, dev))


def subnet_env(text: str) -> tuple[kernel.SubnetEnv, tuple[str, ...]]:
    """Read /run/flannel/subnet.env, and the lines of it that say nothing known."""
    found: dict[str, str] = {}
    odd: list[str] = []
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name in _ENV:
            found[name] = value.strip().strip("\"'")
        elif line.strip():
            odd.append(line.strip())
    mtu = iptext.number(found.get("FLANNEL_MTU", "0"))
    if mtu is None:
        odd.append(f"FLANNEL_MTU={found['FLANNEL_MTU']}")
    masq = found.get("FLANNEL_IPMASQ", "")
    env = kernel.SubnetEnv(
        network=found.get("FLANNEL_NETWORK", ""),
        subnet=found.get("FLANNEL_SUBNET", ""),
        mtu=mtu or 0,
        ipmasq={"true": True, "false": False}.get(masq),
        ipv6_network=found.get("FLANNEL_IPV6_NETWORK", ""),
        ipv6_subnet=found.get("FLANNEL_IPV6_SUBNET", ""),
    )
    return env, tuple(odd)


def wireguard(
    allowed: str, endpoints: str = "", *, dev: str = "flannel-wg"
) -> Reading[kernel.WireguardPeer]:
    """Read `wg show DEV allowed-ips` and `wg show DEV endpoints`.

    Never `wg show DEV dump`: its first line is the private key.
    """
    ends = dict(_pairs(endpoints))
    peers: list[kernel.WireguardPeer] = []
    odd: list[str] = []
    for key, rest in _pairs(allowed):
        if len(key) != 44 or not key.endswith("="):
            odd.append(f"{key} {rest}".strip())
            continue
        networks = tuple(word for word in rest.split() if word != "(none)")
        end = ends.get(key, "")
        peers.append(
            kernel.WireguardPeer(
                dev=dev, public_key=key, endpoint="" if end == "(none)" else end, allowed=networks
            )
        )
    return Reading(tuple(peers), tuple(odd))


_ENV = frozenset(
    {
        "FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_MTU", "FLANNEL_IPMASQ",
        "FLANNEL_IPV6_NETWORK", "FLANNEL_IPV6_SUBNET",
    }
)  # fmt: skip


def _read(
    text: str,
    of_json: Callable[[Mapping[str, object]], T | None],
    of_text: Callable[[str], tuple[list[T], list[str]]],
    alike: Callable[[str], T | None] | None = None,
) -> Reading[T]:
    """Read an answer; `alike` reads one item of which other hosts' answers hold the same."""
    # An interface list may begin with a bracket in neither text form, so the sign is sure.
    if not text.lstrip().startswith(("[", "{")):
        entries, odd = of_text(text)
        return Reading(tuple(entries), tuple(odd))
    known = _remembered(text, alike) if alike is not None else None
    if known is not None:
        return Reading(known)
    try:
        # strict=False: an interface's alias may hold any sign.
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        return Reading(odd=(f"broken JSON ({type(error).__name__}): {_shown(text)}",))
    items = value if isinstance(value, list) else [value]
    found: list[T] = []
    strange: list[str] = []
    for item in items:
        if item == {}:
            # What some versions leave for an entry that a filter dropped.
            continue
        entry = of_json(item) if isinstance(item, dict) else None
        if entry is None:
            strange.append(_shown(json.dumps(item)))
        else:
            found.append(entry)
    return Reading(tuple(found), tuple(strange))


_ALIKE = 32_768
"""Items remembered: those of a fleet of 5,000 nodes, three for each, and twice as many others."""


def _alike(of_json: Callable[..., T | None], dev: str) -> Callable[[str], T | None]:
    return functools.partial(_item, of_json, dev)


@functools.lru_cache(maxsize=_ALIKE)
def _item(of_json: Callable[..., T | None], dev: str, text: str) -> T | None:
    """Read one item without its braces. Raises ValueError where it is none by itself."""
    item = json.loads(f"{{{text}}}", strict=False)
    return of_json(item, dev=dev) if item else None


def _remembered(text: str, alike: Callable[[str], T | None]) -> tuple[T, ...] | None:
    """Read a list item by item, most of which other hosts' lists held; None where that fails.

    A thousand nodes have nearly the same three thousand entries each, and to read them anew on
    every node takes ten times as long as all the rest of a look. What is split where it should
    not be, within a list or a text, is no JSON and fails, so nothing is ever misread.
    """
    inner = text.strip()
    if not (inner.startswith("[{") and inner.endswith("}]")):
        return None
    try:
        found = tuple(map(alike, inner[2:-2].split("},{")))
    except (ValueError, RecursionError):
        return None
    # What was not understood has to be told, which the plain way does.
    return None if None in found else found  # type: ignore[return-value]


def _link(item: Mapping[str, object]) -> kernel.Link | None:
    name = _word(item, "ifname")
    if not name:
        return None
    info = _mapping(item, "linkinfo")
    data = _mapping(info, "info_data")
    kind = _word(info, "info_kind")
    return kernel.Link(
        name=name,
        index=_number(item, "ifindex"),
        flags=_words(item.get("flags")),
        mtu=_number(item, "mtu"),
        state=_word(item, "operstate"),
        mac=_word(item, "address").lower(),
        medium=_word(item, "link_type"),
        kind=kind,
        master=_word(item, "master"),
        parent=_word(item, "link"),
        parent_index=_number(item, "link_index"),
        addresses=tuple(_addresses(item.get("addr_info"))),
        tunnel=_tunnel(data) if kind in iptext.TUNNELS else None,
    )


def _tunnel(data: Mapping[str, object]) -> kernel.Tunnel:
    learning = data.get("learning")
    local = _word(data, "local") or _word(data, "local6")
    return kernel.Tunnel(
        vni=_number(data, "id"),
        local="" if local == "any" else local,
        lower=_word(data, "link"),
        port=_number(data, "port"),
        learning=learning if isinstance(learning, bool) else None,
    )


def _addresses(value: object) -> Iterator[kernel.Address]:
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        ip = _word(item, "local")
        if not iptext.is_ip(ip):
            continue
        yield kernel.Address(
            ip=ip,
            prefix=_number(item, "prefixlen"),
            scope=_word(item, "scope"),
            label=_word(item, "label"),
            flags=tuple(sorted(word for word in iptext.ADDRESS_FLAGS if item.get(word) is True)),
        )


def _neighbour(item: Mapping[str, object], *, dev: str) -> kernel.Neighbour | None:
    ip = _word(item, "dst")
    if not iptext.is_ip(ip):
        return None
    state = item.get("state")
    return kernel.Neighbour(
        ip=ip,
        dev=_word(item, "dev") or dev,
        mac=_word(item, "lladdr").lower(),
        state=",".join(_words(state)) if isinstance(state, list) else _word(item, "state"),
    )


def _fdb_entry(item: Mapping[str, object], *, dev: str) -> kernel.FdbEntry | None:
    mac = _word(item, "mac").lower()
    if not iptext.is_mac(mac):
        return None
    return kernel.FdbEntry(
        mac=mac,
        dev=_word(item, "ifname") or _word(item, "dev") or dev,
        dst=_word(item, "dst"),
        master=_word(item, "master"),
        state=_word(item, "state"),
        flags=tuple(sorted(flag for flag in _words(item.get("flags")) if flag != "master")),
    )


def _route6(item: Mapping[str, object], *, dev: str) -> kernel.Route | None:
    return _route(item, version=6, dev=dev)


def _route(item: Mapping[str, object], *, version: int = 4, dev: str) -> kernel.Route | None:
    dst = iptext.destination(_word(item, "dst"), version=version)
    if not dst:
        return None
    via = _mapping(item, "via")
    hops = item.get("nexthops")
    kind = _word(item, "type") or "unicast"
    protocol = _word(item, "protocol")
    scope = _word(item, "scope")
    return kernel.Route(
        dst=dst,
        gateway=_word(item, "gateway") or _word(via, "host"),
        dev=_word(item, "dev") or ("" if hops or kind != "unicast" else dev),
        flags=tuple(sorted(_words(item.get("flags")))),
        metric=_number(item, "metric"),
        kind=kind,
        protocol="" if protocol == "boot" else protocol,
        scope="" if scope == "global" else scope,
        source=_word(item, "prefsrc"),
        table=_word(item, "table"),
        hops=tuple(
            (_word(hop, "gateway") or _word(_mapping(hop, "via"), "host"), _word(hop, "dev"))
            for hop in (hops if isinstance(hops, list) else ())
            if isinstance(hop, dict)
        ),
    )


def _word(item: Mapping[str, object], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _words(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _number(item: Mapping[str, object], name: str) -> int:
    value = item.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _mapping(item: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, _, rest = line.strip().partition("\t")
        if key:
            yield key, rest.strip()


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"
