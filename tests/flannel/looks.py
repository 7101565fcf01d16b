"""Looks at nodes for tests, each made of what one way of looking would have shown."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from bot.domain.snapshot import ContainerSpec, Node
from bot.flannel import discovery, flags, logs, versions
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Address, Kernel, Link, Route, Tunnel
from tests.flannel.kernels import PREFIX

TAKEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PUBLIC, PRIVATE = "59.10.0.1", "10.0.0.1"
UP = ("BROADCAST", "MULTICAST", "UP", "LOWER_UP")
STORY = ("--kube-subnet-mgr", "--iface-regex=eth1|bond1")


def nic(index: int, name: str, *ips: str, mtu: int = 1500, kind: str = "") -> Link:
    own = tuple(Address(ip, 24) for ip in ips)
    return Link(name, index, UP, mtu, kind=kind, addresses=own)


def tunnel(lower: str = "eth1", local: str = PRIVATE) -> Link:
    return Link(
        "flannel.1", 9, UP, 1450, kind="vxlan", mac="02:aa:00:00:00:01",
        addresses=(Address("10.244.1.0", 32),), tunnel=Tunnel(1, local, lower, 8472, False),
    )  # fmt: skip


LO = Link("lo", 1, ("LOOPBACK", "UP"), 65536, addresses=(Address("127.0.0.1", 8),))
ETH0, ETH1 = nic(2, "eth0", PUBLIC), nic(3, "eth1", PRIVATE)
VETH = nic(7, "veth17f90f70", mtu=1450, kind="veth")
DEFAULT = Route("0.0.0.0/0", "59.10.0.254", "eth0")


def kernel(*links: Link, **more: object) -> Kernel:
    """A host whose links are dumped in this order."""
    return Kernel(links=(LO, *links), routes=(DEFAULT,), routes6=(), **more)  # type: ignore[arg-type]


HEALTHY = kernel(ETH0, ETH1, tunnel(), VETH)
TRAPPED = kernel(ETH0, VETH, ETH1, tunnel())
"""The pod's NIC comes before the host's: what the story's nodes look like."""


def seen(
    here: Kernel = HEALTHY, *, way: Way = Way.EXEC, node: str = "n1", **more: object
) -> Inspection:
    return Inspection(node, TAKEN, way, here, **more)  # type: ignore[arg-type]


def by_log(*lines: str, node: str = "n1", version: str = "v0.12.0") -> Inspection:
    """What is left when neither exec nor a probe pod could look."""
    read = logs.read("\n".join(lines), version=versions.parse(f"x:{version}"))
    return Inspection(node, TAKEN, Way.LOG, Kernel(), log=read)


def node(
    name: str = "n1", *, ip: str = PRIVATE, cidr: str = "10.244.1.0/24", backend: str = "vxlan",
    mac: str = "02:aa:00:00:00:01", **more: str,
) -> Node:  # fmt: skip
    keys = {
        "kube-subnet-manager": "true",
        "backend-type": backend,
        "backend-data": json.dumps({"VNI": 1, "VtepMAC": mac}) if backend == "vxlan" else "null",
        "public-ip": ip,
        **{key.replace("_", "-"): value for key, value in more.items()},
    }
    return Node(
        uid=f"uid-{name}",
        name=name,
        created_at=TAKEN,
        annotations={PREFIX + key: value for key, value in keys.items() if value},
        pod_cidrs=(cidr,) if cidr else (),
    )


def flannel(*words: str, version: str = "v0.12.0", **more: object) -> discovery.Flannel:
    image = f"quay.io/coreos/flannel:{version}-amd64"
    read = flags.of(ContainerSpec("kube-flannel", image, ("/opt/bin/flanneld",), words or STORY))
    made = discovery.Flannel(
        "kube-system", "kube-flannel-ds", "ds", "kube-flannel", image, version, read, "vxlan"
    )
    return replace(made, **more)  # type: ignore[arg-type]
