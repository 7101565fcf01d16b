"""One node's network point by point, each right, wrong or not seen: what a person ticks off.

Every fault belongs to one point, so nothing that was found can be missing from the list.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.domain import units
from bot.domain.snapshot import Phase, Pod
from bot.flannel import announced
from bot.flannel.faults import Deviation, Fault
from bot.flannel.fleet import Fleet
from bot.flannel.inspection import Inspection
from bot.flannel.kernel import Route
from bot.flannel.outlook import Outlook, Verdict
from bot.flannel.study import Study


class Aspect(enum.StrEnum):
    """One point, in the order in which they depend on each other."""

    POD = "pod"
    NIC = "NIC"
    RESTART = "restart"
    ANNOUNCED = "announced"
    DEVICE = "device"
    ROUTES = "routes"
    NEIGHBOURS = "neighbours"
    FORWARDING = "forwarding"
    SUBNET_ENV = "subnet.env"


class State(enum.StrEnum):
    """How a point is. `NONE` is what this backend does not have."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSEEN = "not seen"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Point:
    """One point of one node."""

    aspect: Aspect
    state: State
    text: str
    cure: str = ""


_OF = {
    Aspect.ANNOUNCED: (
        "POD_CIDR_MISSING", "POD_CIDR_DUPLICATE", "POD_CIDR_OUTSIDE", "NOT_ANNOUNCED",
        "ANNOTATION_BROKEN", "BACKENDS_MIXED", "PUBLIC_IP_DUPLICATE", "VTEP_MAC_DUPLICATE",
        "PUBLIC_IP_FOREIGN", "LOCAL_DIFFERS",
    ),
    Aspect.NIC: (
        "WRONG_NIC", "NIC_MISSING", "NIC_DOWN", "NIC_NO_CARRIER", "NIC_LOST_ADDRESS",
        "NIC_CHANGED_ADDRESS", "NIC_LOOPBACK",
    ),
    Aspect.DEVICE: (
        "DEVICE_MISSING", "DEVICE_DOWN", "DEVICE_OTHER", "DEVICE_ADDRESS", "MAC_REWRITTEN",
        "MAC_DIFFERS", "MTU_TOO_BIG", "MTU_SMALL", "MTU_OLD_PODS", "BRIDGE_DIFFERS",
        "WIREGUARD_PEER_MISSING", "WIREGUARD_PEER_WRONG",
    ),
    Aspect.ROUTES: (
        "DEVICE_BOUNCED", "DEVICE_RECREATED", "ROUTES_FLUSHED", "NETWORK_ROUTE_MISSING",
        "PEER_NOT_SET_UP", "PEER_REMOVED_LATE",
        "ROUTE_MISSING", "ROUTE_WRONG", "ROUTE_DEAD", "ROUTE_SHADOWED", "DIRECT_ROUTE_LOST",
        "PEER_OFF_LINK", "ROUTE_STALE", "ROUTE_STALE_ON_OWN", "LEFTOVERS",
    ),
    Aspect.NEIGHBOURS: (
        "NEIGHBOURS_FLUSHED", "NEIGHBOUR_TABLE_FULL", "NEIGHBOUR_MISSING", "NEIGHBOUR_WRONG",
    ),
    Aspect.FORWARDING: ("FDB_FLUSHED", "FDB_MISSING", "FDB_WRONG"),
    Aspect.SUBNET_ENV: ("SUBNET_ENV_MISSING", "SUBNET_ENV_DIFFERS"),
}  # fmt: skip
ASPECT: Mapping[Fault, Aspect] = {
    Fault[name]: aspect for aspect, names in _OF.items() for name in names
}

_LOST_WITH = {
    Fault.DEVICE_BOUNCED: (Aspect.NEIGHBOURS,),
    Fault.DEVICE_RECREATED: (Aspect.NEIGHBOURS, Aspect.FORWARDING),
    Fault.MAC_REWRITTEN: (Aspect.NEIGHBOURS,),
    Fault.PEER_NOT_SET_UP: (Aspect.NEIGHBOURS, Aspect.FORWARDING),
    Fault.PEER_REMOVED_LATE: (Aspect.NEIGHBOURS,),
    **dict.fromkeys(
        (Fault.DEVICE_MISSING, Fault.DEVICE_DOWN),
        (Aspect.ROUTES, Aspect.NEIGHBOURS, Aspect.FORWARDING),
    ),
}
"""Where a fault of one point leaves nothing right of another."""


def of(
    seen: Inspection | None, study: Study | None, pod: Pod | None, fleet: Fleet, node: str
) -> tuple[Point, ...]:
    """Return every point of a node; without a look only its pod and its announcement are known."""
    points = [of_pod(pod)]
    judged = study.drift if study else None
    # What it announces is known without a look.
    deviations = (
        judged.deviations
        if judged
        else (*announced.of_node(fleet, node), *announced.odd_backend(fleet, node))
    )
    found: dict[Aspect, list[Deviation]] = {}
    for one in deviations:
        for aspect in (ASPECT[one.fault], *_LOST_WITH.get(one.fault, ())):
            found.setdefault(aspect, []).append(one)
    for aspect in Aspect:
        if aspect is Aspect.POD:
            continue
        if aspect in found:
            worst = found[aspect][0]
            told = dict.fromkeys(one.summary for one in found[aspect])
            points.append(Point(aspect, State.WRONG, units.listing([*told], most=2), worst.cure))
        elif aspect is Aspect.ANNOUNCED:
            points.append(_announced(fleet, node))
        elif seen is None or study is None:
            points.append(Point(aspect, State.UNSEEN, "the node could not be looked at"))
        elif aspect is Aspect.RESTART:
            points.append(_restart(study.outlook))
        else:
            points.append(_quiet(aspect, seen, study, fleet, node))
    return tuple(points)


