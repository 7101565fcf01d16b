"""A simulated flanneld: one run of it in one container.

It reads its flags from the pod, picks its NIC as its version does over the host's links in the
kernel's order, prints flannel's own lines, announces itself on the Node object and weighs what
`memory` says. What it does to the kernel is `network`'s.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bot.sim.cluster import (
    ailments,
    backends,
    context,
    flannelflags,
    hosts,
    load,
    logs,
    memory,
    selection,
    timing,
)

Object = dict[str, Any]

LIST_AT = 0.6
"""Seconds after its start at which the first list of nodes arrives."""

ANNOUNCE_AT = 1.6
"""Seconds after its start at which it has its lease."""


class Environment(Protocol):
    """What a program needs of the container it runs in."""

    def after(self, seconds: float, action: Callable[[], None]) -> timing.Timer:
        """Do something later, unless the run is over by then."""

    def print(self, line: str) -> None:
        """Write a line to the container's log."""

    def exit(self, code: int, reason: str = "") -> None:
        """End the run; the reason is the kubelet's word (by default Completed or Error)."""

    @property
    def alive(self) -> bool:
        """Whether the run goes on."""

    @property
    def ailment(self) -> ailments.Ailment | None:
        """The crash that somebody has willed upon it."""


class Flanneld:
    """One process, from start to exit."""

    def __init__(
        self,
        environment: Environment,
        *,
        ctx: context.Context,
        host: hosts.Host,
        burden: load.Load,
        container: Mapping[str, Any],
        rng: random.Random,
        leak: float = 0.0,
    ) -> None:
        self._env = environment
        self._leak = leak
        self._ctx = ctx
        self._host = host
        self._burden = burden
        self._rng = rng
        self.version = selection.version_of(str(container["image"]))
        self.command_line = flannelflags.of_container(container)
        self._limit = memory.limit_mib(container.get("resources") or {})
        self.choice: selection.Outcome | None = None
        """The NIC it works with, once it has found one."""
        self.announced = False
        """Whether it has set up its device and follows the other nodes."""
        self.last_error = ""
        self.ballast = 0.0
        """MiB of something else in its cgroup."""
        self.peak = 0.0
        """MiB that the kernel has seen at most, children included."""
        self._burst: memory.Burst | None = None
        self._began = ctx.clock.elapsed()
        self._check: timing.Timer | None = None

    def start(self) -> None:
        """Begin at the beginning of `main()`."""
        self._began = self._ctx.clock.elapsed()
        if self.command_line.error:
            self._fail(2, self.command_line.error, raw=True)
            return
        ailment = self._env.ailment
        if ailment is not None:
            self._env.after(ailment.after, lambda: self._panic(ailment))
        if self.version < (0, 15, 0):
            self._env.after(0.05, self._select)
        else:
            self._say("I", "main.go:212", f"CLI flags config: {self._flags_line()}")
            self._env.after(0.05, self._list)

    def adopt(self) -> None:
        """Have been running for long, with the host's private NIC."""
        address = self._host.private_ip
        link = next(one for one in self._host.links.values() if one.name == self._host.private_nic)
        self.choice = selection.Outcome(link, address, address)
        self._began = self._ctx.clock.elapsed() - self._rng.random() * memory.CHILD_PERIOD
        self._say(
            "I", "main.go:531", f"Using interface with name {link.name} and address {address}"
        )
        self._say(
            "I", "main.go:548", f"Defaulting external address to interface address ({address})"
        )
        self.announced = True
        self._say_announced()
        self.reconsider()

    def relist(self) -> None:
        """The API server has closed the watch: list all nodes again."""
        if not self._env.alive or self.choice is None:
            return
        old = self._rng.randrange(10_000, 90_000)
        self._say(
            "W",
            "reflector.go:302",
            "github.com/coreos/flannel/subnet/kube/kube.go:310: watch of *v1.Node ended with: "
            f"too old resource version: {old} ({old + self._rng.randrange(100, 9000)})",
        )
        self._list_begins()

    def reconsider(self) -> None:
        """Look whether it could be killed from now on, and if so watch the coming instants."""
        if self._check is not None or not self._env.alive:
            return
        now = self._ctx.clock.elapsed()
        if self._burst is not None and self._burst.over(now):
            self._burst = None
        bound = self.ballast + memory.steady_bound(
            self._host.iptables_mib, nodes=self._burden.nodes, rules=self._host.rules
        )
        if self._burst is None and not self._leak and not memory.killed(bound, self._limit):
            return
        period = memory.CHILD_PERIOD
        # A hair's breadth before an instant is that instant, which has just been looked at.
        passed = math.floor((now - self._began) / period + 1e-6)
        due = self._began + (passed + 1) * period
        self._check = self._env.after(due - now, self._iptables)

    def weigh(self) -> None:
        """Let the kernel look at what it weighs now."""
        self._weigh(self.usage())

    def usage(self) -> float:
        """MiB of the daemon alone, now."""
        now = self._ctx.clock.elapsed()
        share = 0.0 if self._burst is None else self._burst.share(now)
        leaked = self._leak * (now - self._began)
        return self.ballast + leaked + memory.heap(self._burden.nodes, share=share)

    def highest(self) -> float:
        """MiB it has weighed at most: while nobody need look, a child on top of the daemon."""
        host = self._host
        child = memory.child(host.iptables_mib, nodes=self._burden.nodes, rules=host.rules)
        self.peak = max(self.peak, self.usage() + child)
        return self.peak

    def _iptables(self) -> None:
        self._check = None
        child = memory.child(
            self._host.iptables_mib,
            nodes=self._burden.nodes,
            rules=self._host.rules,
            jitter=self._rng.uniform(-1.0, 1.0),
        )
        self._weigh(self.usage() + child)
        self.reconsider()

    def _weigh(self, usage: float) -> None:
        self.peak = max(self.peak, usage)
        if memory.killed(usage, self._limit):
            self.last_error = f"OOM-killed at {usage:.1f} MiB of {self._limit:.1f} MiB"
            self._env.exit(137, "OOMKilled")

    def _list_begins(self) -> None:
        self._burst = memory.Burst(self._ctx.clock.elapsed())
        self._weigh(self.usage())
        self.reconsider()

    def _select(self) -> None:
        outcome = selection.choose(
            version=self.version,
            flags=self.command_line.selection,
            links=self._host.dump(),
            routes=self._host.routes(),
        )
        for line in outcome.log:
            self._say(line.level, _source(line.text), line.text)
        if outcome.link is None:
            self.last_error = next(
                (line.text for line in reversed(outcome.log[:-1])), outcome.log[-1].text
            )
            self._env.after(0.05, lambda: self._env.exit(1))
            return
        self.choice = outcome
        if self.version < (0, 15, 0):
            self._env.after(LIST_AT, self._list)
        else:
            self._env.after(ANNOUNCE_AT - LIST_AT, self._announce)

    def _list(self) -> None:
        self._say(
            "I",
            "main.go:244",
            f"Created subnet manager: Kubernetes Subnet Manager - {self._host.name}",
        )
        self._say("I", "main.go:247", "Installing signal handlers")
        self._list_begins()
        if not self._env.alive:
            return
        if self.version < (0, 15, 0):
            self._env.after(ANNOUNCE_AT - LIST_AT, self._announce)
        else:
            self._env.after(LIST_AT, self._select)

    def _announce(self) -> None:
        node = self._ctx.api.store.get("nodes", "", self._host.name)
        backend = self._ctx.network.backend
        self._say("I", "main.go:386", f"Found network config - Backend type: {backend.name}")
        if backend.tunnelled:
            direct = str(backend.direct_routing).lower()
            config = f"VXLAN config: VNI=1 Port=0 GBP=false DirectRouting={direct}"
            self._say("I", "vxlan.go:120", config)
        if node is None or not node["spec"].get("podCIDR"):
            why = f'nodes "{self._host.name}" not found'
            if node is not None:
                why = f'node "{self._host.name}" pod cidr not assigned'
            self._fail(1, f"Error registering network: failed to acquire lease: {why}")
            return
        assert self.choice is not None
        assert self.choice.link is not None
        nic, address = self.choice.link.name, str(self.choice.address)
        keeps = self.version >= (0, 24, 1)
        self._ctx.network.set_up(self._host, nic, address, keeps_mac=keeps)
        now = timing.stamp(self._ctx.clock.now())
        body: Object = {
            "metadata": {
                "annotations": node_annotations(
                    prefix=self.command_line.annotation_prefix,
                    public_ip=str(self.choice.external_address),
                    mac=self._ctx.network.vtep(self._host.name),
                    backend=backend,
                )
            }
        }
        if self.command_line.set_network_unavailable and self.version >= (0, 12, 0):
            body["status"] = {"conditions": [network_available(now)]}
        self._ctx.api.patch(
            "nodes", "", self._host.name, body, kind="strategic", subresource="status"
        )
        self._ctx.network.started(self._host, nic, address)
        self.announced = True
        self._say_announced()

    def _say_announced(self) -> None:
        self._say("I", "main.go:317", "Wrote subnet file to /run/flannel/subnet.env")
        self._say("I", "main.go:321", "Running backend.")
        self._say("I", "main.go:339", "Waiting for all goroutines to exit")
        if self._ctx.network.backend.tunnelled:
            self._say("I", "vxlan_network.go:60", "watching for new subnet leases")
        else:
            self._say("I", "route_network.go:53", "Watching for new subnet leases")

    def _flags_line(self) -> str:
        flags = self.command_line.selection
        return (
            f"{{etcdEndpoints:http://127.0.0.1:4001,http://127.0.0.1:2379 "
            f"kubeSubnetMgr:{str(self.command_line.subnet_manager).lower()} "
            f"iface:[{' '.join(flags.iface)}] ifaceRegex:[{' '.join(flags.iface_regex)}] "
            f"ipMasq:{str(self.command_line.ip_masq).lower()} publicIP:{flags.public_ip}}}"
        )

    def _panic(self, ailment: ailments.Ailment) -> None:
        for line in ailment.lines:
            self._env.print(line)
        self.last_error = ailment.lines[0] if ailment.lines else f"exit {ailment.exit_code}"
        self._env.exit(ailment.exit_code)

    def _fail(self, code: int, text: str, *, raw: bool = False) -> None:
        if raw:
            self._env.print(text)
        else:
            self._say("E", "main.go:292", text)
        self.last_error = text
        self._env.after(0.1, lambda: self._env.exit(code))

    def _say(self, level: str, source: str, text: str) -> None:
        self._env.print(logs.glog(level, self._ctx.clock.now(), source, text))


