"""`ip`, `bridge` and the files of one machine, answered from its tables.

JSON where the image's iproute2 can, else the text of an old one: flannel's images up to v0.11
have iproute2 4.13 or older, whose `ip` knows no -j. Shapes as recorded from iproute2 6.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bot.sim.cluster import entries, hosts, hosttables, network
from bot.sim.cluster.shellresults import Command, Result

Object = dict[str, Any]

_UNKNOWN = 'Option "{}" is unknown, try "ip -help".\n'


class Files(Mapping[str, str]):
    """Files that are written when somebody reads them.

    Args:
        made: what makes each of them, by path; an empty text is no file.
    """

    def __init__(self, made: Mapping[str, Callable[[], str]]) -> None:
        self._made = made

    def __getitem__(self, path: str) -> str:
        text = self._made[path]()
        if not text:
            raise KeyError(path)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class Machine:
    """What can be asked of one machine from within its network.

    Args:
        host: the machine.
        net: all machines' kernels.
        speaks_json: whether its `ip` knows -j.
    """

    def __init__(self, host: hosts.Host, net: network.Network, *, speaks_json: bool) -> None:
        self._tables = hosttables.Tables(host, net)
        self._json = speaks_json

    def commands(self) -> dict[str, Command]:
        """The programs there are."""
        return {"ip": self._ip, "bridge": self._bridge, "nc": lambda _: Result(code=1)}

    def files(self, pods: str, mounted: set[str]) -> Files:
        """The files that can be read.

        Args:
            pods: the network of all pods.
            mounted: the directories of the host that the container sees.
        """
        made: dict[str, Callable[[], str]] = {
            "/proc/net/route": self._proc_route,
            "/proc/net/arp": self._proc_arp,
        }
        if "/run/flannel" in mounted:
            made["/run/flannel/subnet.env"] = lambda: self._tables.subnet_env(pods)
        return Files(made)

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
        if word and ("address".startswith(word) or "link".startswith(word)):
            addresses = "address".startswith(word)
            rows = self._tables.links(details="-d" in options, addresses=addresses)
            if wants_json:
                return Result(msgspec.json.encode(rows).decode() + "\n")
            return Result("".join(_link_text(row, oneline="-o" in options) for row in rows))
        if word and "route".startswith(word):
            found = [] if "-6" in options else self._tables.routes()
        elif word and ("neighbour".startswith(word) or "neighbor".startswith(word)):
            found = self._tables.neighbours()
        else:
            return Result("", f'Object "{word}" is unknown, try "ip help".\n', 1)
        return _printed(found, as_json=wants_json)

    def _bridge(self, given: Sequence[str]) -> Result:
        if not any(one == "fdb" for one in given):
            return Result("", "Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\n", 255)
        if "-j" in given and not self._json:
            return Result("", 'Option "-j" is unknown, try "bridge help".\n', 255)
        return _printed(self._tables.fdb(), as_json="-j" in given)

    # Files

    def _proc_route(self) -> str:
        rows = (entries.proc_route(one.row) for one in self._tables.routes())
        return entries.PROC_HEAD + "".join(rows)

    def _proc_arp(self) -> str:
        head = "IP address       HW type     Flags       HW address            Mask     Device\n"
        rows = (one.row for one in self._tables.neighbours())
        return head + "".join(
            f"{row['dst']:<16} 0x1         {_ARP[row['state'][0]]}         "
            f"{row['lladdr']}     *        {row['dev']}\n"
            for row in rows
        )


_ARP = {"PERMANENT": "0x6", "REACHABLE": "0x2"}


def _printed(found: Sequence[entries.Entry], *, as_json: bool) -> Result:
    if as_json:
        return Result("[" + ",".join([one.json for one in found]) + "]\n")
    return Result("".join([one.text for one in found]))


def _link_text(row: Object, *, oneline: bool) -> str:
    end = "\\" if oneline else "\n"
    master = f" master {row['master']}" if "master" in row else ""
    parent = f"@if{row['link_index']}" if "link_index" in row else ""
    mode = f" mode {row['linkmode']}" if "linkmode" in row else ""
    queue = f"qlen {row['txqlen']}" if "txqlen" in row else ""
    netns = f" link-netnsid {row['link_netnsid']}" if "link_netnsid" in row else ""
    text = (
        f"{row['ifindex']}: {row['ifname']}{parent}: <{','.join(row['flags'])}> mtu {row['mtu']} "
        f"qdisc {row['qdisc']}{master} state {row['operstate']}{mode} group default {queue}{end}"
        f"    link/{row['link_type']} {row['address']} brd {row['broadcast']}{netns}"
    )
    if "promiscuity" in row:
        text += f" promiscuity {row['promiscuity']}"
    text += _kind_text(row.get("linkinfo", {}), end)
    if oneline:
        text += "".join(f"\\    {_address_text(one)}" for one in row.get("addr_info", ()))
        return text.rstrip("\\") + "\n"
    text += "\n"
    for one in row.get("addr_info", ()):
        text += f"    {_address_text(one)}\n       valid_lft forever preferred_lft forever\n"
    return text


def _kind_text(info: Object, end: str) -> str:
    if info.get("info_kind") != "vxlan":
        return f"{end}    {info['info_kind']} " if info else ""
    data = info["info_data"]
    return (
        f"{end}    vxlan id {data['id']} local {data['local']} dev {data['link']} srcport 0 0 "
        f"dstport {data['port']} nolearning ageing 300 "
    )


def _address_text(one: Object) -> str:
    broadcast = f" brd {one['broadcast']}" if "broadcast" in one else ""
    return (
        f"{one['family']} {one['local']}/{one['prefixlen']}{broadcast} scope {one['scope']} "
        f"{one.get('label', '')}"
    )
