"""/proc/net/route and /proc/net/arp, for an image whose `ip` is missing.

Readable on every host and IPv4 only. They tell neither `onlink` nor a protocol, and there is no
such file for forwarding entries. Numbers in `route` are hexadecimal in the host's byte order
(every platform that flannel is built for but s390x is little-endian).
"""

import ipaddress
import re

from bot.flannel import iptext, kernel

_HEX = re.compile(r"^[0-9A-Fa-f]{8}$")
_REJECT = 0x200
_UP = 0x1
_COMPLETE = 0x2
_PERMANENT = 0x4


def routes(text: str, *, big_endian: bool = False) -> tuple[list[kernel.Route], list[str]]:
    """Read /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask ..."""
    found: list[kernel.Route] = []
    odd: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] == "Iface":
            continue
        if len(words) < 8 or not all(_HEX.match(words[place]) for place in (1, 2, 7)):
            odd.append(line.strip())
            continue
        metric = iptext.number(words[6])
        if not _is_hex(words[3]) or metric is None:
            odd.append(line.strip())
            continue
        dst, gateway, mask = (_number(words[place], big_endian) for place in (1, 2, 7))
        flags = int(words[3], 16)
        if not flags & _UP:
            continue
        prefix = f"{ipaddress.IPv4Address(dst)}/{mask.bit_count()}"
        found.append(
            kernel.Route(
                dst=prefix,
                gateway=str(ipaddress.IPv4Address(gateway)) if gateway else "",
                dev="" if words[0] == "*" else words[0],
                metric=metric,
                kind="unreachable" if flags & _REJECT else "unicast",
            )
        )
    return found, odd


def neighbours(text: str) -> tuple[list[kernel.Neighbour], list[str]]:
    """Read /proc/net/arp: address, type, flags, MAC, mask, device."""
    found: list[kernel.Neighbour] = []
    odd: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] == "IP":
            continue
        if len(words) != 6 or not iptext.is_ip(words[0]) or not words[2].startswith("0x"):
            odd.append(line.strip())
            continue
        if not _is_hex(words[2][2:]):
            odd.append(line.strip())
            continue
        flags = int(words[2], 16)
        state = "PERMANENT" if flags & _PERMANENT else "REACHABLE"
        complete = bool(flags & (_COMPLETE | _PERMANENT))
        found.append(
            kernel.Neighbour(
                ip=words[0],
                dev=words[5],
                mac=words[3].lower() if complete else "",
                state=state if complete else "INCOMPLETE",
            )
        )
    return found, odd


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9A-Fa-f]{1,8}", text) is not None


def _number(text: str, big_endian: bool) -> int:
    return int.from_bytes(bytes.fromhex(text), "big" if big_endian else "little")
