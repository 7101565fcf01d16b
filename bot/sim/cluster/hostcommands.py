"""`ip`, `bridge` and the files of one machine, answered from its state.

JSON where the image's iproute2 can, else the text of an old one: flannel's images up to v0.11
have iproute2 4.13 or older, whose `ip` knows no -j. Shapes as recorded from iproute2 6.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bot.sim.cluster import hosts, network, selection
from bot.sim.cluster.shell import Command, Result

Object = dict[str, Any]

DEVICE = "flannel.1"
_UNKNOWN = 'Option "{}" is unknown, try "ip -help".\n'


class Machine:
    """What can be asked of one machine from within its network.

    Args:
        host: the machine.
        net: all machines' kernels.
        speaks_json: whether its `ip` knows -j.
    """

    def __init__(self, host: hosts.Host, net: network.Network, *, speaks_json: bool) -> None:
        self._host = host
        self._net = net
        self._json = speaks_json
        self._state = net.states[host.name]

    def commands(self) -> dict[str, Command]:
        """The programs there are."""
        return {"ip": self._ip, "bridge": self._bridge, "nc": lambda _: Result(code=1)}

    def files(self, pods: str) -> dict[str, str]:
        """The files that can be read; `pods` is the network of all pods."""
        if self._state.no_subnet_file:
            return {}
        base = self._host.pod_cidr.rpartition(".")[0]
        return {
            "/run/flannel/subnet.env": (
                f"FLANNEL_NETWORK={pods}\nFLANNEL_SUBNET={base}.1/24\n"
                f"FLANNEL_MTU={hosts.POD_MTU}\nFLANNEL_IPMASQ=true\n"
            )
        }

    # Programs

    def _ip(self, given: Sequence[str]) -> Result:
        options = [one for one in given if one.startswith("-")]
        words = [one for one in given if not one.startswith("-")]
        wants_json = "-j" in options or "-json" in options
        if wants_json and not self._json:
            return Result("", _UNKNOWN.format("-j"), 255)
        if "-V" in options:
            return Result(f"ip utility, iproute2-{'6.1.0' if self._json else 'ss170905'}\n")
        word = words[0] if words else ""
        if word and "address".startswith(word):
            rows = self._links(details="-d" in options, addresses=True)
        elif word and "link".startswith(word):
            rows = self._links(details="-d" in options, addresses=False)
        elif word and "route".startswith(word):
            rows = [] if "-6" in options else self.routes()
        elif word and ("neighbour".startswith(word) or "neighbor".startswith(word)):
            rows = self.neighbours()
        else:
            return Result("", f'Object "{word}" is unknown, try "ip help".\n', 1)
        if wants_json:
            return Result(json.dumps(rows, separators=(",", ":")) + "\n")
        write = {"a": _link_text, "l": _link_text, "r": _route_text, "n": _neighbour_text}[word[0]]
        return Result("".join(write(row) for row in rows))

    def _bridge(self, given: Sequence[str]) -> Result:
        if not any(one == "fdb" for one in given):
            return Result("", "Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\n", 255)
        if "-j" in given and not self._json:
            return Result("", 'Option "-j" is unknown, try "bridge help".\n', 255)
        rows = self.fdb()
        if "-j" in given:
            return Result(json.dumps(rows, separators=(",", ":")) + "\n")
        return Result("".join(_fdb_text(row) for row in rows))

    # Tables

    def _links(self, *, details: bool, addresses: bool) -> list[Object]:
        rows = []
        for link in self._host.dump():
            if link.name == DEVICE and not self._state.device.there:
                continue
            rows.append(self._link(link, details=details, addresses=addresses))
        return rows

    def _link(self, link: selection.Link, *, details: bool, addresses: bool) -> Object:
        host, state, device = self._host, self._state, self._state.device
        loopback, veth = link.name == "lo", link.name in host.veths
        lower = link.name == device.lower
        up = link.up and not (lower and state.nic_down) and (link.name != DEVICE or device.up)
        flags = ["LOOPBACK"] if loopback else ["BROADCAST", "MULTICAST"]
        master = host.slaves.get(link.name) or ("cni0" if veth else "")
        flags += ["UP", "LOWER_UP"] if up else []
        row: Object = {"ifindex": link.ifindex, "ifname": link.name}
        if veth:
            row |= {"link_index": 3, "link": None, "link_netnsid": link.ifindex % 97}
            row.pop("link")
        row |= {"flags": flags, "mtu": link.mtu, "qdisc": "noqueue" if veth else "fq_codel"}
        if master:
            row["master"] = master
        row |= {
            "operstate": "UNKNOWN" if loopback or link.name == DEVICE else ("UP" if up else "DOWN"),
            "group": "default",
            "link_type": "loopback" if loopback else "ether",
            "address": "00:00:00:00:00:00" if loopback else self._mac(link.name),
            "broadcast": "00:00:00:00:00:00" if loopback else "ff:ff:ff:ff:ff:ff",
        }
        kind = "veth" if veth else {"cni0": "bridge", "docker0": "bridge"}.get(link.name, "")
        if details and link.name == DEVICE:
            row["linkinfo"] = {
                "info_kind": "vxlan",
                "info_data": {
                    "id": 1,
                    "local": device.local,
                    "link": device.lower,
                    "port": 8472,
                    "learning": False,
                },
            }
        elif details and kind:
            row["linkinfo"] = {"info_kind": kind}
        if addresses:
            held = () if lower and state.nic_bare else link.addresses
            row["addr_info"] = [
                {
                    "family": "inet",
                    "local": one.address,
                    "prefixlen": one.prefix,
                    "scope": one.scope,
                    "label": link.name,
                }
                for one in held
            ]
        return row

    def _mac(self, name: str) -> str:
        return self._state.device.mac if name == DEVICE else self._net.mac(self._host.name, name)

    def routes(self) -> list[Object]:
        """The host's own routes, cni0's, and flannel's."""
        host, state = self._host, self._state
        rows: list[Object] = []
        for route in host.routes():
            if route.dev == DEVICE:
                continue
            if route.dev == state.device.lower and (state.nic_down or state.nic_bare):
                continue
            row: Object = {"dst": route.dst}
            if route.gateway:
                row["gateway"] = route.gateway
            row["dev"] = route.dev
            if not route.gateway:
                row |= {"protocol": "kernel", "scope": "link"}
            if route.prefsrc:
                row["prefsrc"] = route.prefsrc
            rows.append(row | {"flags": []})
        if "routes" in state.wiped or not state.device.there:
            return rows
        for name, peer in self._net.peers(host.name).items():
            if name not in state.no_route:
                rows.append(
                    {
                        "dst": peer.pod_cidr,
                        "gateway": peer.gateway,
                        "dev": DEVICE,
                        "flags": ["onlink"],
                    }
                )
        return rows

    def neighbours(self) -> list[Object]:
        """Peers' vxlan devices, and the pods on cni0."""
        host, state = self._host, self._state
        rows: list[Object] = []
        if "neighbours" not in state.wiped and state.device.there:
            rows += [
                {"dst": p.gateway, "dev": DEVICE, "lladdr": p.mac, "state": ["PERMANENT"]}
                for name, p in self._net.peers(host.name).items()
                if name not in state.no_neighbour
            ]
        rows += [
            {"dst": ip, "dev": "cni0", "lladdr": self.pod_mac(veth), "state": ["REACHABLE"]}
            for veth, ip in host.pod_ips.items()
        ]
        return rows

    def fdb(self) -> list[Object]:
        """Peers' VTEPs behind flannel.1, and the pods' MACs behind their veths."""
        host, state = self._host, self._state
        rows: list[Object] = []
        if "fdb" not in state.wiped and state.device.there:
            rows += [
                {
                    "mac": peer.mac,
                    "ifname": DEVICE,
                    "dst": state.wrong_dst.get(name, peer.public_ip),
                    "flags": ["self"],
                    "state": "permanent",
                }
                for name, peer in self._net.peers(host.name).items()
                if name not in state.no_entry
            ]
        for veth in host.veths:
            if not state.pods_unlearned:
                rows.append(
                    {
                        "mac": self.pod_mac(veth),
                        "ifname": veth,
                        "flags": [],
                        "master": "cni0",
                        "state": "",
                    }
                )
            rows.append(
                {
                    "mac": self._mac(veth),
                    "ifname": veth,
                    "flags": [],
                    "master": "cni0",
                    "state": "permanent",
                }
            )
        return rows

    def pod_mac(self, veth: str) -> str:
        """The MAC of the pod's own end."""
        return self._net.mac(self._host.name, f"{veth}@pod")


