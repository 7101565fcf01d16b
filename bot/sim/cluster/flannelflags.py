"""The command line of a flanneld, read as Go's ``flag`` package reads it.

Pure. ``-x=v``, ``--x=v`` and ``--x v`` are the same; parsing stops at the first argument that is
no flag (an empty one, as kubespray writes, is none); the environment fills what was not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import selection

_SWITCHES = frozenset(
    {
        "help", "version", "ip-masq", "kube-subnet-mgr", "iptables-forward-rules",
        "set-node-network-unavailable", "ip-blackhole-route", "logtostderr", "alsologtostderr",
        "auto-detect-ipv4", "auto-detect-ipv6", "skip_headers", "one_output", "stderrthreshold-off",
    }
)  # fmt: skip
_VALUES = frozenset(
    {
        "iface", "iface-regex", "iface-can-reach", "public-ip", "public-ipv6", "subnet-file",
        "etcd-endpoints", "etcd-prefix", "etcd-keyfile", "etcd-certfile", "etcd-cafile",
        "etcd-username", "etcd-password", "kube-api-url", "kube-annotation-prefix",
        "kubeconfig-file", "net-config-path", "healthz-ip", "healthz-port",
        "subnet-lease-renew-margin", "iptables-resync", "v", "vmodule", "log_dir", "log_file",
        "log_backtrace_at", "stderrthreshold", "log_file_max_size", "charon-executable-path",
        "charon-vici-uri",
    }
)  # fmt: skip


@dataclass(frozen=True)
class CommandLine:
    """What came of the arguments; `error` is Go's complaint, with which flannel exits (2)."""

    selection: selection.Flags = field(default_factory=selection.Flags)
    ip_masq: bool = False
    subnet_manager: bool = False
    set_network_unavailable: bool = True
    annotation_prefix: str = "flannel.alpha.coreos.com"
    error: str = ""
    shown: tuple[str, ...] = ()
    """The arguments as given."""


def of_container(container: Mapping[str, Any]) -> CommandLine:
    """Read a container's ``command``, ``args`` and literal ``env``."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    arguments = words[1:] if words and not str(words[0]).startswith("-") else words
    environment = {
        str(item["name"]): str(item.get("value") or "") for item in container.get("env") or ()
    }
    return parse([str(word) for word in arguments], environment)


def parse(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> CommandLine:
    """Read arguments, then ``FLANNELD_*`` for the flags that were not among them."""
    values: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if len(word) < 2 or not word.startswith("-") or word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if name in _SWITCHES:
            values[name] = [value if equals else "true"]
        elif name in _VALUES:
            if not equals:
                if not rest:
                    return CommandLine(
                        error=f"flag needs an argument: -{name}", shown=tuple(arguments)
                    )
                value = rest.pop(0)
            values.setdefault(name, []).append(value)
        else:
            return CommandLine(
                error=f"flag provided but not defined: -{name}", shown=tuple(arguments)
            )
    for name in (*_SWITCHES, *_VALUES):
        variable = "FLANNELD_" + name.upper().replace("-", "_")
        if name not in values and environment and environment.get(variable):
            values[name] = [environment[variable]]

    def last(name: str) -> str:
        return values.get(name, [""])[-1]

    def switched(name: str, *, default: bool) -> bool:
        return default if name not in values else last(name).lower() in {"true", "t", "1"}

    return CommandLine(
        selection=selection.Flags(
            iface=tuple(values.get("iface", ())),
            iface_regex=tuple(values.get("iface-regex", ())),
            iface_can_reach=last("iface-can-reach"),
            public_ip=last("public-ip"),
        ),
        ip_masq=switched("ip-masq", default=False),
        subnet_manager=switched("kube-subnet-mgr", default=False),
        set_network_unavailable=switched("set-node-network-unavailable", default=True),
        annotation_prefix=last("kube-annotation-prefix") or "flannel.alpha.coreos.com",
        shown=tuple(arguments),
    )
