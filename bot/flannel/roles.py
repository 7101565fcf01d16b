"""What each NIC of a host is to flannel and to the host, for people who look at a node.

Pods' NICs are many and alike: they are counted, and named only where a pattern hits them. NICs
stand in the order of the kernel's dump, since that is the order in which flannel takes them.
"""

import enum
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.flannel import rewriting
from bot.flannel.kernel import ANY4, ANY6, Kernel, Link

_BRIDGES = frozenset({"cni0", "cbr0"})
_VIRTUAL = ("docker", "br-", "virbr", "kube-ipvs", "nodelocaldns", "dummy", "tunl", "sit", "gre")


class State(enum.StrEnum):
    """Whether a NIC can carry anything."""

    UP = "up"
    NO_LINK = "no link"
    DOWN = "down"
    UNKNOWN = "state not known"


class Role(enum.StrEnum):
    """What a NIC is."""

    FLANNEL = "flannel's NIC"
    DEFAULT_ROUTE = "default route"
    DEVICE = "flannel's device"
    BRIDGE = "pods' bridge"
    BOND = "bond"
    SLAVE = "bond slave"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class Nic:
    """One NIC. `master` is the bond or bridge that it is part of."""

    name: str
    state: State
    ips: tuple[str, ...] = ()
    mtu: int = 0
    roles: tuple[Role, ...] = ()
    master: str = ""


@dataclass(frozen=True, slots=True)
class Nics:
    """A host's NICs: those that matter, the names of idle ones, and how many are pods'.

    Idle is a NIC without address, role or master. `read` is whether they are known at all.
    """

    shown: tuple[Nic, ...] = ()
    idle: tuple[str, ...] = ()
    pods: int = 0
    read: bool = True


def of(here: Kernel, *, used: str = "", device: str = "", named: Collection[str] = ()) -> Nics:
    """Sort a host's NICs out; `named` are those that a pattern hits by name and so matter."""
    if here.links is None:
        return Nics(read=False)
    default = {
        dev
        for route in (*(here.routes or ()), *(here.routes6 or ()))
        if route.dst in (ANY4, ANY6) and route.kind == "unicast"
        for dev in (route.dev, *(hop[1] for hop in route.hops))
        if dev
    }
    bonds = {one.master for one in here.links if one.master} - _BRIDGES
    shown, idle, pods = [], [], 0
    for link in here.links:
        if link.name == "lo":
            continue
        if _is_pods(link) and link.name != used:
            pods += 1
            continue
        roles = tuple(_roles(link, here, used=used, device=device, default=default, bonds=bonds))
        nic = Nic(link.name, _state(link), _ips(link), link.mtu, roles, link.master)
        if nic.ips or roles or link.master or link.name in named:
            shown.append(nic)
        else:
            idle.append(link.name)
    return Nics(tuple(shown), tuple(idle), pods)


def _is_pods(link: Link) -> bool:
    return rewriting.is_pods(link.name) or (link.kind == "veth" and link.master in _BRIDGES)


def _state(link: Link) -> State:
    if not link.flags:
        return State.UNKNOWN
    if not link.up:
        return State.DOWN
    return State.UP if link.carrier else State.NO_LINK


def _ips(link: Link) -> tuple[str, ...]:
    # IPv6 only where there is no IPv4: every NIC has a link-local one, which tells nothing.
    return link.ips(4) or tuple(ip for ip in link.ips(6) if not ip.startswith("fe80:"))


def _roles(
    link: Link,
    here: Kernel,
    *,
    used: str,
    device: str,
    default: Collection[str],
    bonds: Collection[str],
) -> Iterator[Role]:
    if link.name == used:
        yield Role.FLANNEL
    if link.name in default:
        yield Role.DEFAULT_ROUTE
    if link.name == device or (link.name.startswith("flannel") and not device):
        yield Role.DEVICE
    if link.name in _BRIDGES:
        yield Role.BRIDGE
    master = here.link(link.master) if link.master else None
    if link.kind == "bond" or (link.name in bonds and link.name.startswith("bond")):
        yield Role.BOND
    elif "SLAVE" in link.flags or (master is not None and master.kind == "bond"):
        yield Role.SLAVE
    elif link.name.startswith(_VIRTUAL):
        yield Role.VIRTUAL
