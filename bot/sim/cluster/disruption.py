"""The disruption controller: how many pods of each PodDisruptionBudget may go now."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any

from bot.sim.cluster import context, errors, podstate, resources, selectors, store, timing

Object = dict[str, Any]

FORGET = 120.0
"""Seconds after which an eviction that has not led to a deletion no longer counts."""

COMPONENT = "controllermanager"

_BY_KIND = {row.kind: row for row in resources.ALL}


class Unscaled(Exception):
    """How many pods there should be cannot be told."""


def budgets_of(storage: store.Store, pod: Object) -> list[Object]:
    """The budgets that select a pod."""
    labels = pod["metadata"].get("labels") or {}
    return [
        budget
        for budget in storage.list("poddisruptionbudgets", pod["metadata"]["namespace"])
        if selectors.chosen(budget["spec"].get("selector"), labels)
    ]


class Disruptions:
    """Looks after every PodDisruptionBudget."""

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._queue = context.Queue(ctx.clock, self._sync, what="budget")
        for budget in ctx.api.store.list("poddisruptionbudgets"):
            self._queue.add(store.key_of(budget))

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        if change.resource == "poddisruptionbudgets":
            if change.type != "DELETED":
                self._queue.add(store.key_of(change.object))
        elif change.resource == "pods":
            for state in filter(None, (change.object, change.old)):
                for budget in budgets_of(self._ctx.api.store, state):
                    self._queue.add(store.key_of(budget))

    def _sync(self, key: Hashable) -> None:
        assert isinstance(key, tuple)
        budget = self._ctx.api.store.get("poddisruptionbudgets", *key)
        if budget is None:
            return
        pods = self._pods(budget)
        try:
            expected, desired = self._wanted(budget, pods)
        except Unscaled as failure:
            self._fail(budget, str(failure))
            return
        now = self._ctx.clock.now()
        disrupted = self._disrupted(budget, pods, now)
        healthy = sum(
            podstate.ready(pod)
            for pod in pods
            if not podstate.terminating(pod) and pod["metadata"]["name"] not in disrupted
        )
        allowed = max(0, healthy - desired) if expected > 0 else 0
        generation = budget["metadata"].get("generation", 1)
        status: Object = {
            "observedGeneration": generation,
            **({"disruptedPods": disrupted} if disrupted else {}),
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
            "conditions": [allowing(budget, allowed, now=timing.stamp(now), generation=generation)],
        }
        if disrupted:
            self._queue.add(key, after=FORGET)
        self._write(budget, status)

    def _pods(self, budget: Object) -> list[Object]:
        selector = budget["spec"].get("selector")
        return [
            pod
            for pod in self._ctx.api.store.list("pods", budget["metadata"]["namespace"])
            if selectors.chosen(selector, pod["metadata"].get("labels") or {})
        ]

    def _wanted(self, budget: Object, pods: list[Object]) -> tuple[int, int]:
        """How many pods there should be, and how many of them healthy."""
        spec = budget["spec"]
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if most is not None:
            expected = self._scale(pods)
            return expected, max(0, expected - podstate.scaled(most, expected, up=True))
        if isinstance(least, str):
            expected = self._scale(pods)
            return expected, podstate.scaled(least, expected, up=True)
        return len(pods), int(least or 0)

    def _scale(self, pods: list[Object]) -> int:
        """How many pods their controllers want together; bare pods are in nobody's count."""
        wanted: dict[str, int] = {}
        for pod in pods:
            reference = _controller(pod)
            if reference is None:
                continue
            owner = self._owner(reference, pod["metadata"]["namespace"])
            if owner is not None and reference["kind"] == "ReplicaSet":
                above = _controller(owner)
                if above is not None:
                    # A Deployment counts once, however many ReplicaSets it rolls through.
                    owner = self._owner(above, pod["metadata"]["namespace"])
            if owner is not None:
                wanted[owner["metadata"]["uid"]] = int(owner["spec"].get("replicas", 1))
        return sum(wanted.values())

    def _owner(self, reference: Object, namespace: str) -> Object | None:
        if reference["kind"] not in {"ReplicaSet", "Deployment"}:
            row = _BY_KIND.get(reference["kind"])
            plural = row.plural if row is not None else f"{reference['kind'].lower()}s"
            group = (
                reference["apiVersion"].partition("/")[0] if "/" in reference["apiVersion"] else ""
            )
            named = errors.qualified(plural, group)
            raise Unscaled(f"{named} does not implement the scale subresource")
        plural = _BY_KIND[reference["kind"]].plural
        owner = self._ctx.api.store.get(plural, namespace, reference["name"])
        return owner if owner and owner["metadata"]["uid"] == reference["uid"] else None

    def _disrupted(self, budget: Object, pods: list[Object], now: datetime) -> Object:
        """Those evicted a moment ago, whose deletion has not been seen yet."""
        there = {pod["metadata"]["name"] for pod in pods if not podstate.terminating(pod)}
        # Stamps have whole seconds only.
        patience = self._ctx.clock.wall(FORGET) + timedelta(seconds=1)
        return {
            name: since
            for name, since in (budget["status"].get("disruptedPods") or {}).items()
            if name in there and now - datetime.fromisoformat(since) < patience
        }

    def _fail(self, budget: Object, message: str) -> None:
        self._ctx.events.emit(
            budget,
            "CalculateExpectedPodCountFailed",
            f"Failed to calculate the number of expected pods: {message}",
            component=COMPONENT,
            kind="Warning",
        )
        condition = {
            "type": "DisruptionAllowed",
            "status": "False",
            "lastTransitionTime": timing.stamp(self._ctx.clock.now()),
            "reason": "SyncFailed",
            "message": message,
        }
        before = podstate.condition(budget, "DisruptionAllowed")
        if before.get("status") == "False":
            condition["lastTransitionTime"] = before["lastTransitionTime"]
        if "observedGeneration" in budget["status"]:
            condition["observedGeneration"] = budget["status"]["observedGeneration"]
        status = budget["status"] | {"disruptionsAllowed": 0, "conditions": [condition]}
        self._write(budget, status)

    def _write(self, budget: Object, status: Object) -> None:
        if status != budget["status"]:
            self._ctx.api.replace(
                "poddisruptionbudgets",
                *store.key_of(budget),
                budget | {"status": status},
                subresource="status",
            )


def allowing(budget: Object, allowed: int, *, now: str, generation: int) -> Object:
    """The condition that tells whether any pod may go."""
    state = "True" if allowed else "False"
    before = podstate.condition(budget, "DisruptionAllowed")
    return {
        "type": "DisruptionAllowed",
        "status": state,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"]
        if before.get("status") == state
        else now,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
    }


def _controller(obj: Object) -> Object | None:
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None
