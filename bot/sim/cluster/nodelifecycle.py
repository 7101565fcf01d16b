"""The node controllers: pod CIDRs, taints, silent kubelets, pods of nodes that are gone."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Mapping
from typing import Any

from bot.sim.cluster import context, errors, kubelet, load, placement, podstate, store, timing

Object = dict[str, Any]

GRACE = 50.0
"""Seconds of silence after which a node counts as unknown (node-monitor-grace-period)."""

MONITOR = 5.0
"""Seconds between two looks at all kubelets."""

EXECUTE = 0.25
"""Seconds from a look that finds a node down, or up again, to its NoExecute taint."""

EVICT = 300.0
"""Seconds a pod stays on an unreachable node by the toleration admission gives it."""

ORPHANED = 40.0
"""Seconds after which pods of a node that is gone are removed."""

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
_OURS = {UNSCHEDULABLE, NOT_READY, UNREACHABLE}


class NodeLifecycle:
    """Looks after every Node."""

    def __init__(
        self,
        ctx: context.Context,
        *,
        kubelets: Mapping[str, kubelet.Kubelet],
        burden: load.Load,
        pod_network: str,
    ) -> None:
        self._ctx = ctx
        self._kubelets = kubelets
        self._burden = burden
        self._network = ipaddress.IPv4Network(pod_network)
        self._queue = context.Queue(ctx.clock, self._sync, what="node")
        self._round = context.Queue(ctx.clock, self._execute, what="node taints", delay=EXECUTE)
        self._turned: set[str] = set()
        self._evictions: dict[str, timing.Timer] = {}

    def start(self) -> None:
        """Begin to watch for silence."""
        self._ctx.clock.every(MONITOR, self._monitor, what="node monitor")

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        if change.resource != "nodes":
            return
        name = change.object["metadata"]["name"]
        if change.type == "DELETED":
            self._burden.set_nodes(self._burden.nodes - 1)
            self._ctx.clock.after(
                ORPHANED, lambda: self._collect(name), what=f"orphans of node {name}"
            )
            return
        if change.old is None:
            self._burden.set_nodes(self._burden.nodes + 1)
        if change.old is None or _telling(change.old) != _telling(change.object):
            self._queue.add(name)

    def _monitor(self) -> None:
        now = self._ctx.clock.elapsed()
        for name, one in self._kubelets.items():
            if one.silent and now - one.contact >= GRACE:
                self._lost(name)
        for name in self._turned:
            self._round.add(name)
        self._turned.clear()

    def _lost(self, name: str) -> None:
        """Turn all conditions of a silent node Unknown, but for the network's."""
        node = self._ctx.api.store.get("nodes", "", name)
        if node is None or podstate.condition(node, "Ready").get("status") == "Unknown":
            return
        now = timing.stamp(self._ctx.clock.now())
        unknown = [
            {
                **item,
                "status": "Unknown",
                "lastTransitionTime": now,
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
            }
            for item in node["status"]["conditions"]
            if item["type"] != "NetworkUnavailable"
        ]
        self._ctx.api.patch(
            "nodes",
            "",
            name,
            {"status": {"conditions": unknown}},
            kind="strategic",
            subresource="status",
        )
        self._ctx.events.emit(
            node,
            "NodeNotReady",
            f"Node {name} status is now: NodeNotReady",
            component="node-controller",
        )
        for pod in self._ctx.index.on_node(name):
            self._mark_not_ready(pod, now)
        self._round.add(name)

    def _mark_not_ready(self, pod: Object, now: str) -> None:
        if not podstate.ready(pod):
            return
        conditions = [
            {**item, "status": "False", "lastTransitionTime": now}
            if item["type"] == "Ready"
            else item
            for item in pod["status"]["conditions"]
        ]
        metadata = pod["metadata"]
        self._ctx.api.patch(
            "pods",
            metadata["namespace"],
            metadata["name"],
            {"status": {"conditions": conditions}},
            kind="merge",
            subresource="status",
        )
        self._ctx.events.emit(
            pod, "NodeNotReady", "Node is not ready", component="node-controller", kind="Warning"
        )

    def _sync(self, key: Hashable) -> None:
        name = str(key)
        node = self._ctx.api.store.get("nodes", "", name)
        if node is None:
            return
        if not node["spec"].get("podCIDR"):
            self._allocate(name)
            return
        self._write_taints(node, "NoSchedule")
        if not _settled(node, "NoExecute"):
            # Those that drive pods away wait for the next look at all nodes.
            self._turned.add(name)

    def _execute(self, key: Hashable) -> None:
        """Write what drives pods away."""
        name = str(key)
        node = self._ctx.api.store.get("nodes", "", name)
        if node is not None:
            self._write_taints(node, "NoExecute")
            unreachable = (UNREACHABLE, "NoExecute") in _taints(node)
            self._plan_eviction(name, unreachable=unreachable)

    def _write_taints(self, node: Object, effect: str) -> None:
        """Bring our taints of one effect up to date."""
        if _settled(node, effect):
            return
        name = node["metadata"]["name"]
        present, wanted = _ours(node, effect), _wanted(node, effect)
        if UNREACHABLE in present and UNREACHABLE not in wanted and effect == "NoSchedule":
            self._ctx.events.emit(
                node,
                "NodeReady",
                f"Node {name} status is now: NodeReady",
                component="kubelet",
                host=name,
            )
        now = timing.stamp(self._ctx.clock.now())
        everything = node["spec"].get("taints") or ()
        taints = [one for one in everything if one not in present.values()]
        for key in wanted:
            fresh = {"key": key, "effect": effect, "timeAdded": now}
            taints.append(present.get(key, fresh))
        self._ctx.api.patch("nodes", "", name, {"spec": {"taints": taints or None}}, kind="merge")

    def _plan_eviction(self, name: str, *, unreachable: bool) -> None:
        timer = self._evictions.get(name)
        if unreachable and timer is None:
            self._evictions[name] = self._ctx.clock.after(
                EVICT, lambda: self._evict(name), what=f"eviction from {name}"
            )
        elif not unreachable and timer is not None:
            timer.cancel()
            del self._evictions[name]

    def _evict(self, name: str) -> None:
        node = self._ctx.api.store.get("nodes", "", name)
        for pod in self._ctx.index.on_node(name):
            if node is None or podstate.terminating(pod):
                continue
            spec = pod["spec"]
            lasting = [
                one for one in spec.get("tolerations") or () if "tolerationSeconds" not in one
            ]
            mirror = kubelet.MIRROR in (pod["metadata"].get("annotations") or {})
            repelled = placement.repelled(
                {**spec, "tolerations": lasting}, node, effects=("NoExecute",)
            )
            if repelled is not None and not mirror:
                metadata = pod["metadata"]
                self._ctx.api.delete("pods", metadata["namespace"], metadata["name"])
                self._ctx.events.emit(
                    pod,
                    "TaintManagerEviction",
                    f"Marking for deletion Pod {metadata['namespace']}/{metadata['name']}",
                    component="taint-eviction-controller",
                )

    def _allocate(self, name: str) -> None:
        taken = {
            node["spec"].get("podCIDR")
            for node in self._ctx.api.store.list("nodes")
            if node["spec"].get("podCIDR")
        }
        for block in self._network.subnets(new_prefix=24):
            if str(block) not in taken:
                cidr = str(block)
                self._ctx.api.patch(
                    "nodes",
                    "",
                    name,
                    {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}},
                    kind="merge",
                )
                return
        node = self._ctx.api.get("nodes", "", name)
        self._ctx.events.emit(
            node,
            "CIDRNotAvailable",
            f"Node {name} status is now: CIDRNotAvailable",
            component="cidrAllocator",
        )

    def _collect(self, name: str) -> None:
        if self._ctx.api.store.get("nodes", "", name) is not None:
            return
        for pod in self._ctx.index.on_node(name):
            metadata = pod["metadata"]
            try:
                self._ctx.api.delete(
                    "pods", metadata["namespace"], metadata["name"], grace_seconds=0
                )
            except errors.StatusError as refusal:
                if refusal.code != 404:
                    raise


def _telling(node: Object) -> tuple[object, ...]:
    """What of a node decides its taints and addresses; heartbeats are not among it."""
    return (
        podstate.condition(node, "Ready").get("status"),
        node["spec"].get("unschedulable"),
        node["spec"].get("taints"),
        node["spec"].get("podCIDR"),
    )


def _ours(node: Object, effect: str) -> dict[str, Object]:
    """The taints of one effect that are the controllers' own, by key."""
    return {
        one["key"]: one
        for one in node["spec"].get("taints") or ()
        if one["key"] in _OURS and one["effect"] == effect
    }


def _wanted(node: Object, effect: str) -> list[str]:
    return [key for key, of in _taints(node) if of == effect]


def _settled(node: Object, effect: str) -> bool:
    return set(_ours(node, effect)) == set(_wanted(node, effect))


def _taints(node: Object) -> list[tuple[str, str]]:
    ready = podstate.condition(node, "Ready").get("status", "Unknown")
    found = [(UNSCHEDULABLE, "NoSchedule")] if node["spec"].get("unschedulable") else []
    key = {"Unknown": UNREACHABLE, "False": NOT_READY}.get(ready)
    if key:
        found += [(key, "NoSchedule"), (key, "NoExecute")]
    return found
