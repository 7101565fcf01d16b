"""Hosts' kernels for tests: the recorded ones, and made-up ones that are right until bent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.flannel import fleet as fleets
from bot.flannel import iproute, kernel, lease, netconf, versions
from bot.flannel.kernel import Address, FdbEntry, Kernel, Link, Neighbour, Route, Tunnel

RECORDED = Path(__file__).parent.parent / "recorded" / "flannel-kernel"
PREFIX = "flannel.alpha.coreos.com/"


@dataclass(frozen=True)
class State:
    """One recorded host: its story, node, answers of commands, and the log."""

    story: str
    node: str
    commands: Mapping[str, object]
    log: tuple[str, ...]

    def json(self, command: str) -> str:
        return json.dumps(self.commands[command])

    def text(self, command: str) -> str:
        return "\n".join(self.commands[command])  # type: ignore[arg-type]

    def kernel(self, *, as_text: bool = False) -> Kernel:
        links = kernel.merged(
            iproute.links(self.json("ip -j addr")).entries,
            iproute.links(self.json("ip -d -j link")).entries,
        )
        env, odd = iproute.subnet_env(self.text("cat /run/flannel/subnet.env"))
        assert not odd

        def of(command: str) -> str:
            return self.text(command) if as_text else self.json(command.replace(" ", " -j ", 1))

        return Kernel(
            links=links,
            routes=iproute.routes(of("ip route")).entries,
            neighbours=iproute.neighbours(of("ip neigh")).entries,
            fdb=iproute.fdb(of("bridge fdb")).entries,
            subnet=env,
        )


def stories() -> dict[str, list[State]]:
    found = {}
    for path in sorted(RECORDED.glob("*.json")):
        held = json.loads(path.read_text())
        found[held["story"]] = [
            State(held["story"], one["node"]["name"], one["commands"], tuple(one["flanneld_log"]))
            for one in held.get("states", ())
        ]
    return found


def story(name: str) -> dict[str, object]:
    return json.loads((RECORDED / f"{name}.json").read_text())  # type: ignore[no-any-return]


def recorded_fleet(name: str, conf: netconf.NetConf | None = None) -> fleets.Fleet:
    nodes = story(name)["nodes_of_the_api"]
    return fleets.gather(
        [
            lease.of(one["name"], (one["podCIDR"],), one["annotations"])
            for one in nodes  # type: ignore[attr-defined]
        ],
        conf=conf,
        version=versions.Version(0, 16, 0),
    )


def subnet(number: int) -> str:
    return f"10.20.{number}.0/24"


def annotations(number: int, backend: str = "vxlan", **more: str) -> dict[str, str]:
    data = {
        "vxlan": json.dumps({"VNI": 1, "VtepMAC": mac(number)}),
        "wireguard": json.dumps({"PublicKey": key(number)}),
    }.get(backend, "null")
    plain = {
        "kube-subnet-manager": "true",
        "backend-type": backend,
        "backend-data": data,
        "public-ip": ip(number),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return {PREFIX + name: value for name, value in plain.items() if value}


def ip(number: int) -> str:
    return f"192.168.7.{number + 1}"


def mac(number: int) -> str:
    return f"02:aa:00:00:00:{number:02x}"


def key(number: int) -> str:
    return f"{number:043d}="


def announced(
    number: int, backend: str = "vxlan", cidrs: tuple[str, ...] | None = None, **more: str
) -> lease.Lease:
    return lease.of(
        f"node-{number}",
        (subnet(number),) if cidrs is None else cidrs,
        annotations(number, backend, **more),
    )


def dual(number: int, backend: str = "vxlan") -> lease.Lease:
    more = {"public_ipv6": f"fd00:7::{number + 1:x}"}
    if backend == "vxlan":
        more["backend_v6_data"] = json.dumps({"VNI": 1, "VtepMAC": mac(100 + number)})
    return announced(number, backend, (subnet(number), f"fd20:0:0:{number:x}::/64"), **more)


def gathered(
    count: int = 6,
    backend: str = "vxlan",
    *,
    conf: netconf.NetConf | None = None,
    version: str = "0.22.0",
) -> fleets.Fleet:
    return fleets.gather(
        [announced(number, backend) for number in range(count)],
        conf=conf or netconf.NetConf(network="10.20.0.0/16", direct_routing=False),
        version=versions.parse(f"flannel:v{version}"),
    )


LO = Link("lo", 1, ("LOOPBACK", "UP", "LOWER_UP"), 65536, addresses=(Address("127.0.0.1", 8),))
UP = ("BROADCAST", "MULTICAST", "UP", "LOWER_UP")


def host(number: int = 0, count: int = 6, backend: str = "vxlan") -> Kernel:
    """A host of that fleet as flannel leaves it."""
    device = {
        "vxlan": "flannel.1",
        "ipip": "flannel.ipip",
        "wireguard": "flannel-wg",
        "udp": "flannel0",
    }.get(backend, "")
    overhead = netconf.TUNNELLED[backend]
    own = subnet(number).replace(".0/24", ".0")
    links = [
        LO,
        Link("eth1", 3, UP, 1500, mac="52:54:00:00:00:01", addresses=(Address(ip(number), 24),)),
    ]
    if device:
        links.append(
            Link(
                device,
                9,
                UP,
                1500 - overhead,
                mac=mac(number) if backend == "vxlan" else "",
                kind=backend,
                addresses=(Address(own if backend != "udp" else "10.20.0.0", 32),),
                tunnel=Tunnel(1 if backend == "vxlan" else 0, ip(number), "eth1", 8472, False)
                if backend in ("vxlan", "ipip")
                else None,
            )
        )
    links.append(Link("cni0", 12, UP, 1500 - overhead, addresses=(Address(own[:-1] + "1", 24),)))
    routes = [
        Route("0.0.0.0/0", "192.168.7.254", "eth1"),
        Route("192.168.7.0/24", dev="eth1", protocol="kernel", scope="link", source=ip(number)),
        Route(subnet(number), dev="cni0", protocol="kernel", scope="link", source=own[:-1] + "1"),
    ]
    neighbours, fdb = [Neighbour("192.168.7.254", "eth1", "52:54:00:00:00:fe", "REACHABLE")], []
    peers = []
    for other in range(count):
        if other == number:
            continue
        gateway = subnet(other).replace("/24", "")
        if backend == "vxlan":
            routes.append(Route(subnet(other), gateway, device, ("onlink",)))
            neighbours.append(Neighbour(gateway, device, mac(other), "PERMANENT"))
            fdb.append(FdbEntry(mac(other), device, ip(other), "", "permanent", ("self",)))
        elif backend == "host-gw":
            routes.append(Route(subnet(other), ip(other), "eth1"))
        elif backend == "ipip":
            routes.append(Route(subnet(other), ip(other), device, ("onlink",)))
        elif backend == "wireguard":
            peers.append(
                kernel.WireguardPeer(device, key(other), f"{ip(other)}:51820", (subnet(other),))
            )
    if backend in ("wireguard", "udp"):
        routes.append(
            Route("10.20.0.0/16", dev=device, scope="link" if backend == "wireguard" else "")
        )
    return Kernel(
        links=tuple(links),
        routes=tuple(routes),
        routes6=(),
        neighbours=tuple(neighbours),
        fdb=tuple(fdb),
        subnet=kernel.SubnetEnv("10.20.0.0/16", own[:-1] + "1/24", 1500 - overhead, True),
        wireguard=tuple(peers) if backend == "wireguard" else None,
    )


def with_link(state: Kernel, name: str, /, **changes: object) -> Kernel:
    return replace(
        state,
        links=tuple(
            replace(one, **changes) if one.name == name else one  # type: ignore[arg-type]
            for one in state.links or ()
        ),
    )


def without(
    state: Kernel,
    *,
    links: tuple[str, ...] = (),
    routes: tuple[int, ...] = (),
    neighbours: tuple[int, ...] = (),
    fdb: tuple[int, ...] = (),
) -> Kernel:
    """Take away NICs by name, and entries of peers by their number."""
    subnets = {subnet(number) for number in routes}
    gateways = {subnet(number).replace("/24", "") for number in neighbours}
    macs = {mac(number) for number in fdb}
    return replace(
        state,
        links=tuple(one for one in state.links or () if one.name not in links),
        routes=tuple(one for one in state.routes or () if one.dst not in subnets),
        neighbours=tuple(one for one in state.neighbours or () if one.ip not in gateways),
        fdb=tuple(one for one in state.fdb or () if one.mac not in macs),
    )
