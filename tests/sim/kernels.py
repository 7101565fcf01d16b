"""Replays the recorded stories of hosts' kernels on the pretend machines, and says what differs.

The lab's three hosts are set up as they were: NICs, addresses, MACs, flags' outcome, subnets. What
happens to them is done by the simulation's own means: changes of Node objects, starts of flannel,
faults. Then each recorded command is asked again.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from bot.sim.cluster import (
    backends,
    faults_network,
    fleet,
    hostcommands,
    hosts,
    network,
    selection,
    store,
)

RECORDED = Path(__file__).parent.parent / "recorded" / "flannel-kernel"
NETWORK = "10.240.0.0/12"
UNORDERED = ("ip -j neigh", "ip neigh", "bridge -j fdb", "bridge fdb")
"""Tables that the kernel keeps by hash, so that their order says nothing."""

KEYS = ("ifname", "dst", "mac", "dev")
Object = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """What was recorded and what is said here, at one place of one command's answer."""

    story: str
    node: str
    command: str
    where: str
    recorded: object
    here: object


@dataclass(frozen=True)
class Deviation:
    """Differences that are meant, and why; `stories`, `command` and `where` are patterns.

    `most` is how many differences it may cover: a number that only shrinks.
    """

    stories: str
    command: str
    where: str
    most: int
    reason: str

    def covers(self, one: Difference) -> bool:
        return all(
            re.fullmatch(pattern, text)
            for pattern, text in (
                (self.stories, one.story),
                (self.command, one.command),
                (self.where, one.where),
            )
        )


def story(name: str) -> Object:
    """One recorded file."""
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


class AsRecorded(network.Network):
    """A network whose links have the MACs of the lab."""

    macs: Mapping[tuple[str, str], str]
    vteps: dict[str, str]

    def mac(self, host: str, link: str) -> str:
        return self.macs.get((host, link)) or super().mac(host, link)

    def vtep(self, name: str) -> str:
        return self.vteps.get(name) or super().vtep(name)


