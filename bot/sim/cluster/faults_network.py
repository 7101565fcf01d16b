"""The faults of nodes' networks. flannel mends at its next start what it sets up at each start.

Which there are depends on the backend: without a tunnel there is no device to lose. Those of what
nodes announce are written on the Node objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from bot.sim.cluster import backends, hosts, hosttables, kubelet, network, world
from bot.sim.cluster.faults_world import Heal, Params, Spec

Object = dict[str, Any]
Peers = dict[str, network.Peer]
Bend = Callable[[network.State, Peers], None]
Rewrite = Callable[[Object, Object], Object]
"""A Node object and another one, to the first as it shall be announced."""

ELSEWHERE = "10.99.99.99"
"""An address that no machine has."""

OTHER_MAC = "02:00:00:de:ad:01"


def specs(of: world.World) -> dict[str, Spec]:
    """All that can happen in one world."""
    make, backend = _Faults(of), of.network.backend
    tunnel = _TUNNEL if backend.tunnelled else {}
    plain = {**_ROUTES, **_MACHINE, **(_DIRECT if backend.direct_routing else {})}
    return {
        **{
            name: Spec(about, make.bending(bend, tunnelled=name in tunnel), places=make.one_running)
            for name, (about, bend) in {**plain, **tunnel}.items()
        },
        **{
            name: Spec(about, make.announcing(rewrite), places=make.one_running)
            for name, (about, rewrite) in _ANNOUNCED.items()
        },
        **_foreign(make, backend),
    }


def _foreign(make: _Faults, backend: backends.Backend) -> dict[str, Spec]:
    if not backend.tunnelled or backend.direct_routing:
        return {}
    about = "flannel sends from the public NIC's address and announces the private one"
    spec = Spec(about, make.sending_from_public, places=make.one_public)
    return {"local_differs": spec}


def _first(peers: Peers) -> list[str]:
    return sorted(peers)[:1]


def _lose(state: network.State, peers: Peers) -> None:
    for table in (state.no_route, state.no_neighbour, state.no_entry):
        table.update(_first(peers))


def _stale(state: network.State, peers: Peers) -> None:
    like = next(iter(peers.values()))
    state.stale["gone-1"] = network.Peer(
        "gone-1",
        _free_block(peers),
        _neighbour_of(like.public_ip),
        "02:00:00:00:09:01",
        like.backend,
    )


def _free_block(peers: Peers) -> str:
    """The pod network's first block, which no node has."""
    second = min(int(peer.pod_cidr.split(".")[1]) for peer in peers.values())
    return f"10.{second}.0.0/24"


def _neighbour_of(ip: str) -> str:
    """Another address on the same link."""
    return ip.rpartition(".")[0] + ".250"


def _rewrite_mac(state: network.State, peers: Peers) -> None:
    del peers
    state.device.mac = OTHER_MAC
    state.wiped = frozenset({"neighbours"})


def _wipe(*tables: str) -> Bend:
    return lambda state, _: setattr(state, "wiped", frozenset(tables))


def _device_down(state: network.State, peers: Peers) -> None:
    del peers
    state.device.up = False
    state.wiped = frozenset({"tunnel", "neighbours"})


Kind = TypeVar("Kind")


def _way(about: str, how: Kind) -> tuple[str, Kind]:
    return about, how


_ROUTES: dict[str, tuple[str, Bend]] = {
    "route_missing": _way(
        "flannel's route to the first peer cannot be set (a netlink fault); a restart of "
        "flannel there sets it",
        lambda state, peers: state.no_route.update(_first(peers)),
    ),
    "route_wrong": _way(
        "the route to the first peer leads to an address that it had before",
        lambda state, peers: state.wrong_gateway.update(
            {name: _neighbour_of(peers[name].public_ip) for name in _first(peers)}
        ),
    ),
    "routes_flushed": _way(
        "something removes all of flannel's routes, again where flannel sets them again",
        _wipe("tunnel", "plain"),
    ),
    "stale_route": _way("a route to a node that was deleted long ago is still there", _stale),
}
"""What happens to routes, with every backend."""

