"""Lines of a kernel's tables as `ip` and `bridge` print them: in JSON, and as text. Pure.

Shapes as recorded from iproute2 6.1. An entry that thousands of machines hold is made once.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

Object = dict[str, Any]


class Entry:
    """One line.

    Args:
        row: what JSON tells.
        text: the same as text, with its end of line.
        place: where it stands among others of its table; routes are told by their destination.
    """

    __slots__ = ("json", "place", "row", "text")

    def __init__(self, row: Object, text: str, place: int = 0) -> None:
        self.row = row
        self.json = msgspec.json.encode(row).decode()
        self.text = text
        self.place = place


def route(
    dst: str,
    dev: str,
    gateway: str = "",
    *,
    source: str = "",
    flags: tuple[str, ...] = (),
) -> Entry:
    """A route. One without a gateway is the kernel's own, to a connected network."""
    row: Object = {"dst": dst}
    words = [dst]
    if gateway:
        row["gateway"] = gateway
        words += ["via", gateway]
    row["dev"] = dev
    words += ["dev", dev]
    if not gateway:
        row |= {"protocol": "kernel", "scope": "link"}
        words += ["proto", "kernel", "scope", "link"]
    if source:
        row["prefsrc"] = source
        words += ["src", source]
    row["flags"] = list(flags)
    words += flags
    return Entry(row, " ".join(words) + " \n", place_of(dst))


def neighbour(ip: str, dev: str, mac: str, state: str) -> Entry:
    """A neighbour."""
    row = {"dst": ip, "dev": dev, "lladdr": mac, "state": [state]}
    return Entry(row, f"{ip} dev {dev} lladdr {mac} {state} \n")


def forwarding(
    mac: str, dev: str, *, dst: str = "", master: str = "", state: str = "permanent"
) -> Entry:
    """An entry of a forwarding table: a device's own, or that of the bridge it is a port of."""
    row: Object = {"mac": mac, "ifname": dev}
    row |= {"dst": dst} if dst else {}
    row["flags"] = [] if master else ["self"]
    row |= {"master": master} if master else {}
    row["state"] = state
    words = [mac, "dev", dev]
    words += ["dst", dst] if dst else []
    words += ["master", master] if master else ["self"]
    return Entry(row, " ".join([*words, state]) + "\n")


@functools.lru_cache(maxsize=65_536)
def place_of(dst: str) -> int:
    """Where a route to a network stands: the default first, then by address."""
    if dst == "default":
        return -1
    value = 0
    for part in dst.partition("/")[0].split("."):
        value = value * 256 + int(part)
    return value


def proc_route(row: Object) -> str:
    """A route as /proc/net/route has it."""
    dst, _, prefix = str(row["dst"]).partition("/")
    length = 0 if dst == "default" else int(prefix or 32)
    mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    words = [
        row["dev"],
        _hex("" if dst == "default" else dst),
        _hex(row.get("gateway", "")),
        "0003" if "gateway" in row else "0001",
        "0",
        "0",
        "0",
        f"{int.from_bytes(mask.to_bytes(4, 'big'), 'little'):08X}",
        "0",
        "0",
        "0",
    ]
    return "\t".join(words).ljust(127) + "\n"


PROC_HEAD = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT".ljust(127)
    + "\n"
)


def _hex(ip: str) -> str:
    """An address as /proc has it: its bytes backwards; an empty text is none."""
    return "".join(f"{int(part):02X}" for part in reversed(ip.split("."))) if ip else "0" * 8