def _link_text(row: Object) -> str:
    master = f" master {row['master']}" if "master" in row else ""
    parent = f"@if{row['link_index']}" if "link_index" in row else ""
    text = (
        f"{row['ifindex']}: {row['ifname']}{parent}: <{','.join(row['flags'])}> mtu {row['mtu']} "
        f"qdisc {row['qdisc']}{master} state {row['operstate']} group default \n"
        f"    link/{row['link_type']} {row['address']} brd {row['broadcast']}\n"
    )
    info = row.get("linkinfo", {})
    if info.get("info_kind") == "vxlan":
        data = info["info_data"]
        text += (
            f"    vxlan id {data['id']} local {data['local']} dev {data['link']} srcport 0 0 "
            f"dstport {data['port']} nolearning ageing 300 \n"
        )
    elif info:
        text += f"    {info['info_kind']} \n"
    for one in row.get("addr_info", ()):
        text += (
            f"    inet {one['local']}/{one['prefixlen']} scope {one['scope']} {one['label']}\n"
            "       valid_lft forever preferred_lft forever\n"
        )
    return text


def _route_text(row: Object) -> str:
    words: Iterable[str] = [
        row["dst"],
        *(["via", row["gateway"]] if "gateway" in row else []),
        "dev",
        row["dev"],
        *(["proto", row["protocol"]] if "protocol" in row else []),
        *(["scope", row["scope"]] if "scope" in row else []),
        *(["src", row["prefsrc"]] if "prefsrc" in row else []),
        *row["flags"],
    ]
    return " ".join(words) + " \n"


def _neighbour_text(row: Object) -> str:
    return f"{row['dst']} dev {row['dev']} lladdr {row['lladdr']} {row['state'][0]}\n"


def _fdb_text(row: Object) -> str:
    words = [row["mac"], "dev", row["ifname"]]
    words += ["dst", row["dst"]] if "dst" in row else []
    words += ["master", row["master"]] if "master" in row else []
    words += [*row["flags"], row["state"]]
    return " ".join(filter(None, words)) + "\n"