_TUNNEL: dict[str, tuple[str, Bend]] = {
    "peer_missing": _way(
        "flannel has not set up the first peer at all: the event was lost; a restart sets it up",
        _lose,
    ),
    "neighbour_missing": _way(
        "the neighbour entry of the first peer is missing; a restart of flannel sets it",
        lambda state, peers: state.no_neighbour.update(_first(peers)),
    ),
    "neighbour_wrong": _way(
        "the neighbour entry of the first peer has the MAC that its device had before",
        lambda state, peers: state.wrong_mac.update(dict.fromkeys(_first(peers), OTHER_MAC)),
    ),
    "neighbours_flushed": _way("all neighbours of flannel.1 were flushed", _wipe("neighbours")),
    "fdb_missing": _way(
        "the forwarding entry of the first peer is missing; a restart of flannel sets it",
        lambda state, peers: state.no_entry.update(_first(peers)),
    ),
    "fdb_wrong": _way(
        "the forwarding entry of the first peer leads to an address that it had before",
        lambda state, peers: state.wrong_dst.update(dict.fromkeys(_first(peers), ELSEWHERE)),
    ),
    "fdb_flushed": _way("all forwarding entries of flannel.1 were flushed", _wipe("fdb")),
    "device_bounced": _way(
        "flannel.1 was set down and up: its routes and neighbours are gone, its forwarding "
        "entries stay, and flannel notices nothing",
        _wipe("tunnel", "neighbours"),
    ),
    "device_down": _way(
        "flannel.1 is switched off: its routes and neighbours are gone",
        _device_down,
    ),
    "device_gone": _way(
        "flannel.1 was deleted, with all that was on it",
        lambda state, _: setattr(state.device, "there", False),
    ),
    "mac_rewritten": _way(
        "the MAC of flannel.1 was rewritten: its neighbours are flushed, and peers send to "
        "an address that is no more",
        _rewrite_mac,
    ),
    "mtu_too_big": _way(
        "flannel.1 has the NIC's MTU: what is big does not fit through with the tunnel's header",
        lambda state, _: setattr(state.device, "mtu", hosts.MTU),
    ),
}

_DIRECT: dict[str, tuple[str, Bend]] = {
    "nic_bounced": _way(
        "the NIC was down for a while: plain routes to peers are gone with it, and vxlan's "
        "DirectRouting does not set them again",
        _wipe("plain"),
    ),
}

_MACHINE: dict[str, tuple[str, Bend]] = {
    "nic_down": _way(
        "the NIC that flannel uses is down: a tunnel and its routes show nothing of it",
        lambda state, _: setattr(state, "nic_down", True),
    ),
    "nic_without_address": _way(
        "the NIC that flannel uses has lost its address: a tunnel shows nothing of it",
        lambda state, _: setattr(state, "nic_bare", True),
    ),
    "subnet_env_missing": _way(
        "/run/flannel/subnet.env is missing: no pod can start there",
        lambda state, _: setattr(state, "no_subnet_file", True),
    ),
    "subnet_env_differs": _way(
        "/run/flannel/subnet.env is of an earlier start, with another subnet",
        lambda state, _: setattr(state, "old_subnet_file", True),
    ),
    "pods_unlearned": _way(
        "the bridge has no forwarding entry of any pod: no table tells whose a veth is",
        lambda state, _: setattr(state, "pods_unlearned", True),
    ),
    "exec_hangs": _way(
        "the node answers no exec: it hangs",
        lambda state, _: setattr(state, "hangs", True),
    ),
}


def _annotated(node: Object, change: Callable[[str, str], str | None]) -> Object:
    """A Node with flannel's annotations changed; None takes one away."""
    annotations = dict(node["metadata"].get("annotations") or {})
    for key in [key for key in annotations if key.startswith("flannel.")]:
        value = change(key.rpartition("/")[2], annotations.pop(key))
        if value is not None:
            annotations[key] = value
    return {**node, "metadata": {**node["metadata"], "annotations": annotations}}


def _same_address(node: Object, other: Object) -> Object:
    found = network.announced(other)
    assert found is not None
    return _annotated(node, lambda key, old: found.public_ip if key == "public-ip" else old)


def _same_block(node: Object, other: Object) -> Object:
    cidr = other["spec"]["podCIDR"]
    return {**node, "spec": {**node["spec"], "podCIDR": cidr, "podCIDRs": [cidr]}}


_ANNOUNCED: dict[str, tuple[str, Rewrite]] = {
    "public_ip_duplicate": _way(
        "the node announces the address of another one, as behind a NAT that all share",
        _same_address,
    ),
    "pod_cidr_duplicate": _way(
        "the node has the pod CIDR of another one, as from a backup that was restored",
        _same_block,
    ),
    "not_announced": _way(
        "flannel's annotations are gone from the Node: the others forget the way to it",
        lambda node, _: _annotated(node, lambda _key, _old: None),
    ),
    "backend_mixed": _way(
        "the node announces another backend than the others, which take no notice of it",
        lambda node, _: _annotated(node, lambda key, old: "udp" if key == "backend-type" else old),
    ),
}


