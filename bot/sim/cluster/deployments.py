"""The Deployment controller: ReplicaSets by template, rolling updates, two conditions.

Rolling is plain: the new ReplicaSet grows within maxSurge, the old ones shrink as far as
maxUnavailable allows, unavailable pods first.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any

from bot.sim.cluster import context, names, podstate, store, timing

Object = dict[str, Any]

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
COMPONENT = "deployment-controller"


class Deployments:
    """Looks after every Deployment."""

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._queue = context.Queue(ctx.clock, self._sync, what="deployment")

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        metadata = change.object["metadata"]
        if change.resource == "deployments":
            if change.type == "DELETED":
                self._orphans(change.object)
            else:
                self._queue.add((metadata["namespace"], metadata["name"]))
        elif change.resource == "replicasets":
            for reference in metadata.get("ownerReferences") or ():
                if reference["kind"] == "Deployment":
                    self._queue.add((metadata["namespace"], reference["name"]))

    def _orphans(self, deployment: Object) -> None:
        def collect() -> None:
            for one in self._replicasets(deployment):
                metadata = one["metadata"]
                self._ctx.api.delete("replicasets", metadata["namespace"], metadata["name"])

        self._ctx.clock.after(0.5, collect, what=f"orphans of {deployment['metadata']['name']}")

    def _replicasets(self, deployment: Object) -> list[Object]:
        uid = deployment["metadata"]["uid"]
        return [
            one
            for one in self._ctx.api.store.list("replicasets", deployment["metadata"]["namespace"])
            if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences") or ())
        ]

    def _sync(self, key: Hashable) -> None:
        assert isinstance(key, tuple)
        deployment = self._ctx.api.store.get("deployments", *key)
        if deployment is None or podstate.terminating(deployment):
            return
        new = self._current(deployment)
        deployment = self._counted(deployment, new)
        old = [
            one
            for one in self._replicasets(deployment)
            if one["metadata"]["name"] != new["metadata"]["name"]
        ]
        self._roll(deployment, new, old)
        self._write_status(key, new["metadata"]["name"])

    def _current(self, deployment: Object) -> Object:
        """The ReplicaSet of the present template, made if there is none.

        One that had been used before becomes the newest revision.
        """
        template = deployment["spec"]["template"]
        digest = names.safe_hash(template)
        known = self._replicasets(deployment)
        number = max(map(_revision, known), default=0)
        for one in known:
            if one["metadata"]["labels"].get(HASH) == digest:
                return one if _revision(one) == number else self._numbered(one, number + 1)
        number += 1
        return self._ctx.api.create(
            "replicasets",
            deployment["metadata"]["namespace"],
            new_replicaset(deployment, number=number, replicas=0),
        )

    def _counted(self, deployment: Object, new: Object) -> Object:
        if _revision(deployment) == _revision(new):
            return deployment
        return self._numbered(deployment, _revision(new))

    def _numbered(self, obj: Object, number: int) -> Object:
        plural = "replicasets" if obj["kind"] == "ReplicaSet" else "deployments"
        change = {"metadata": {"annotations": {REVISION: str(number)}}}
        return self._ctx.api.patch(plural, *store.key_of(obj), change, kind="merge")

    def _roll(self, deployment: Object, new: Object, old: list[Object]) -> None:
        spec = deployment["spec"]
        wanted = int(spec["replicas"])
        rolling = spec["strategy"].get("rollingUpdate") or {}
        surge = podstate.scaled(rolling.get("maxSurge", 0), wanted, up=True)
        slack = podstate.scaled(rolling.get("maxUnavailable", 0), wanted, up=False)
        total = sum(int(one["spec"]["replicas"]) for one in (new, *old))
        present = int(new["spec"]["replicas"])
        if spec["strategy"]["type"] == "Recreate" and any(
            one["status"].get("replicas") for one in old
        ):
            room = 0
        elif old and total > present:
            room = max(0, min(wanted - present, wanted + max(surge, 1 - slack) - total))
        else:
            room = wanted - present
        if room:
            self._scale(deployment, new, present + room)
        available = sum(int(one["status"].get("availableReplicas", 0)) for one in (new, *old))
        spare = available - (wanted - slack)
        for one in old:
            count = int(one["spec"]["replicas"])
            broken = count - int(one["status"].get("availableReplicas", 0))
            going = min(count, broken + max(0, spare))
            if spec["strategy"]["type"] == "Recreate":
                going = count
            spare -= max(0, going - broken)
            if going:
                self._scale(deployment, one, count - going)

    def _scale(self, deployment: Object, replicaset: Object, replicas: int) -> None:
        metadata = replicaset["metadata"]
        before = int(replicaset["spec"]["replicas"])
        self._ctx.api.patch(
            "replicasets",
            metadata["namespace"],
            metadata["name"],
            {"spec": {"replicas": replicas}},
            kind="merge",
        )
        word = "up" if replicas > before else "down"
        self._ctx.events.emit(
            deployment,
            "ScalingReplicaSet",
            f"Scaled {word} replica set {metadata['name']} from {before} to {replicas}",
            component=COMPONENT,
        )

    def _write_status(self, key: tuple[str, str], new_name: str) -> None:
        deployment = self._ctx.api.get("deployments", *key)
        known = self._replicasets(deployment)
        new = next(one for one in known if one["metadata"]["name"] == new_name)
        now = self._ctx.clock.now()
        status = summary(
            deployment,
            new,
            known,
            now=now,
            deadline=self._ctx.clock.wall(deployment["spec"]["progressDeadlineSeconds"]),
        )
        progressing = podstate.condition({"status": status}, "Progressing")
        if progressing.get("reason") == "ReplicaSetUpdated":
            self._queue.add(key, after=30.0)
        if status != deployment.get("status"):
            self._ctx.api.replace(
                "deployments", *key, deployment | {"status": status}, subresource="status"
            )


def _revision(obj: Object) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def new_replicaset(deployment: Object, *, number: int, replicas: int) -> Object:
    """The ReplicaSet of a Deployment's present template."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    digest = names.safe_hash(spec["template"])
    labels = {**((spec["template"].get("metadata") or {}).get("labels") or {}), HASH: digest}
    template = {
        **spec["template"],
        "metadata": {**(spec["template"].get("metadata") or {}), "labels": labels},
    }
    return {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/desired-replicas": str(spec["replicas"]),
                REVISION: str(number),
            },
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {**spec["selector"].get("matchLabels", {}), HASH: digest}},
            "template": template,
        },
    }


