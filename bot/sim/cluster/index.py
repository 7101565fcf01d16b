"""Pods by their owner and by their node, and what they ask of it, kept from the store's changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import placement, podstate, store

Object = dict[str, Any]
Keys = dict[str, store.Key]
"""By the pod's uid."""


@dataclass(slots=True)
class Asked:
    """What the pods of one node ask of it together; those that have ended ask nothing."""

    pods: int = 0
    cpu: int = 0
    """Thousandths of a core."""
    memory: int = 0
    """Bytes."""

    def count(self, pod: Object, times: int) -> None:
        """Add a pod, or with -1 take it away."""
        if not podstate.over(pod):
            cpu, memory = placement.requests(pod["spec"])
            self.pods += times
            self.cpu += times * cpu
            self.memory += times * memory


class Index:
    """Answers that would otherwise need a walk over all pods.

    Only names are kept: the pods themselves are the store's.
    """

    def __init__(self, storage: store.Store) -> None:
        self._store = storage
        self._by_owner: dict[str, Keys] = {}
        self._by_node: dict[str, Keys] = {}
        self._asked: dict[str, Asked] = {}
        for pod in storage.list_at("pods", storage.revision):
            self._add(pod)
        self.unsubscribe = storage.subscribe(self._changed)

    def owned_by(self, uid: str) -> list[Object]:
        """The pods whose controller has this uid, oldest first."""
        return self._pods(self._by_owner.get(uid, {}))

    def on_node(self, name: str) -> list[Object]:
        """The pods bound to a node."""
        return self._pods(self._by_node.get(name, {}))

    def asked_of(self, name: str) -> Asked:
        """What the pods of a node ask of it."""
        return self._asked.get(name) or Asked()

    def _pods(self, keys: Keys) -> list[Object]:
        found = (self._store.get("pods", *key) for key in keys.values())
        return [pod for pod in found if pod is not None]

    def _changed(self, change: store.Change) -> None:
        if change.resource != "pods":
            return
        if change.old is not None:
            self._count(change.old, -1)
        if change.type == "DELETED":
            self._remove(change.object)
        else:
            if change.old is not None and owner_uid(change.old) != owner_uid(change.object):
                self._remove(change.old)
            self._add(change.object)

    def _add(self, pod: Object) -> None:
        uid, key = pod["metadata"]["uid"], store.key_of(pod)
        owner = owner_uid(pod)
        if owner:
            self._by_owner.setdefault(owner, {})[uid] = key
        node = pod["spec"].get("nodeName")
        if node:
            self._by_node.setdefault(node, {})[uid] = key
            self._count(pod, 1)

    def _count(self, pod: Object, times: int) -> None:
        node = pod["spec"].get("nodeName")
        if node:
            self._asked.setdefault(node, Asked()).count(pod, times)

    def _remove(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        for table, key in (
            (self._by_owner, owner_uid(pod)),
            (self._by_node, pod["spec"].get("nodeName", "")),
        ):
            pods = table.get(key)
            if pods is not None:
                pods.pop(uid, None)
                if not pods:
                    del table[key]


def owner_uid(obj: Object) -> str:
    """The uid of the controller that owns an object, or an empty text."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""