def _announced(fleet: Fleet, node: str) -> Point:
    lease = fleet.leases.get(node)
    sides = [f"{side.subnet} → {side.public_ip}" for _, side in lease.sides] if lease else []
    state = State.RIGHT if sides else State.UNSEEN
    return Point(Aspect.ANNOUNCED, state, ", ".join(sides) or "nothing is known of it")


def of_pod(pod: Pod | None) -> Point:
    """Return the point of flannel's pod alone."""
    if pod is None:
        return Point(Aspect.POD, State.WRONG, "no flannel pod on this node")
    containers = [one for one in pod.containers if not one.init]
    restarts = sum(one.restart_count for one in containers)
    told = [f"{pod.namespace}/{pod.name}", units.count(restarts, "restart")]
    waiting = [
        one.state.reason
        for one in pod.containers
        if one.state is not None and one.state.phase is Phase.WAITING and one.state.reason
    ]
    if pod.deleting_since is not None:
        told.append("being deleted")
    right = pod.ready and pod.deleting_since is None
    told[1:1] = ["ready" if pod.ready else "not ready", *waiting[:1]]
    return Point(Aspect.POD, State.RIGHT if right else State.WRONG, ", ".join(told))


def _restart(ahead: Outlook) -> Point:
    state = {Verdict.UNKNOWN: State.UNSEEN, Verdict.UNCHANGED: State.RIGHT}.get(
        ahead.verdict, State.WRONG
    )
    if ahead.on_pods_nic:
        state = State.WRONG
    return Point(Aspect.RESTART, state, ahead.risk)


def _quiet(aspect: Aspect, seen: Inspection, study: Study, fleet: Fleet, node: str) -> Point:
    """A point of which nothing wrong was found: right only where it was seen."""
    lease = fleet.leases.get(node)
    here, backend = seen.kernel, lease.backend if lease else ""
    device = fleet.device(backend, 6 if lease and not lease.v4 else 4)

    def point(read: bool, text: str) -> Point:
        return Point(aspect, State.RIGHT if read else State.UNSEEN, text if read else "not read")

    if aspect is Aspect.NIC:
        present = study.outlook.present
        text = f"{present.nic} {present.ip}".strip()
        return point(bool(present.nic), text)
    if aspect is Aspect.DEVICE:
        if not device:
            return Point(aspect, State.NONE, f"backend {backend or 'unknown'} has none")
        link = here.link(device)
        return point(link is not None, f"{device}, MTU {link.mtu}" if link else "")
    if aspect is Aspect.ROUTES:
        families = [version for version, _ in lease.sides] if lease else [4]
        count = sum(
            _to_peers(here.table(version) or (), fleet, backend, version) for version in families
        )
        return point(
            study.drift is not None and all(here.table(one) is not None for one in families),
            units.count(count, "route to peers", "routes to peers"),
        )
    if aspect is Aspect.SUBNET_ENV:
        env = here.subnet
        return point(study.subnet_env, f"{env.subnet}, MTU {env.mtu}" if env else "")
    if backend != "vxlan" or fleet.by_misses:
        return Point(aspect, State.NONE, f"backend {backend or 'unknown'} has none")
    held = here.neighbours if aspect is Aspect.NEIGHBOURS else here.fdb
    count = sum(one.dev == device or one.dev.startswith("flannel") for one in held or ())
    return point(held is not None, units.count(count, "entry", "entries"))


def _to_peers(table: Iterable[Route], fleet: Fleet, backend: str, version: int) -> int:
    owners = fleet.peers(backend, version).owners
    return sum(one.dst in owners and not one.dev.startswith("cni") for one in table)


@dataclass(frozen=True, slots=True)
class Tally:
    """One point over many nodes: how many are right, and which are not."""

    aspect: Aspect
    right: int = 0
    wrong: tuple[tuple[str, Point], ...] = ()
    unseen: tuple[str, ...] = ()
    none: int = 0


@dataclass(slots=True)
class _Counting:
    right: int = 0
    none: int = 0
    wrong: list[tuple[str, Point]] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def tally(nodes: Mapping[str, Iterable[Point]]) -> tuple[Tally, ...]:
    """Sum points up over nodes."""
    return tuple(_tallied(nodes))


def _tallied(nodes: Mapping[str, Iterable[Point]]) -> Iterator[Tally]:
    counted = {aspect: _Counting() for aspect in Aspect}
    for node, points in sorted(nodes.items()):
        for point in points:
            counting = counted[point.aspect]
            if point.state is State.RIGHT:
                counting.right += 1
            elif point.state is State.NONE:
                counting.none += 1
            elif point.state is State.WRONG:
                counting.wrong.append((node, point))
            else:
                counting.unseen.append(node)
    for aspect, counting in counted.items():
        yield Tally(
            aspect, counting.right, tuple(counting.wrong), tuple(counting.unseen), counting.none
        )
