"""What is known of a cluster, and the snapshots made of it. No I/O.

Each kind has one dictionary that watches write to. A snapshot takes a copy only of those that
changed since the last one, so taking it costs nothing while the cluster is quiet, and objects
keep their identity for as long as nothing about them changes.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.adapters.cluster import kinds
from bot.domain import snapshot

_DEPARTED = 200
"""Objects shown once more: more than go between two snapshots, unless all go at once."""


class Shelf:
    """The objects of one kind, of all mirrored namespaces."""

    def __init__(self, kind: kinds.Kind) -> None:
        self.kind = kind
        self._objects: dict[kinds.Key, Any] = {}
        self._counts: dict[str, int] = {}
        self._view: Mapping[kinds.Key, Any] | None = None
        self._departed: tuple[Any, ...] = ()

    def get(self, key: kinds.Key) -> Any:  # noqa: ANN401
        """Return the object or None."""
        return self._objects.get(key)

    def put(self, namespace: str, key: kinds.Key, value: object) -> bool:
        """Keep an object; True if that changed anything, which a heartbeat does not."""
        old = self._objects.get(key)
        if old is not None:
            value = self.kind.follow(old, value)
        if old == value:
            return False
        self._mourn(old, value)
        if old is None:
            self._counts[namespace] = self._counts.get(namespace, 0) + 1
        self._objects[key] = value
        self._view = None
        return True

    def drop(self, namespace: str, key: kinds.Key) -> bool:
        """Forget an object; True if it was known."""
        old = self._objects.pop(key, None)
        if old is None:
            return False
        self._mourn(old, None)
        self._counts[namespace] -= 1
        self._view = None
        return True

    def replace(self, namespace: str, fresh: Mapping[kinds.Key, Any]) -> bool:
        """Make a namespace hold exactly that; True if that changed anything."""
        stale = [key for key in self.keys(namespace) if key not in fresh]
        changed = bool(stale)
        for key in stale:
            self._mourn(self._objects.pop(key), None)
        for key, value in fresh.items():
            old = self._objects.get(key)
            if old is not value:
                self._mourn(old, value)
                self._objects[key] = value
                changed = True
        self._counts[namespace] = len(fresh)
        if changed:
            self._view = None
        return changed

    def keys(self, namespace: str) -> list[kinds.Key]:
        """Return the keys of a namespace's objects."""
        if not self.kind.namespaced:
            return list(self._objects)
        return [key for key in self._objects if isinstance(key, tuple) and key[0] == namespace]

    def count(self, namespace: str) -> int:
        """Return how many objects a namespace has."""
        return self._counts.get(namespace, 0)

    @property
    def departed(self) -> tuple[Any, ...]:
        """The last of those that went and are to be shown once more, oldest first."""
        return self._departed

    def _mourn(self, before: Any, after: Any) -> None:  # noqa: ANN401
        if before is not None and self.kind.mourned(before, after):
            self._departed = (*self._departed, before)[-_DEPARTED:]

    def view(self) -> Mapping[kinds.Key, Any]:
        """Return all objects, frozen; the same mapping until something changes."""
        if self._view is None:
            self._view = MappingProxyType(self._objects.copy())
        return self._view


class Shelves:
    """All kinds of one cluster."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._shelves = {kind.resource: Shelf(kind) for kind in kinds.ALL}

    def of(self, kind: kinds.Kind) -> Shelf:
        """Return one kind's objects."""
        return self._shelves[kind.resource]

    def snapshot(self, *, taken_at: datetime, gaps: tuple[snapshot.Gap, ...]) -> snapshot.Snapshot:
        """Return everything, as it is now."""
        views: dict[str, Mapping[Any, Any]] = {
            resource: shelf.view() for resource, shelf in self._shelves.items()
        }
        return snapshot.Snapshot(
            cluster=self._cluster,
            taken_at=taken_at,
            nodes=views["nodes"],
            pods=views["pods"],
            daemonsets=views["daemonsets"],
            deployments=views["deployments"],
            revisions=views["controllerrevisions"],
            gaps=gaps,
            departed=self._shelves["pods"].departed,
        )
