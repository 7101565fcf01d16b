"""The memory of the simulated API server: objects, revisions and what happened lately.

Stands where etcd and the watch cache stand in a real control plane. It knows nothing of
kinds, defaults or HTTP. Stored objects are plain dicts and are never changed in place:
a write stores another dict, so a reader may keep what it was given. Of objects that come in tens
of thousands and are hardly ever looked at, what they are built from can be kept instead.
"""

import bisect
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, overload

Object = dict[str, Any]
Objects = list[Object]
Key = tuple[str, str]


class Compacted(Exception):
    """The window no longer reaches back to the asked revision."""

    def __init__(self, *, asked: int, oldest: int) -> None:
        super().__init__(f"revision {asked} is gone, the window begins at {oldest}")
        self.asked = asked
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Change:
    """One write, as every watcher of its resource gets to know it."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    """The plural, e.g. `pods`."""
    object: Object
    """The new state; for DELETED the last state, with the new resourceVersion."""
    old: Object | None
    revision: int


Changes = list[Change]


class Latent(Protocol):
    """A state that is built whenever somebody asks for it, each time the same."""

    @property
    def key(self) -> Key:
        """Namespace and name of the object."""

    @property
    def node(self) -> str:
        """The node it is on."""

    def built(self) -> Object:
        """The object; the caller's own."""


class Listing(Sequence[Object]):
    """Objects in order; a latent one is built when it is reached, and not kept."""

    def __init__(self, held: Sequence[Object | Latent]) -> None:
        self._held = held

    def __len__(self) -> int:
        return len(self._held)

    @overload
    def __getitem__(self, place: int) -> Object: ...

    @overload
    def __getitem__(self, place: slice) -> Objects: ...

    def __getitem__(self, place: int | slice) -> Object | Objects:
        if isinstance(place, slice):
            return [_object(held) for held in self._held[place]]
        return _object(self._held[place])

    def __iter__(self) -> Iterator[Object]:
        return map(_object, self._held)


def _object(held: Object | Latent) -> Object:
    return held if isinstance(held, dict) else held.built()


def _node(held: Object | Latent) -> str:
    """The node that an object is on, by its spec; most objects are on none."""
    if isinstance(held, dict):
        spec = held.get("spec")
        return str(spec.get("nodeName", "")) if isinstance(spec, dict) else ""
    return held.node


