"""The machines of one simulated cluster, drawn from a seed.

As in the story: about six in ten are virtual machines with one private NIC (eth1, 10.x); the
others are physical, with a public eth0 (59.x, default route) and a private eth1 or bond1. A few
physical ones carry dozens of SR-IOV functions and VLANs, so that their private NIC has a large
number; they are also the busiest, with the most pods and the heaviest iptables.
"""

from __future__ import annotations

import random

from bot.sim.cluster import backends, hosts, memory, names, selection

SYSTEMS = (
    (0.30, hosts.System("CentOS Linux 7 (Core)", "3.10.0-1160.el7.x86_64", "containerd://1.6.33")),
    (0.25, hosts.System("Rocky Linux 8.9", "4.18.0-513.el8.x86_64", "containerd://1.6.28")),
    (0.33, hosts.System("Ubuntu 20.04.6 LTS", "5.4.0-174-generic", "containerd://1.6.20")),
    (0.12, hosts.System("Debian GNU/Linux 13", "6.12.12-amd64", "containerd://1.7.24")),
)
"""Share of the fleet and system; only the last has a kernel that dumps in rising order."""


def pod_network(nodes: int) -> str:
    """The network all pods live in: flannel's default, or one with room for so many /24."""
    return "10.244.0.0/16" if nodes <= 250 else "10.128.0.0/11"


def pod_cidr(index: int, nodes: int) -> str:
    """The `index`-th node's /24; the first block is left free, as after an early mistake."""
    second, third = divmod(index + 1, 256)
    return f"10.{(244 if nodes <= 250 else 128) + second}.{third}.0/24"


def build(
    *,
    nodes: int,
    seed: int,
    odd_bonds: bool = False,
    backend: backends.Backend = backends.VXLAN,
) -> list[hosts.Host]:
    """Draw the machines; the same arguments give the same ones, link by link.

    Args:
        nodes: how many.
        seed: of everything drawn.
        odd_bonds: give some hosts a private address on a VLAN of the bond and slaves whose names
            an anchored regex would take (scenario ``bad-plan``).
        backend: some put all machines on one link, or need no device.
    """
    controls = 3 if nodes >= 5 else 1
    heavy = round(nodes * 0.05)
    physical = max(0, nodes - round(nodes * 0.6) - heavy)
    virtual = nodes - controls - heavy - physical
    if virtual < 0:
        physical, virtual = physical + virtual, 0
    weights = memory.host_children(seed, heavy=heavy, physical=physical, virtual=virtual)
    rng = names.stream(seed, "fleet")
    plan = [
        *((hosts.CONTROL, 2.0) for _ in range(controls)),
        *((hosts.MANY_NICS, weight) for weight in weights[0]),
        *((hosts.PHYSICAL, weight) for weight in weights[1]),
        *((hosts.VIRTUAL, weight) for weight in weights[2]),
    ]
    rest = plan[controls:]
    rng.shuffle(rest)
    fleet: list[hosts.Host] = []
    counts = {"cp": 0, "phys": 0, "vm": 0}
    width = len(str(nodes))
    for index, (kind, weight) in enumerate([*plan[:controls], *rest]):
        role = {"vm": "vm", "control-plane": "cp"}.get(kind.name, "phys")
        counts[role] += 1
        number = str(counts[role]).zfill(1 if role == "cp" else width)
        host = hosts.Host(
            name=f"{role}-{number}",
            index=index,
            kind=kind,
            system=_system(rng, kind),
            pod_cidr=pod_cidr(index, nodes),
            private_ip=f"10.{20 if role == 'phys' or backend.one_link else 30}."
            f"{index // 200}.{10 + index % 200}",
            private_nic="eth1",
            pod_mtu=hosts.MTU - backend.overhead,
            iptables_mib=weight,
            zone=f"zone-{'abc'[index % 3]}",
        )
        _cable(
            host,
            names.stream(seed, "host", index),
            odd_bond=odd_bonds and kind == hosts.PHYSICAL and index % 4 == 1,
            backend=backend,
        )
        fleet.append(host)
    return fleet


def _system(rng: random.Random, kind: hosts.Kind) -> hosts.System:
    if kind == hosts.MANY_NICS:
        # Bought years ago and never reinstalled.
        return rng.choice([system for _, system in SYSTEMS[:3]])
    return rng.choices([system for _, system in SYSTEMS], weights=[share for share, _ in SYSTEMS])[
        0
    ]


def _cable(
    host: hosts.Host, rng: random.Random, *, odd_bond: bool, backend: backends.Backend
) -> None:
    """Give a host its NICs in the order in which its drivers and networking come up."""
    private = selection.Address(host.private_ip, 16 if backend.one_link else 24)
    host.add_link("lo", selection.Address("127.0.0.1", 8, "host"), mtu=65536, ifindex=1)
    if host.physical:
        _cable_physical(host, rng, private, odd_bond=odd_bond)
    else:
        host.add_link("eth1", private)
        host.default_dev = "eth1"
        host.default_gateway = host.private_ip.rsplit(".", 1)[0] + ".1"
    if rng.random() < 0.3:
        host.add_link("docker0", selection.Address("172.17.0.1", 16), up=False)
    base = host.pod_cidr.rsplit(".", 1)[0]
    if backend.tunnelled:
        host.add_link("flannel.1", selection.Address(f"{base}.0", 32), mtu=host.pod_mtu)
    host.add_link("cni0", selection.Address(f"{base}.1", 24), mtu=host.pod_mtu)
    _plug_ordinary_pods(host, rng)


def _cable_physical(
    host: hosts.Host, rng: random.Random, private: selection.Address, *, odd_bond: bool
) -> None:
    host.public_ip = f"59.110.{host.index // 200}.{10 + host.index % 200}"
    host.default_dev = "eth0"
    host.default_gateway = host.public_ip.rsplit(".", 1)[0] + ".1"
    host.add_link("eth0", selection.Address(host.public_ip, 24))
    if odd_bond:
        host.private_nic = "bond1.2010"
        # In bucket order the VLAN comes before the slaves and the bond it stands on.
        host.system = SYSTEMS[host.index % 3][1]
        host.add_link("eth1", ifindex=5)
        host.add_link("eth2", ifindex=6)
        host.add_link("bond1", ifindex=130)
        host.add_link("bond1.2010", private, ifindex=256 + 3)
        host.slaves = {"eth1": "bond1", "eth2": "bond1"}
        return
    if host.kind == hosts.MANY_NICS:
        # The second port registers after all virtual functions of the first one.
        for function in range(rng.randrange(60, 170)):
            host.add_link(f"ens2f0v{function}", up=rng.random() < 0.7)
        for vlan in range(rng.randrange(4, 16)):
            host.add_link(f"eth0.{2000 + vlan}")
    if rng.random() < 0.5:
        host.private_nic = "bond1"
        host.add_link("eth2")
        host.add_link("eth3")
        host.add_link("bond1", private)
        host.slaves = {"eth2": "bond1", "eth3": "bond1"}
    else:
        host.add_link("eth1", private)
        if rng.random() < 0.5:
            host.add_link("eth2", up=False)


def _plug_ordinary_pods(host: hosts.Host, rng: random.Random) -> None:
    """The pods that already run; their veths' numbers are what months of churn have left."""
    count = rng.randint(*host.kind.pods)
    horizon = rng.randrange(20_000, 180_000)
    host.last_ip = horizon % 253
    for number in sorted(rng.sample(range(horizon - 12_000, horizon), count)):
        host.add_veth(rng, ifindex=number)
