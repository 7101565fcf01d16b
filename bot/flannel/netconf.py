"""net-conf.json, flannel's own configuration: which network, which backend, how.

It is the key of that name in the ConfigMap kube-flannel-cfg. flannel reads it at start only, so
what it says now may differ from what runs. Source: ParseConfig in flannel's
pkg/subnet/config.go and the RegisterNetwork of each backend.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

TUNNELLED = {"vxlan": 50, "ipip": 20, "wireguard": 80, "udp": 28, "host-gw": 0}
"""Bytes by which each backend makes packets bigger (encapOverhead in its source)."""

V6_VXLAN = 70
"""vxlan over IPv6: an outer header that is 20 bytes longer."""

VXLAN_PORT = 8472
"""Linux's own default, which flannel leaves alone unless Port is set."""


@dataclass(frozen=True, slots=True)
class NetConf:
    """What is configured. Empty, zero and None are "not known"; `problems` are sentences.

    `mtu` is Backend.MTU, the NIC's MTU that flannel shall assume, not that of pods.
    """

    network: str = ""
    ipv6_network: str = ""
    backend: str = ""
    vni: int = 0
    port: int = 0
    mtu: int = 0
    direct_routing: bool | None = None
    ipv4: bool = True
    ipv6: bool = False
    nftables: bool = False
    problems: tuple[str, ...] = ()


def parse(text: str) -> NetConf:
    """Read a net-conf.json. A missing Backend is udp, as flannel takes it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return NetConf(problems=(f"net-conf.json is no JSON ({error}): flannel exits at it",))
    if not isinstance(value, dict):
        return NetConf(problems=("net-conf.json is no JSON object: flannel exits at it",))
    held = value.get("Backend")
    backend: Mapping[str, object] = held if isinstance(held, dict) else {}
    problems = []
    kind = _word(backend, "Type") or "udp"
    ipv4 = value.get("EnableIPv4", True) is not False
    ipv6 = value.get("EnableIPv6", False) is True
    if ipv4 and not _word(value, "Network"):
        problems.append("net-conf.json has no Network: flannel exits at it")
    if ipv6 and not _word(value, "IPv6Network"):
        problems.append("net-conf.json enables IPv6 without an IPv6Network: flannel exits at it")
    return NetConf(
        network=_word(value, "Network"),
        ipv6_network=_word(value, "IPv6Network"),
        backend=kind,
        vni=_number(backend, "VNI") or (1 if kind == "vxlan" else 0),
        port=_number(backend, "Port"),
        mtu=_number(backend, "MTU"),
        direct_routing=backend.get("DirectRouting", False) is True,
        ipv4=ipv4,
        ipv6=ipv6,
        nftables=value.get("EnableNFTables", False) is True,
        problems=tuple(problems),
    )


def _word(value: Mapping[str, object], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _number(value: Mapping[str, object], name: str) -> int:
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0