@dataclass
class Lab:
    """The recorded fleet, as far as it is machines; others are Node objects only.

    Args:
        told: the story whose hosts are set up.
        nodes_of: the story with whose Nodes it begins, if that is another one.
        backend: flannel's.
    """

    told: Object
    nodes_of: str = ""
    backend: backends.Backend = backends.VXLAN
    nodes: dict[str, Object] = field(default_factory=dict)
    machines: dict[str, hosts.Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.alive: set[str] = set()
        self.net = AsRecorded(1, running=lambda name: name in self.alive, backend=self.backend)
        self.net.vteps = {}
        self.net.macs = {}
        first = story(self.nodes_of) if self.nodes_of else self.told
        for node in first["nodes_of_the_api"]:
            self.put(node, silently=True)
        self.net.know(self.nodes.values())
        for state in (*first["states"], *self.told["states"]):
            if state["node"]["name"] not in self.machines:
                self._machine(state)

    def put(self, node: Object, *, silently: bool = False) -> None:
        """A Node with its pod CIDR and annotations comes, or changes."""
        made = {
            "metadata": {"name": node["name"], "annotations": node["annotations"]},
            "spec": {"podCIDR": node["podCIDR"]},
        }
        old, self.nodes[node["name"]] = self.nodes.get(node["name"]), made
        if not silently:
            self._tell("MODIFIED" if old else "ADDED", made, old)

    def delete(self, name: str) -> None:
        """A Node goes."""
        old = self.nodes.pop(name)
        self._tell("DELETED", old, old)

    def kill(self, name: str) -> None:
        """flannel dies on a machine."""
        self.alive.discard(name)

    def start(self, name: str, lower: str = "eth1", *, mac: str = "") -> None:
        """flannel starts with a NIC; a device made anew gets this MAC, which is announced."""
        host = self.machines[name]
        local = next(
            link.addresses[0].address for link in host.links.values() if link.name == lower
        )
        if mac:
            self.net.vteps[name] = mac
        self.net.set_up(host, lower, local, keeps_mac=False)
        if mac:
            annotations = dict(self.nodes[name]["metadata"]["annotations"])
            prefix = "flannel.alpha.coreos.com"
            annotations[f"{prefix}/backend-data"] = json.dumps({"VNI": 1, "VtepMAC": mac})
            annotations[f"{prefix}/public-ip"] = local
            cidr = self.nodes[name]["spec"]["podCIDR"]
            self.put({"name": name, "podCIDR": cidr, "annotations": annotations})
        self.net.started(host, lower, local)
        self.alive.add(name)

    def strike(self, fault: str, name: str) -> None:
        """One of the simulation's faults of networks."""
        running = {one: SimpleNamespace(host=host) for one, host in self.machines.items()}
        world: Any = SimpleNamespace(network=self.net, kubelets=running)
        faults_network.specs(world)[fault].strike(frozenset({name}), {})

    def ask(self, name: str, command: str) -> object:
        """What a command answers: JSON decoded, or text by lines."""
        return asked(self.machines[name], self.net, command)

    def _tell(
        self, kind: Literal["ADDED", "MODIFIED", "DELETED"], obj: Object, old: Object | None
    ) -> None:
        self.net.observe(store.Change(kind, "nodes", obj, old, 1))

    def _machine(self, state: Object) -> None:
        name = state["node"]["name"]
        links = {one["ifname"]: one for one in state["commands"]["ip -j addr"]}
        host = hosts.Host(
            name=name,
            index=0,
            kind=hosts.VIRTUAL,
            system=fleet.SYSTEMS[-1][1],
            pod_cidr=state["node"]["podCIDR"],
            private_ip=_ipv4(links["eth1"])[0],
            private_nic="eth1",
            default_gateway="59.98.0.254",
            default_dev="eth0",
            pod_mtu=hosts.MTU - self.backend.overhead,
        )
        host.add_link("lo", selection.Address("127.0.0.1", 8, "host"), mtu=65536, ifindex=1)
        for nic in ("eth0", "eth1"):
            host.add_link(nic, selection.Address(*_ipv4(links[nic])))
        self.net.macs = {
            **self.net.macs,
            **{(name, nic): links[nic]["address"] for nic in ("eth0", "eth1")},
        }
        if self.backend.tunnelled:
            own = host.pod_cidr.partition("/")[0]
            host.add_link(network.DEVICE, selection.Address(own, 32), mtu=host.pod_mtu)
        self.machines[name] = host
        peer = network.announced(self.nodes[name])
        if peer is not None and peer.mac:
            self.net.vteps[name] = peer.mac
        self.net.add(host)
        self.alive.add(name)


def asked(host: hosts.Host, net: network.Network, command: str) -> object:
    """What a command answers on a machine: JSON decoded, or text by lines."""
    machine = hostcommands.Machine(host, net, speaks_json=True)
    words = command.split()
    if words[0] == "cat":
        return machine.files(NETWORK, {"/run/flannel"})[words[1]].splitlines()
    result = machine.commands()[words[0]](words[1:])
    assert (result.code, result.err) == (0, ""), command
    return json.loads(result.out) if "-j" in words else result.out.splitlines()


def pods_host(told: Object) -> tuple[hosts.Host, AsRecorded]:
    """The one host of the story of pods, its NICs, bridge and veths as recorded."""
    links = {one["ifname"]: one for one in told["after"]["ip -j addr"]}
    net = AsRecorded(1, running=lambda _: True, backend=backends.Backend("host-gw"))
    net.vteps = {}
    net.macs = {
        **{("lab", name): one["address"] for name, one in links.items()},
        **{("lab", f"{pod['host_veth']}@pod"): pod["mac"] for pod in told["pods"]},
    }
    host = hosts.Host(
        name="lab",
        index=0,
        kind=hosts.VIRTUAL,
        system=fleet.SYSTEMS[-1][1],
        pod_cidr="10.244.7.0/24",
        private_ip=_ipv4(links["eth1"])[0],
        private_nic="eth1",
        pod_mtu=hosts.MTU,
        last_ip=10,
    )
    host.add_link("lo", selection.Address("127.0.0.1", 8, "host"), mtu=65536, ifindex=1)
    for name in ("eth1", "cni0"):
        host.add_link(name, selection.Address(*_ipv4(links[name])))
    for pod in told["pods"]:
        name = pod["host_veth"]
        host.add_veth(random.Random(1), name=name, ifindex=links[name]["ifindex"])
    net.add(host)
    return host, net


def _ipv4(link: Object) -> tuple[str, int]:
    return next(
        (one["local"], one["prefixlen"]) for one in link["addr_info"] if one["family"] == "inet"
    )


def compared(told: Object, lab: Lab) -> Iterator[Difference]:
    """Every recorded command of every recorded host, against the pretend machines."""
    for state in told["states"]:
        name = state["node"]["name"]
        for command, recorded in state["commands"].items():
            for where, was, now in differing(command, recorded, lab.ask(name, command)):
                yield Difference(told["story"], name, command, where, was, now)


def differing(command: str, recorded: Any, here: Any) -> Iterator[tuple[str, object, object]]:
    """Where two answers differ: of JSON by entry and field, of text by line."""
    if "-j" in command.split():
        was, now = _by_key(recorded), _by_key(here)
        for key in {**was, **now}:
            if key not in now or key not in was:
                yield key, was.get(key), now.get(key)
                continue
            for part in {**was[key], **now[key]}:
                one, other = was[key].get(part), now[key].get(part)
                if one != other:
                    yield f"{key}.{part}", one, other
        if command not in UNORDERED:
            both = [key for key in was if key in now], [key for key in now if key in was]
            if both[0] != both[1]:
                yield "order", *both
        return
    for line in recorded:
        if line not in here:
            yield f"- {line}", line, None
    for line in here:
        if line not in recorded:
            yield f"+ {line}", None, line
    common = [one for one in recorded if one in here], [one for one in here if one in recorded]
    if command not in UNORDERED and common[0] != common[1]:
        yield "order", *common


def _by_key(rows: list[Object]) -> dict[str, Object]:
    return {" ".join(str(row[key]) for key in KEYS if key in row): row for row in rows}