class _Faults:
    def __init__(self, of: world.World) -> None:
        self._world = of

    def one_running(self, params: Params) -> list[str]:
        """A machine whose flannel is well."""
        del params
        return self._one(lambda _: True)

    def one_public(self, params: Params) -> list[str]:
        """A machine whose flannel is well, with a public NIC."""
        del params
        return self._one(lambda one: bool(one.host.public_ip))

    def _one(self, fits: Callable[[kubelet.Kubelet], bool]) -> list[str]:
        for name, one in self._world.kubelets.items():
            running = one.flanneld()
            if running is not None and running.announced and not one.silent and fits(one):
                return [name]
        return []

    def _struck(self, nodes: frozenset[str]) -> list[kubelet.Kubelet]:
        return [one for name, one in self._world.kubelets.items() if not nodes or name in nodes]

    def bending(self, bend: Bend, *, tunnelled: bool) -> Callable[[frozenset[str], Params], Heal]:
        """How to strike at machines' tables with one of them.

        Args:
            bend: what is done to a machine.
            tunnelled: whether only peers are meant that are reached through the device.
        """

        def on(one: kubelet.Kubelet, state: network.State) -> None:
            net = self._world.network
            peers = net.peers(one.host.name)
            if tunnelled:
                peers = dict(hosttables.Tables(one.host, net).tunnelled())
            if not peers:
                raise ValueError(f"{one.host.name} has no peer that this could concern")
            bend(state, peers)

        return self._on_machines(on)

    def sending_from_public(self, nodes: frozenset[str], params: Params) -> Heal:
        """Bind the device to the public NIC."""

        def bend(one: kubelet.Kubelet, state: network.State) -> None:
            if not one.host.public_ip:
                raise ValueError(f"{one.host.name} has no public address")
            state.device = replace(
                state.device, lower=one.host.default_dev, local=one.host.public_ip
            )

        return self._on_machines(bend)(nodes, params)

    def _on_machines(
        self, bend: Callable[[kubelet.Kubelet, network.State], None]
    ) -> Callable[[frozenset[str], Params], Heal]:
        def strike(nodes: frozenset[str], params: Params) -> Heal:
            del params
            before: dict[str, network.Device] = {}
            for one in self._struck(nodes):
                state = self._world.network.states[one.host.name]
                before[one.host.name] = replace(state.device)
                bend(one, state)

            def heal() -> None:
                for name, device in before.items():
                    self._world.network.mend(name, device)

            return heal

        return strike

    def announcing(self, rewrite: Rewrite) -> Callable[[frozenset[str], Params], Heal]:
        """How to strike at what nodes announce."""

        def strike(nodes: frozenset[str], params: Params) -> Heal:
            del params
            kept: list[Object] = []
            for one in self._struck(nodes):
                node = self._world.api.get("nodes", "", one.host.name)
                others = self._world.api.store.list("nodes")
                other = next((each for each in others if _tells(each, node)), None)
                if other is None:
                    raise ValueError("there is no other node that announces anything")
                kept.append(node)
                self._put(rewrite(node, other))

            def heal() -> None:
                for node in kept:
                    now = self._world.api.store.get("nodes", "", node["metadata"]["name"])
                    if now is not None:
                        self._put(_restored(now, node))

            return heal

        return strike

    def _put(self, node: Object) -> None:
        """Write past the API, which would refuse some of it."""
        storage = self._world.api.store
        version = {"resourceVersion": str(storage.next_revision())}
        storage.put("nodes", {**node, "metadata": {**node["metadata"], **version}})


def _tells(other: Object, node: Object) -> bool:
    different = other["metadata"]["name"] != node["metadata"]["name"]
    return different and network.announced(other) is not None


def _restored(now: Object, before: Object) -> Object:
    """A Node with flannel's annotations and the pod CIDR that it had."""
    old = before["metadata"].get("annotations") or {}
    spec = {key: before["spec"][key] for key in ("podCIDR", "podCIDRs") if key in before["spec"]}
    mine = {key: value for key, value in old.items() if key.startswith("flannel.")}
    annotations = {**(now["metadata"].get("annotations") or {}), **mine}
    return {
        **now,
        "metadata": {**now["metadata"], "annotations": annotations},
        "spec": {**now["spec"], **spec},
    }
