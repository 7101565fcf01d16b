"""The faults of nodes' networks. flannel mends at its next start what it sets up at each start."""

from __future__ import annotations

from collections.abc import Callable

from bot.sim.cluster import kubelet, network, world
from bot.sim.cluster.faults_world import Heal, Params, Spec

Bend = Callable[[network.State, dict[str, network.Peer]], None]


def specs(of: world.World) -> dict[str, Spec]:
    """All of them, for one world."""
    make = _Faults(of)

    def bending(about: str, bend: Bend) -> Spec:
        return Spec(about, make.bending(bend), places=make.one_running)

    return {
        "route_missing": bending(
            "flannel's route to the first peer could not be set (a netlink fault); a restart of "
            "flannel there sets it",
            lambda state, peers: state.no_route.update(sorted(peers)[:1]),
        ),
        "neighbour_missing": bending(
            "the neighbour entry of the first peer is missing; a restart of flannel sets it",
            lambda state, peers: state.no_neighbour.update(sorted(peers)[:1]),
        ),
        "fdb_missing": bending(
            "the forwarding entry of the first peer is missing; a restart of flannel sets it",
            lambda state, peers: state.no_entry.update(sorted(peers)[:1]),
        ),
        "fdb_wrong": bending(
            "the forwarding entry of the first peer leads to an address that it had before",
            lambda state, peers: state.wrong_dst.update(
                dict.fromkeys(sorted(peers)[:1], "10.99.99.99")
            ),
        ),
        "device_bounced": bending(
            "flannel.1 was set down and up: its routes and neighbours are gone, its forwarding "
            "entries stay, and flannel notices nothing",
            lambda state, _: setattr(state, "wiped", frozenset({"routes", "neighbours"})),
        ),
        "device_gone": bending(
            "flannel.1 was deleted, with all that was on it",
            lambda state, _: setattr(state.device, "there", False),
        ),
        "mac_rewritten": bending(
            "the MAC of flannel.1 was rewritten: its neighbours are flushed, and peers send to "
            "an address that is no more",
            _rewrite,
        ),
        "stale_route": bending(
            "a route to a node that was deleted long ago is still there",
            _stale,
        ),
        "nic_down": bending(
            "the NIC below flannel.1 is down: nothing else shows it",
            lambda state, _: setattr(state, "nic_down", True),
        ),
        "nic_without_address": bending(
            "the NIC below flannel.1 has lost its address: nothing else shows it",
            lambda state, _: setattr(state, "nic_bare", True),
        ),
        "subnet_env_missing": bending(
            "/run/flannel/subnet.env is missing: no pod can start there",
            lambda state, _: setattr(state, "no_subnet_file", True),
        ),
        "pods_unlearned": bending(
            "the bridge has no forwarding entry of any pod: no table tells whose a veth is",
            lambda state, _: setattr(state, "pods_unlearned", True),
        ),
        "exec_hangs": bending(
            "the node answers no exec: it hangs",
            lambda state, _: setattr(state, "hangs", True),
        ),
    }


def _rewrite(state: network.State, peers: dict[str, network.Peer]) -> None:
    del peers
    state.device.mac = "02:00:00:de:ad:01"
    state.wiped = frozenset({"neighbours"})


def _stale(state: network.State, peers: dict[str, network.Peer]) -> None:
    del peers
    state.stale["gone-1"] = network.Peer(
        "gone-1", "10.244.0.0/24", "10.99.0.1", "02:00:00:00:09:01"
    )


class _Faults:
    def __init__(self, of: world.World) -> None:
        self._world = of

    def one_running(self, params: Params) -> list[str]:
        """A machine whose flannel is well."""
        del params
        for name, one in self._world.kubelets.items():
            running = one.flanneld()
            if running is not None and running.announced and not one.silent:
                return [name]
        return []

    def bending(self, bend: Bend) -> Callable[[frozenset[str], Params], Heal]:
        """How to strike with one of them."""

        def strike(nodes: frozenset[str], params: Params) -> Heal:
            del params
            struck: list[kubelet.Kubelet] = [
                one for name, one in self._world.kubelets.items() if not nodes or name in nodes
            ]
            for one in struck:
                name = one.host.name
                bend(self._world.network.states[name], self._world.network.peers(name))

            def heal() -> None:
                for one in struck:
                    self._world.network.mend(one.host.name)

            return heal

        return strike