def key_of(obj: Object) -> Key:
    """Namespace (empty for cluster-scoped objects) and name."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _range(keys: list[Key], namespace: str | None, after: Key | None) -> tuple[int, int]:
    """Where in sorted keys those of a namespace (None: all) behind a key begin and end."""
    begin, end = 0, len(keys)
    if namespace is not None:
        begin = bisect.bisect_left(keys, (namespace, ""))
        end = bisect.bisect_left(keys, (namespace + "\0", ""))
    if after is not None:
        begin = max(begin, bisect.bisect_right(keys, after))
    return begin, max(begin, end)


class Store:
    """Objects by resource, namespace and name, with one revision counter for all.

    Single-threaded: everything happens synchronously on one event loop.

    Args:
        revision: where the counter begins.
        window: how many changes of one resource are remembered for watches and exact reads.
            Older ones are answered with `Compacted`.
    """

    def __init__(self, *, revision: int = 1, window: int = 4096) -> None:
        self.revision = revision
        self._window = window
        self._objects: dict[str, dict[Key, Object | Latent]] = {}
        self._keys: dict[str, list[Key]] = {}
        self._on_node: dict[tuple[str, str], set[Key]] = {}
        self._history: dict[str, deque[Change]] = {}
        self._forgotten: dict[str, int] = {}
        self._floor = 0
        self._subscribers: list[Callable[[Change], None]] = []
        self._undelivered: deque[Change] = deque()
        self._delivering = False

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """One object, or None. `namespace` is empty for cluster-scoped resources."""
        held = self._objects.get(resource, {}).get((namespace, name))
        return None if held is None else _object(held)

    def holds(self, resource: str, latent: Latent) -> bool:
        """Whether this very latent state is still the object's present one."""
        return self._objects.get(resource, {}).get(latent.key) is latent

    def built(self, resource: str) -> Objects:
        """All objects but the latent ones, in order."""
        objects = self._objects.get(resource, {})
        states = (objects[key] for key in self._keys.get(resource, ()))
        return [state for state in states if isinstance(state, dict)]

    def list(self, resource: str, namespace: str | None = None) -> Objects:
        """All objects of a resource, or of one namespace, sorted by namespace and name."""
        objects = self._objects.get(resource)
        if not objects:
            return []
        begin, end = _range(self._keys[resource], namespace, None)
        return [_object(objects[key]) for key in self._keys[resource][begin:end]]

    def list_at(
        self,
        resource: str,
        revision: int,
        namespace: str | None = None,
        *,
        after: Key | None = None,
        node: str | None = None,
    ) -> Listing:
        """What `list` answered at a revision of the past, from behind a key on.

        Args:
            resource: the plural.
            revision: of the past, or the present one.
            namespace: None for all.
            after: where to begin.
            node: present objects of other nodes are left out; former ones may be among those told.

        Raises:
            Compacted: the window does not reach back so far.
        """
        objects = self._objects.get(resource, {})
        # Only what has changed since is put back: a page of a long list costs no copy of it all.
        changed = {
            key_of(change.object): change.old
            for change in reversed(self.history(resource, revision))
        }
        keys = self._keys.get(resource, [])
        if node is not None:
            keys = sorted(self._on_node.get((resource, node), ()))
        begin, end = _range(keys, namespace, after)
        keys = keys[begin:end]
        if changed:
            unchanged = [key for key in keys if key not in changed]
            former = sorted(key for key, old in changed.items() if old is not None)
            begin, end = _range(former, namespace, after)
            keys = sorted([*unchanged, *former[begin:end]])
        return Listing([changed.get(key) or objects[key] for key in keys])

    def next_revision(self) -> int:
        """The revision the next write will have, for the writer to stamp on its object."""
        return self.revision + 1

    def put(self, resource: str, obj: Object | Latent) -> Change:
        """Store a new state; its `metadata.resourceVersion` must be `next_revision()`."""
        key = key_of(obj) if isinstance(obj, dict) else obj.key
        old = self.get(resource, *key)
        self._keep(resource, key, obj)
        kind: Literal["ADDED", "MODIFIED"] = "ADDED" if old is None else "MODIFIED"
        return self._record(kind, resource, _object(obj), old)

    def found(self, resource: str, latent: Latent) -> None:
        """Keep an object that has been there since before the store began to remember.

        It counts a revision, but nobody is told.
        """
        self._keep(resource, latent.key, latent)
        self.revision += 1
        self._forgotten[resource] = self.revision

    def _keep(self, resource: str, key: Key, state: Object | Latent) -> None:
        objects = self._objects.setdefault(resource, {})
        if key not in objects:
            bisect.insort(self._keys.setdefault(resource, []), key)
        before = _node(objects[key]) if key in objects else ""
        objects[key] = state
        self._place(resource, key, before=before, now=_node(state))

    def _place(self, resource: str, key: Key, *, before: str, now: str) -> None:
        """Note on which node an object is, if on any."""
        if before and before != now:
            self._on_node[resource, before].discard(key)
        if now:
            self._on_node.setdefault((resource, now), set()).add(key)

    def remove(self, resource: str, last: Object) -> Change:
        """Forget an object; `last` is its last state, stamped with `next_revision()`."""
        key = key_of(last)
        old = _object(self._objects[resource].pop(key))
        self._place(resource, key, before=_node(old), now="")
        keys = self._keys[resource]
        del keys[bisect.bisect_left(keys, key)]
        return self._record("DELETED", resource, last, old)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on every change, in order; returns the way to stop it.

        A callback may write: its change is delivered after the present one has reached
        everybody, so all subscribers see the same order.
        """
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def history(self, resource: str, after: int) -> Changes:
        """The changes of a resource later than a revision, oldest first.

        Raises:
            Compacted: some of them are no longer known.
        """
        oldest = self.oldest(resource)
        if after < oldest:
            raise Compacted(asked=after, oldest=oldest)
        found: Changes = []
        for change in reversed(self._history.get(resource, ())):
            if change.revision <= after:
                break
            found.append(change)
        found.reverse()
        return found

    def oldest(self, resource: str) -> int:
        """The lowest revision from which a watch of this resource can still be resumed."""
        return max(self._floor, self._forgotten.get(resource, 0))

    def compact(self, revision: int, *, resource: str | None = None) -> None:
        """Forget the changes up to and including a revision, as a restarted server has.

        Args:
            revision: watches from an earlier one are answered with `Compacted` from now on.
            resource: only this one; by default all.
        """
        revision = min(revision, self.revision)
        if resource is None:
            self._floor = max(self._floor, revision)
        else:
            self._forgotten[resource] = max(self._forgotten.get(resource, 0), revision)
        for plural, changes in self._history.items():
            while changes and changes[0].revision <= self.oldest(plural):
                changes.popleft()

    def _record(
        self,
        kind: Literal["ADDED", "MODIFIED", "DELETED"],
        resource: str,
        obj: Object,
        old: Object | None,
    ) -> Change:
        self.revision += 1
        change = Change(type=kind, resource=resource, object=obj, old=old, revision=self.revision)
        history = self._history.setdefault(resource, deque())
        history.append(change)
        while len(history) > self._window:
            self._forgotten[resource] = history.popleft().revision
        self._undelivered.append(change)
        self._deliver()
        return change

    def _deliver(self) -> None:
        if self._delivering:
            return
        self._delivering = True
        failures: list[Exception] = []
        try:
            while self._undelivered:
                change = self._undelivered.popleft()
                for callback in tuple(self._subscribers):
                    # One subscriber's fault must not hide the change from the others; it is
                    # raised to the writer afterwards, since nobody else would hear of it.
                    try:
                        callback(change)
                    except Exception as failure:
                        failures.append(failure)
        finally:
            self._delivering = False
        if failures:
            raise ExceptionGroup("subscribers of the store failed", failures)
