"""The eviction subresource: a deletion that first asks the pod's PodDisruptionBudget.

Source: Kubernetes' registry/core/pod/storage/eviction.go, and its recorded answers.
"""

from __future__ import annotations

from typing import Any

from bot.sim.cluster import deletion, disruption, errors, podstate, registry, store

Object = dict[str, Any]

UNSEEN = 10
"""Seconds to wait for a budget that its controller has not looked at yet."""


def evict(
    api: registry.Registry, namespace: str, name: str, body: Object, *, dry_run: bool
) -> None:
    """Let a pod go, if its budget allows; a dry run asks and consumes nothing.

    Raises:
        errors.StatusError: 400, 404, 409 (preconditions), 429 (the budget), 500 (two budgets).
    """
    if (body.get("metadata") or {}).get("name") != name:
        raise errors.bad_request("name in URL does not match name in Eviction object")
    options = body.get("deleteOptions") or {}
    in_body = options.get("dryRun") == ["All"]
    if dry_run and options.get("dryRun") and not in_body:
        raise errors.bad_request("Non-matching dry-run options in request and content")
    dry_run = dry_run or in_body
    row, pod = api.row("pods"), api.get("pods", namespace, name)
    conditions = options.get("preconditions") or {}
    deletion.check_preconditions(
        row, pod, uid=conditions.get("uid"), resource_version=conditions.get("resourceVersion")
    )
    if not _past_disruption(pod):
        _consume(api, pod, dry_run=dry_run)
    if not dry_run and not podstate.terminating(pod):
        _mark(api, pod)
    api.delete(
        "pods",
        namespace,
        name,
        grace_seconds=options.get("gracePeriodSeconds"),
        uid=conditions.get("uid"),
        dry_run=dry_run,
    )


def _past_disruption(pod: Object) -> bool:
    """Whether nobody is disrupted by its end any more."""
    return podstate.over(pod) or podstate.terminating(pod) or pod["status"]["phase"] == "Pending"


def _consume(api: registry.Registry, pod: Object, *, dry_run: bool) -> None:
    budgets = disruption.budgets_of(api.store, pod)
    if not budgets:
        return
    if len(budgets) > 1:
        message = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
            "not support."
        )
        raise errors.StatusError(500, "", message)
    budget = budgets[0]
    status, name = budget["status"], budget["metadata"]["name"]
    if not podstate.ready(pod):
        # One that does not serve may go, if enough others do, or if the budget says so.
        enough = status["currentHealthy"] >= status["desiredHealthy"] > 0
        if enough or budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
            return
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
        why = f"The disruption budget {name} is still being processed by the server."
        raise _not_now(why, wait=UNSEEN)
    if status["disruptionsAllowed"] <= 0:
        raise _not_now(
            f"The disruption budget {name} needs {status['desiredHealthy']} healthy pods and has "
            f"{status['currentHealthy']} currently"
        )
    if dry_run:
        return
    left = status["disruptionsAllowed"] - 1
    generation = status["observedGeneration"]
    changed = {
        "disruptedPods": {**status.get("disruptedPods", {}), pod["metadata"]["name"]: api.now()},
        "disruptionsAllowed": left,
        "conditions": [disruption.allowing(budget, left, now=api.now(), generation=generation)],
    }
    api.replace(
        "poddisruptionbudgets",
        *store.key_of(budget),
        budget | {"status": status | changed},
        subresource="status",
    )


def _mark(api: registry.Registry, pod: Object) -> None:
    """Say on the pod why it goes."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": api.now(),
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    others = [
        one for one in pod["status"].get("conditions") or () if one["type"] != condition["type"]
    ]
    status = pod["status"] | {"conditions": [*others, condition]}
    api.replace("pods", *store.key_of(pod), pod | {"status": status}, subresource="status")


def _not_now(why: str, *, wait: int = 0) -> errors.StatusError:
    return errors.StatusError(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        details={
            "causes": [{"reason": "DisruptionBudget", "message": why}],
            **({"retryAfterSeconds": wait} if wait else {}),
        },
        headers={"Retry-After": str(wait)} if wait else {},
    )
