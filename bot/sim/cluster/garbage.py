"""The garbage collector: what has lost all its owners goes.

Controllers' own children go with their controllers here; this is for references that name an
owner without making it the controller. A reference to an owner that never was counts as lost.
"""

from __future__ import annotations

from typing import Any

from bot.sim.cluster import context, errors, resources, store

Object = dict[str, Any]
Key = tuple[str, str]

COLLECT = 0.5
"""Seconds until the collector has noticed."""


class Collector:
    """Looks after pods that are owned, and not controlled."""

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._by_owner: dict[str, set[Key]] = {}
        for pod in ctx.api.store.built("pods"):
            self._note(pod)

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        metadata = change.object["metadata"]
        if change.type == "DELETED":
            for key in self._by_owner.pop(metadata["uid"], ()):
                self._look(key)
        if change.resource != "pods":
            return
        key = (metadata["namespace"], metadata["name"])
        if change.type == "DELETED":
            for uid in _owners(change.object):
                self._by_owner.get(uid, set()).discard(key)
        elif change.type == "ADDED" and _owners(change.object):
            self._note(change.object)
            self._look(key)

    def _note(self, pod: Object) -> None:
        metadata = pod["metadata"]
        for uid in _owners(pod):
            self._by_owner.setdefault(uid, set()).add((metadata["namespace"], metadata["name"]))

    def _look(self, key: Key) -> None:
        self._ctx.clock.after(COLLECT, lambda: self._collect(key), what=f"garbage {key[1]}")

    def _collect(self, key: Key) -> None:
        pod = self._ctx.api.store.get("pods", *key)
        if pod is None or "deletionTimestamp" in pod["metadata"] or not _owners(pod):
            return
        references = pod["metadata"]["ownerReferences"]
        if any(self._lives(reference, key[0]) for reference in references):
            return
        try:
            self._ctx.api.delete("pods", *key, uid=pod["metadata"]["uid"])
        except errors.StatusError as refusal:
            if refusal.code not in {404, 409}:
                raise

    def _lives(self, reference: Object, namespace: str) -> bool:
        row = resources.BY_KIND.get(reference["kind"])
        if row is None:
            return True  # not a kind of this cluster: nothing is known of it
        place = namespace if row.namespaced else ""
        owner = self._ctx.api.store.get(row.plural, place, reference["name"])
        return owner is not None and owner["metadata"]["uid"] == reference["uid"]


def _owners(pod: Object) -> list[str]:
    """The uids of its owners, if none of them is its controller."""
    references = pod["metadata"].get("ownerReferences") or ()
    if any(one.get("controller") for one in references):
        return []
    return [str(one["uid"]) for one in references]
