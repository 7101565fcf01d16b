"""The one read-only script that is run on a node, and what its output says.

Always the same text, so that an admission policy can allow this and nothing else. It runs in the
sh of every flannel image (busybox ash or dash): each part tries its commands in turn and keeps
the first that works, since `ip -j` is not everywhere and its absence shows only when asked.
Arguments are pod IPs: one TCP connect to each makes a neighbour entry where there was none.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bot.flannel import iproute, kernel, procfs

SCRIPT = r"""for i; do timeout 1 nc "$i" 1 </dev/null >/dev/null 2>&1 & done; wait
p() { n=$1; shift; for c; do o=$($c 2>&1); r=$?; [ $r = 0 ] && break; done
printf '@@ %s %s %s\n%s\n' $n $r "$c" "$o"; }
p addr 'ip -d -j addr' 'ip -d addr' 'ip addr'
p route 'ip -j route' 'ip route' 'cat /proc/net/route'
p route6 'ip -j -6 route' 'ip -6 route'
p neigh 'ip -j neigh' 'ip neigh' 'cat /proc/net/arp'
p fdb 'bridge -j fdb' 'bridge fdb'
p env 'cat /run/flannel/subnet.env'
p wg 'wg show flannel-wg allowed-ips'
p wgend 'wg show flannel-wg endpoints'
printf '@@ end 0 -\n'
"""

T = TypeVar("T")

_MARK = "@@ "
_MOST_TOUCHED = 250


@dataclass(frozen=True, slots=True)
class Section:
    """One part's answer: the command that gave it, its exit code, its text."""

    command: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the script saw, and sentences about what it could not."""

    kernel: kernel.Kernel
    problems: tuple[str, ...] = ()
    sections: Mapping[str, Section] = field(default_factory=dict)


def command(touch: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the command to be run. What is no IP address is left out."""
    ips = []
    for text in touch:
        try:
            ips.append(str(ipaddress.ip_address(text)))
        except ValueError:
            continue
    return ("sh", "-c", SCRIPT, "flannel-bot", *ips[:_MOST_TOUCHED])


def split(output: str) -> tuple[dict[str, Section], bool]:
    """Split the output into its parts; False where its end did not come."""
    found: dict[str, Section] = {}
    name, head, lines = "", ("", 0), list[str]()
    whole = False
    for line in output.splitlines():
        if not line.startswith(_MARK):
            lines.append(line)
            continue
        if name:
            found[name] = Section(head[0], head[1], "\n".join(lines))
        words = line.split(" ", 3)
        lines = []
        if len(words) < 4 or not words[2].isdigit():
            name = ""
            continue
        name, head = words[1], (words[3], int(words[2]))
        if name == "end":
            whole, name = True, ""
    if name:
        # Broken off within a part: what there is of it cannot be trusted to be all.
        found.pop(name, None)
    return found, whole


def read(output: str) -> Reading:
    """Read what the script printed. Nothing raises: what is not understood is told."""
    sections, whole = split(output)
    problems: list[str] = []
    if not whole:
        problems.append("the answer broke off before its end")
    odd: list[str] = []

    def part(name: str, what: str) -> Section | None:
        section = sections.get(name)
        if section is None:
            problems.append(f"{what} were not read")
            return None
        if section.code != 0:
            said = section.text.strip().splitlines()
            why = f": {said[-1][:120]}" if said else ""
            problems.append(f"{what} could not be read (exit code {section.code}{why})")
            return None
        return section

    addr, route = part("addr", "interfaces"), part("route", "routes")
    neigh, fdb = part("neigh", "neighbours"), part("fdb", "forwarding entries")
    links = _all(iproute.links(addr.text), odd) if addr else None
    routes = None
    if route is not None:
        routes = (
            _both(procfs.routes(route.text), odd)
            if route.command.startswith("cat ")
            else _all(iproute.routes(route.text), odd)
        )
    neighbours = None
    if neigh is not None:
        neighbours = (
            _both(procfs.neighbours(neigh.text), odd)
            if neigh.command.startswith("cat ")
            else _all(iproute.neighbours(neigh.text), odd)
        )
    six = sections.get("route6")
    env = sections.get("env")
    subnet, strange = (
        iproute.subnet_env(env.text) if env is not None and env.code == 0 else (None, ())
    )
    return Reading(
        kernel=kernel.Kernel(
            links=links,
            routes=routes,
            # A host without IPv6 answers with an error: that is an empty table there.
            routes6=_all(iproute.routes(six.text, version=6), odd)
            if six is not None and six.code == 0
            else None,
            neighbours=neighbours,
            fdb=_all(iproute.fdb(fdb.text), odd) if fdb else None,
            subnet=subnet,
            subnet_missing=env is not None and env.code != 0 and "No such file" in env.text,
            wireguard=_wireguard(sections, odd),
            odd=(*odd, *strange),
        ),
        problems=tuple(problems),
        sections=sections,
    )


def _wireguard(
    sections: Mapping[str, Section], odd: list[str]
) -> tuple[kernel.WireguardPeer, ...] | None:
    allowed, ends = sections.get("wg"), sections.get("wgend")
    if allowed is None or allowed.code != 0:
        return None
    told = ends.text if ends is not None and ends.code == 0 else ""
    return _all(iproute.wireguard(allowed.text, told), odd)


def _all(reading: iproute.Reading[T], odd: list[str]) -> tuple[T, ...]:
    odd += reading.odd
    return reading.entries


def _both(read: tuple[list[T], list[str]], odd: list[str]) -> tuple[T, ...]:
    odd += read[1]
    return tuple(read[0])
