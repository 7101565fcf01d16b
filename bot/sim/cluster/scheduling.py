"""The scheduler: finds each new pod a node, or says why there is none."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bot.sim.cluster import context, errors, placement, podstate, store, timing

Object = dict[str, Any]

DECIDE = 0.1
"""Seconds a decision takes."""

RETRY = 10.0
"""Seconds after which a pod that found no node is looked at again without a reason."""


class Scheduler:
    """Binds pods of the default scheduler."""

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._rng = ctx.rng("scheduler")
        self._queue = context.Queue(ctx.clock, self._schedule, what="scheduling", delay=DECIDE)
        self._waiting: dict[tuple[str, str], None] = {}

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        if change.resource == "pods":
            metadata = change.object["metadata"]
            key = (metadata["namespace"], metadata["name"])
            if change.type == "DELETED" or change.object["spec"].get("nodeName"):
                self._waiting.pop(key, None)
                if change.type == "DELETED":
                    self._another_chance()
            elif change.type == "ADDED":
                self._queue.add(key)
        elif change.resource == "nodes" and (
            change.old is None or change.old["spec"] != change.object["spec"]
        ):
            self._another_chance()

    def _another_chance(self) -> None:
        for key in self._waiting:
            self._queue.add(key)

    def _schedule(self, key: object) -> None:
        assert isinstance(key, tuple)
        pod = self._ctx.api.store.get("pods", *key)
        if pod is None or pod["spec"].get("nodeName") or podstate.terminating(pod):
            self._waiting.pop(key, None)
            return
        if pod["spec"].get("schedulerName", "default-scheduler") != "default-scheduler":
            return
        nodes = self._ctx.api.store.list("nodes")
        target = placement.target(pod["spec"])
        refused: Counter[str] = Counter()
        fitting: list[Object] = []
        for node in nodes:
            name = node["metadata"]["name"]
            if target and name != target:
                refused["node(s) didn't satisfy plugin(s) [NodeAffinity]"] += 1
                continue
            why = self._refusals(pod["spec"], node)
            refused.update(why)
            if not why:
                fitting.append(node)
        if fitting:
            self._bind(pod, self._best(fitting))
            return
        self._waiting[key] = None
        self._complain(pod, len(nodes), refused)
        self._queue.add(key, after=RETRY)

    def _refusals(self, spec: Object, node: Object) -> list[str]:
        unschedulable = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        if node["spec"].get("unschedulable") and not any(
            placement.tolerates(one, unschedulable) for one in spec.get("tolerations") or ()
        ):
            return ["node(s) were unschedulable"]
        taint = placement.repelled(spec, node, effects=("NoSchedule", "NoExecute"))
        if taint is not None:
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
        if not placement.selected(spec, node):
            return ["node(s) didn't match Pod's node affinity/selector"]
        return placement.lacking(spec, node, self._ctx.index.asked_of(node["metadata"]["name"]))

    def _best(self, fitting: list[Object]) -> str:
        """One of those whose fullest resource is the least full."""
        shares = {str(node["metadata"]["name"]): self._fullness(node) for node in fitting}
        least = min(shares.values())
        return self._rng.choice([name for name, share in shares.items() if share == least])

    def _fullness(self, node: Object) -> float:
        asked = self._ctx.index.asked_of(node["metadata"]["name"])
        cpu, memory, pods = placement.allocatable(node)
        used = ((asked.cpu, cpu), (asked.memory, memory), (asked.pods, pods))
        return max(part / whole if whole else 1.0 for part, whole in used)

    def _bind(self, pod: Object, node: str) -> None:
        metadata = pod["metadata"]
        self._ctx.api.bind(metadata["namespace"], metadata["name"], node)
        self._ctx.events.emit(
            pod,
            "Scheduled",
            f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}",
            component="default-scheduler",
        )

    def _complain(self, pod: Object, total: int, refused: Counter[str]) -> None:
        message = unfit_message(total, refused)
        self._ctx.events.scheduling(pod, message)
        before = podstate.condition(pod, "PodScheduled")
        if before.get("message") == message:
            return
        condition = {
            "type": "PodScheduled",
            "observedGeneration": pod["metadata"].get("generation", 1),
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": before.get(
                "lastTransitionTime", timing.stamp(self._ctx.clock.now())
            ),
            "reason": "Unschedulable",
            "message": message,
        }
        others = [
            item for item in pod["status"].get("conditions") or () if item["type"] != "PodScheduled"
        ]
        metadata = pod["metadata"]
        try:
            self._ctx.api.patch(
                "pods",
                metadata["namespace"],
                metadata["name"],
                {"status": {"conditions": [condition, *others]}},
                kind="merge",
                subresource="status",
            )
        except errors.StatusError as refusal:
            if refusal.code != 404:
                raise


def unfit_message(total: int, refused: Counter[str]) -> str:
    """Why no node fits, in the scheduler's words."""
    if not total:
        return "no nodes available to schedule pods"
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in refused.items()))
    hopeless = sum(count for reason, count in refused.items() if not _preemptible(reason))
    victims = sum(count for reason, count in refused.items() if _preemptible(reason))
    ends = [
        *([f"{victims} No preemption victims found for incoming pod"] if victims else []),
        *([f"{hopeless} Preemption is not helpful for scheduling"] if hopeless else []),
    ]
    return (
        f"0/{total} nodes are available: {reasons}. no new claims to deallocate, preemption: "
        f"0/{total} nodes are available: {', '.join(sorted(ends))}."
    )


def _preemptible(reason: str) -> bool:
    return reason.startswith("Insufficient") or reason == "Too many pods"
