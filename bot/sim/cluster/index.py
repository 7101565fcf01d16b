"""Pods by their owner and by their node, kept up to date from the store's changes."""

from __future__ import annotations

from typing import Any

from bot.sim.cluster import store

Object = dict[str, Any]


class Index:
    """Answers that would otherwise need a walk over all pods."""

    def __init__(self, storage: store.Store) -> None:
        self._by_owner: dict[str, dict[str, Object]] = {}
        self._by_node: dict[str, dict[str, Object]] = {}
        for pod in storage.list("pods"):
            self._add(pod)
        self.unsubscribe = storage.subscribe(self._changed)

    def owned_by(self, uid: str) -> list[Object]:
        """The pods whose controller has this uid, oldest first."""
        return list(self._by_owner.get(uid, {}).values())

    def on_node(self, name: str) -> list[Object]:
        """The pods bound to a node."""
        return list(self._by_node.get(name, {}).values())

    def _changed(self, change: store.Change) -> None:
        if change.resource != "pods":
            return
        if change.type == "DELETED":
            self._remove(change.object)
        else:
            if change.old is not None and owner_uid(change.old) != owner_uid(change.object):
                self._remove(change.old)
            self._add(change.object)

    def _add(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        owner = owner_uid(pod)
        if owner:
            self._by_owner.setdefault(owner, {})[uid] = pod
        node = pod["spec"].get("nodeName")
        if node:
            self._by_node.setdefault(node, {})[uid] = pod

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