def summary(
    deployment: Object, new: Object, known: list[Object], *, now: datetime, deadline: timedelta
) -> Object:
    """The status to write; numbers are absent while they are zero."""

    def total(field: str) -> int:
        return sum(int(one["status"].get(field, 0)) for one in known)

    spec = deployment["spec"]
    wanted = int(spec["replicas"])
    rolling = spec["strategy"].get("rollingUpdate") or {}
    slack = podstate.scaled(rolling.get("maxUnavailable", 0), wanted, up=False)
    available = total("availableReplicas")
    numbers = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": total("replicas"),
        "updatedReplicas": int(new["status"].get("replicas", 0)),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }
    name = new["metadata"]["name"]
    enough = available >= wanted - slack
    conditions = [
        _condition(
            deployment,
            "Available",
            "True" if enough else "False",
            "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            "Deployment has minimum availability."
            if enough
            else "Deployment does not have minimum availability.",
            now=now,
        )
    ]
    complete = numbers["updatedReplicas"] == wanted == numbers["replicas"] == available
    before = podstate.condition(deployment, "Progressing")
    if complete:
        progress = (
            "True",
            "NewReplicaSetAvailable",
            f'ReplicaSet "{name}" has successfully progressed.',
        )
    elif before.get("reason") == "NewReplicaSetAvailable" and f'"{name}"' in before["message"]:
        # Once complete, a later loss of pods is no lack of progress.
        progress = (before["status"], before["reason"], before["message"])
    elif _timed_out(before, now=now, deadline=deadline):
        progress = (
            "False",
            "ProgressDeadlineExceeded",
            f'ReplicaSet "{name}" has timed out progressing.',
        )
    else:
        progress = ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    conditions.append(_condition(deployment, "Progressing", *progress, now=now))
    return {field: value for field, value in numbers.items() if value} | {"conditions": conditions}


def _timed_out(before: Object, *, now: datetime, deadline: timedelta) -> bool:
    if before.get("reason") == "ProgressDeadlineExceeded":
        return True
    if before.get("reason") != "ReplicaSetUpdated":
        return False
    return now - datetime.fromisoformat(before["lastUpdateTime"]) > deadline


def _condition(
    deployment: Object, kind: str, status: str, reason: str, message: str, *, now: datetime
) -> Object:
    before = podstate.condition(deployment, kind)
    stamp = timing.stamp(now)
    same = before.get("status") == status
    unchanged = same and before.get("reason") == reason and before.get("message") == message
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": before["lastUpdateTime"] if unchanged else stamp,
        "lastTransitionTime": before["lastTransitionTime"] if same else stamp,
        "reason": reason,
        "message": message,
    }
