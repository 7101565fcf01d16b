"""What is really so in the simulated cluster, from the inside of the model.

For tests: the bot must come to the same conclusions from the API alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.sim.cluster import flannelflags, hosts, kubelet, selection, world

Object = dict[str, Any]


def of_world(of: world.World) -> Object:
    """The whole truth, ready for JSON."""
    now = of.clock.elapsed()
    nodes = {name: of_node(one, now=now) for name, one in of.kubelets.items()}
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "speed": of.clock.speed,
        "elapsed": now,
        "scenario": of.plan.name,
        "seed": of.seed,
        "bursts": of.bursts,
        "next_burst": of.next_burst,
        "nodes": nodes,
        "summary": {
            "oom_killed_nodes": [name for name, one in nodes.items() if one["oom_kills"]],
            "crash_looping_nodes": [name for name, one in nodes.items() if one["crash_looping"]],
            "not_ready_nodes": [name for name, one in nodes.items() if not one["ready"]],
        },
    }


def of_node(one: kubelet.Kubelet, *, now: float) -> Object:
    """One machine.

    `ready` is the machine's: whether its kubelet is there. `oom_kills` and `restarts_total`
    count since the simulation began, `restarts` is the present container's own count.
    """
    host = one.host
    found = one.flannel_container()
    worker, container = found if found is not None else (None, None)
    running = one.flanneld()
    choice = None if running is None else running.choice
    link = None if choice is None else choice.link
    command = None if container is None else flannelflags.of_container(container.spec)
    return {
        "kind": host.kind.name,
        "kernel": host.system.kernel,
        "dump_order": "hash" if host.hashes else "ifindex",
        "private_nic": host.private_nic,
        "private_address": host.private_ip,
        "public_address": host.public_ip or None,
        "pod_cidr": host.pod_cidr,
        "nics": [_nic(host, one) for one in host.dump()],
        "routes": [_route(one) for one in host.routes()],
        "pods_with_veth": len(host.veths),
        "flags": [] if command is None else list(command.shown),
        "pod": None if worker is None else worker.name,
        "flannel_running": container is not None and container.running,
        "chosen_nic": None if link is None else link.name,
        "chosen_address": None if choice is None else choice.address,
        "memory_limit": None if container is None else _memory_limit(container.spec),
        "memory_mib": None if running is None else round(running.usage(), 1),
        "iptables_child_mib": round(host.iptables_mib * host.rules, 1),
        "oom_kills": one.flannel.oom_kills,
        "restarts": 0 if container is None else container.restarts,
        "restarts_total": one.flannel.restarts,
        "crash_looping": container is not None and container.crash_looping(now),
        "last_error": one.flannel.last_error or None,
        "last_exit_code": one.flannel.last_exit,
        "ready": not one.silent,
    }


def _memory_limit(spec: Object) -> str | None:
    limit: str | None = spec.get("resources", {}).get("limits", {}).get("memory")
    return limit


def _nic(host: hosts.Host, link: selection.Link) -> Object:
    return {
        "name": link.name,
        "ifindex": link.ifindex,
        "addresses": [f"{one.address}/{one.prefix}" for one in link.addresses],
        "up": link.up,
        "mtu": link.mtu,
        "master": host.slaves.get(link.name) or ("cni0" if link.name in host.veths else None),
    }


def _route(route: selection.Route) -> Object:
    found = {"dst": route.dst, "dev": route.dev}
    if route.gateway:
        found["gateway"] = route.gateway
    if route.prefsrc:
        found["prefsrc"] = route.prefsrc
    return found
