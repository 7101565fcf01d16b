"""The ReplicaSet controller: as many pods as wanted."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from bot.sim.cluster import context, podstate, store

Object = dict[str, Any]

COMPONENT = "replicaset-controller"


class ReplicaSets:
    """Looks after every ReplicaSet."""

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._queue = context.Queue(ctx.clock, self._sync, what="replicaset")

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        metadata = change.object["metadata"]
        if change.resource == "replicasets":
            if change.type == "DELETED":
                self._orphans(change.object)
            else:
                self._queue.add((metadata["namespace"], metadata["name"]))
        elif change.resource == "pods":
            for reference in metadata.get("ownerReferences") or ():
                if reference["kind"] == "ReplicaSet":
                    self._queue.add((metadata["namespace"], reference["name"]))

    def _orphans(self, replicaset: Object) -> None:
        def collect() -> None:
            for pod in self._ctx.index.owned_by(replicaset["metadata"]["uid"]):
                if not podstate.terminating(pod):
                    metadata = pod["metadata"]
                    self._ctx.api.delete("pods", metadata["namespace"], metadata["name"])

        self._ctx.clock.after(0.5, collect, what=f"orphans of {replicaset['metadata']['name']}")

    def _sync(self, key: Hashable) -> None:
        assert isinstance(key, tuple)
        replicaset = self._ctx.api.store.get("replicasets", *key)
        if replicaset is None or podstate.terminating(replicaset):
            return
        alive = self._alive(replicaset)
        wanted = int(replicaset["spec"]["replicas"])
        for _ in range(wanted - len(alive)):
            pod = self._ctx.api.create("pods", key[0], new_pod(replicaset))
            self._tell(replicaset, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        for pod in sorted(alive, key=_worth)[: max(0, len(alive) - wanted)]:
            metadata = pod["metadata"]
            self._ctx.api.delete("pods", key[0], metadata["name"], uid=metadata["uid"])
            self._tell(replicaset, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")
        self._write_status(key, alive if len(alive) == wanted else None)

    def _alive(self, replicaset: Object) -> list[Object]:
        return [
            pod
            for pod in self._ctx.index.owned_by(replicaset["metadata"]["uid"])
            if not podstate.terminating(pod) and not podstate.over(pod)
        ]

    def _write_status(self, key: tuple[str, str], alive: list[Object] | None) -> None:
        """Write it, from the pods alive if they are known by now."""
        replicaset = self._ctx.api.get("replicasets", *key)
        if alive is None:
            alive = self._alive(replicaset)
        now = self._ctx.clock.now()
        patience = self._ctx.clock.real(replicaset["spec"].get("minReadySeconds", 0))
        ready = sum(podstate.ready(pod) for pod in alive)
        available = sum(
            podstate.available(pod, min_ready_seconds=patience, now=now) for pod in alive
        )
        if ready > available:
            self._queue.add(key, after=replicaset["spec"]["minReadySeconds"])
        status: Object = {"replicas": len(alive)}
        optional = {
            "fullyLabeledReplicas": len(alive),
            "readyReplicas": ready,
            "availableReplicas": available,
            "observedGeneration": replicaset["metadata"].get("generation", 1),
        }
        status |= {name: value for name, value in optional.items() if value}
        if status != replicaset.get("status"):
            self._ctx.api.replace(
                "replicasets", *key, replicaset | {"status": status}, subresource="status"
            )

    def _tell(self, replicaset: Object, reason: str, message: str) -> None:
        self._ctx.events.emit(replicaset, reason, message, component=COMPONENT)


def new_pod(replicaset: Object) -> Object:
    """The pod to create as one more of a ReplicaSet's."""
    metadata, template = replicaset["metadata"], replicaset["spec"]["template"]
    of_template = template.get("metadata") or {}
    pod_metadata: Object = {
        "generateName": f"{metadata['name']}-",
        "labels": dict(of_template.get("labels") or {}),
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if of_template.get("annotations"):
        pod_metadata["annotations"] = of_template["annotations"]
    return {"metadata": pod_metadata, "spec": template["spec"]}


def _worth(pod: Object) -> tuple[bool, bool, str]:
    """Those that go first sort first: unplaced, not ready, young."""
    age = "".join(chr(0x10FFFF - ord(char)) for char in pod["metadata"]["creationTimestamp"])
    return (bool(pod["spec"].get("nodeName")), podstate.ready(pod), age)
