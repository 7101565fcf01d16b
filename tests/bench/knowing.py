"""What the bot knows of networks, timed.

`python -m tests.bench.knowing selection NODES NICS` and `... routes NODES`.

Both run in a process of their own, with the hosts made before the clock starts.
"""

import json
import random
import sys
import time
from typing import Any

from bot.flannel import choice, drift, flags, fleet, kernel, lease, netconf, selection, sharing
from bot.flannel.versions import Version
from tests.bench import children

VERSION = Version(0, 12, 0)
FLAGS = (("--iface-regex=eth1|bond1",), ("--iface-regex=^(?:eth1|bond1)$",))
WRONG_EVERY = 50
"""So many nodes apart, one has lost a peer's entries."""


def host(number: int, nics: int) -> kernel.Kernel:
    """A node with a public and a private NIC and a container's veth for each other one."""
    draw = random.Random(number)
    public = kernel.Address(f"59.{number >> 8 & 255}.{number & 255}.9", 24)
    private = kernel.Address(_ip(number), 8)
    names = ["eth0", "bond1" if number % 2 else "eth1", "cni0", "flannel.1", "docker0"]
    while len(names) < nics - 1:
        names.append(f"veth{draw.getrandbits(32):08x}")
    own = {"eth0": (public,), names[1]: (private,)}
    links = [
        kernel.Link(name, index, mtu=1500, flags=("UP",), addresses=own.get(name, ()))
        for index, name in enumerate(names, 2)
    ]
    lo = kernel.Link("lo", 1, mtu=65536, addresses=(kernel.Address("127.0.0.1", 8, "host"),))
    return kernel.Kernel(
        links=(lo, *links), routes=(kernel.Route(kernel.ANY4, "59.0.0.1", "eth0"),)
    )


def choose(nodes: int, nics: int) -> dict[str, Any]:
    """Every node's choice by the flags in force and by those in question."""
    hosts = [host(number, nics) for number in range(nodes)]
    given = [flags.parse(words) for words in FLAGS]
    began = time.perf_counter()
    found = [[selection.choose(here, one, VERSION) for one in given] for here in hosts]
    seconds = time.perf_counter() - began
    chosen = sum(one.outcome is choice.Outcome.CHOSEN for pair in found for one in pair)
    return {"seconds": seconds / len(FLAGS), "chosen": chosen / len(FLAGS), "nodes": nodes}


def judge(nodes: int) -> dict[str, Any]:
    """Every node's routes, neighbours and forwarding entries against what they should be."""
    leases = [_lease(number) for number in range(nodes)]
    known = fleet.gather(
        leases,
        conf=netconf.NetConf(network="10.0.0.0/8", direct_routing=False),
        version=VERSION,
    )
    pool = sharing.Pool()
    kernels = {f"n{number}": pool.share(_kernel(number, nodes)) for number in range(nodes)}
    began = time.process_time()
    found = [drift.judge(known, node, here) for node, here in kernels.items()]
    seconds = time.process_time() - began
    return {
        "seconds": seconds,
        "entries": sum(one.expected for one in found),
        "wrong": sum(not one.right for one in found),
        "planted": len(range(0, nodes, WRONG_EVERY)),
        "memory": children.memory_mib("self", "VmHWM"),
    }


def _ip(number: int) -> str:
    return f"192.168.{number >> 8 & 255}.{number & 255}"


def _mac(number: int) -> str:
    return f"02:aa:00:00:{number >> 8 & 255:02x}:{number & 255:02x}"


def _subnet(number: int, last: str = "0/24") -> str:
    return f"10.{20 + (number >> 8)}.{number & 255}.{last}"


def _lease(number: int) -> lease.Lease:
    told = {
        "kube-subnet-manager": "true",
        "backend-type": "vxlan",
        "backend-data": json.dumps({"VNI": 1, "VtepMAC": _mac(number)}),
        "public-ip": _ip(number),
    }
    annotations = {lease.DEFAULT_PREFIX + key: value for key, value in told.items()}
    return lease.of(f"n{number}", (_subnet(number),), annotations)


def _kernel(number: int, nodes: int) -> kernel.Kernel:
    """A node as it should be, but for every so many-th, which lacks one peer."""
    lost = (number + 1) % nodes if number % WRONG_EVERY == 0 else -1
    peers = [peer for peer in range(nodes) if peer not in (number, lost)]
    device = kernel.Tunnel(vni=1, local=_ip(number), port=8472, lower="eth1")
    links = (
        kernel.Link("lo", 1, ("UP",), 65536),
        kernel.Link(
            "eth1", 2, ("UP", "LOWER_UP"), 1500, addresses=(kernel.Address(_ip(number), 16),)
        ),
        kernel.Link(
            "flannel.1", 3, ("UP", "LOWER_UP"), 1450, mac=_mac(number), kind="vxlan",
            addresses=(kernel.Address(_subnet(number, "0").rstrip("/"), 32),), tunnel=device,
        ),
    )  # fmt: skip
    return kernel.Kernel(
        links=links,
        routes=(
            kernel.Route("192.168.0.0/16", "", "eth1"),
            *(
                kernel.Route(_subnet(peer), _subnet(peer, "0"), "flannel.1", ("onlink",))
                for peer in peers
            ),
        ),
        neighbours=tuple(
            kernel.Neighbour(_subnet(peer, "0"), "flannel.1", _mac(peer), "PERMANENT")
            for peer in peers
        ),
        fdb=tuple(kernel.FdbEntry(_mac(peer), "flannel.1", _ip(peer)) for peer in peers),
    )


if __name__ == "__main__":
    told = {"selection": choose, "routes": judge}[sys.argv[1]](*map(int, sys.argv[2:]))
    sys.stdout.write(json.dumps(told) + "\n")