def node_annotations(
    *, prefix: str, public_ip: str, mac: str, backend: backends.Backend = backends.VXLAN
) -> dict[str, str]:
    """What a flannel writes on its node; `mac` is that of its device, if it has one."""
    slash = "" if prefix.endswith("-") else "/"
    data = {"VtepMAC": mac} if backend.tunnelled else None
    return {
        f"{prefix}{slash}backend-data": json.dumps(data, separators=(",", ":")),
        f"{prefix}{slash}backend-type": backend.name,
        f"{prefix}{slash}kube-subnet-manager": "true",
        f"{prefix}{slash}public-ip": public_ip,
    }


def network_available(stamp: str) -> Object:
    """The node condition flannel stamps at each successful start."""
    return {
        "type": "NetworkUnavailable",
        "status": "False",
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
        "reason": "FlannelIsUp",
        "message": "Flannel is running on this node",
    }


def _source(text: str) -> str:
    for beginning, line in (
        ("Could not find valid interface", 190),
        ("Failed to find", 204),
        ("Searching for interface", 471),
        ("Determining", 518),
        ("Using interface", 531),
        ("Defaulting", 548),
        ("Using", 545),
    ):
        if text.startswith(beginning):
            return f"main.go:{line}"
    return "main.go:200"


class Idle:
    """Any other program: it runs until it is stopped, or fails as somebody wills."""

    def __init__(self, environment: Environment, *, greeting: str) -> None:
        self._env = environment
        self._greeting = greeting

    def start(self) -> None:
        """Say hello; die soon if that was willed."""
        self._env.print(self._greeting)
        ailment = self._env.ailment
        if ailment is not None:
            self._env.after(ailment.after, lambda: self._die(ailment))

    def _die(self, ailment: ailments.Ailment) -> None:
        for line in ailment.lines:
            self._env.print(line)
        self._env.exit(ailment.exit_code)


class Sleeper:
    """`sleep` as a container's first process: it ends by itself, and hears no SIGTERM."""

    deaf = True

    def __init__(self, environment: Environment, *, seconds: float) -> None:
        self._env = environment
        self._seconds = seconds

    def start(self) -> None:
        """Begin to sleep."""
        self._env.after(self._seconds, lambda: self._env.exit(0))
