"""Looks at the nodes of `worlds`: right ones, to be bent by a test."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from bot.flannel import logs
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Address, FdbEntry, Kernel, Link, Neighbour, Route, SubnetEnv, Tunnel
from tests.checks.worlds import NOW, number

UP = ("BROADCAST", "MULTICAST", "UP", "LOWER_UP")
VETH = Link("veth17f90f70", 7, UP, 1450, kind="veth", master="cni0")
Bend = Callable[[Kernel], Kernel]


def kernel(name: str, peers: Iterable[str] = ("n1", "n2", "n3")) -> Kernel:
    """A node's kernel as flannel leaves it, its NICs in the order of the dump."""
    own = number(name)
    links = (
        Link("lo", 1, ("LOOPBACK", "UP"), 65536, addresses=(Address("127.0.0.1", 8),)),
        Link("eth0", 2, UP, 1500, addresses=(Address(f"59.10.0.{own + 1}", 24),)),
        Link("eth1", 3, UP, 1500, addresses=(Address(f"10.0.0.{own + 1}", 24),)),
        Link(
            "flannel.1", 4, UP, 1450, mac=f"02:aa:00:00:00:{own:02x}", kind="vxlan",
            addresses=(Address(f"10.244.{own}.0", 32),),
            tunnel=Tunnel(1, f"10.0.0.{own + 1}", "eth1", 8472, False),
        ),
        Link("cni0", 5, UP, 1450, addresses=(Address(f"10.244.{own}.1", 24),)),
        VETH,
    )  # fmt: skip
    others = [number(one) for one in peers if one != name]
    return Kernel(
        links=links,
        routes=(
            Route("0.0.0.0/0", "59.10.0.254", "eth0"),
            *(
                Route(f"10.244.{one}.0/24", f"10.244.{one}.0", "flannel.1", ("onlink",))
                for one in others
            ),
        ),
        routes6=(),
        neighbours=tuple(
            Neighbour(f"10.244.{one}.0", "flannel.1", f"02:aa:00:00:00:{one:02x}", "PERMANENT")
            for one in others
        ),
        fdb=tuple(
            FdbEntry(
                f"02:aa:00:00:00:{one:02x}", "flannel.1", f"10.0.0.{one + 1}", "", "permanent",
                ("self",),
            )
            for one in others
        ),
        subnet=SubnetEnv("10.244.0.0/16", f"10.244.{own}.1/24", 1450, True),
    )  # fmt: skip


def look(
    name: str,
    *bends: Bend,
    at: datetime = NOW,
    way: Way = Way.EXEC,
    log: logs.Log | None = None,
    peers: Iterable[str] = ("n1", "n2", "n3"),
) -> Inspection:
    here = kernel(name, peers)
    for bend in bends:
        here = bend(here)
    return Inspection(name, at, way, here, log=log, pods_behind={VETH.name: "shop/web-1"})


def looks(*given: Inspection) -> dict[str, dict[str, Inspection]]:
    """What a context is given of them."""
    return {"inspections": {one.node: one for one in given}}


def trapped(here: Kernel) -> Kernel:
    """The pod's NIC comes before the host's."""
    links = [one for one in here.links or () if one.name != VETH.name]
    return replace(here, links=(links[0], VETH, *links[1:]))


def dropped(name: str) -> Bend:
    return lambda here: replace(here, links=tuple(x for x in here.links or () if x.name != name))


def changed(name: str, **fields: object) -> Bend:
    return lambda here: replace(
        here,
        links=tuple(
            replace(one, **fields) if one.name == name else one  # type: ignore[arg-type]
            for one in here.links or ()
        ),
    )


def without_entries(here: Kernel) -> Kernel:
    """The device was set down and up: routes and neighbours are gone, FDB entries are not."""
    return replace(here, routes=(here.routes or ())[:1], neighbours=())


def without_env(here: Kernel) -> Kernel:
    return replace(here, subnet=None, subnet_missing=True)


def with_stale(here: Kernel) -> Kernel:
    stray = Route("10.244.77.0/24", "10.244.77.0", "flannel.1", ("onlink",))
    return replace(here, routes=(*(here.routes or ()), stray))
