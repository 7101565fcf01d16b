"""Who watches what, and what each watcher still has to be told.

A change is encoded once for each form and kind of event, however many watch it. Every watcher has
a bounded queue: who does not read loses its watch, not the server its memory.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.sim.cluster import http_forms, objects, resources, selectors, store

Object = objects.Object
Kind = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(eq=False)
class Watcher:
    """One open watch.

    Attributes:
        row: the resource.
        namespace: empty for all.
        selected: the selector's question; None selects everything.
        wanted: the form of the objects.
        after: only later revisions are told.
        limit: how many events may wait.
        woken: set when there is something to do.
        lost: the queue overflowed; nothing more will come.
        touched: the revision of the latest change of the resource, selected or not.
        abort: called when the queue overflows, since the reader may be stuck in a write.
    """

    row: resources.Resource
    namespace: str
    selected: selectors.Predicate | None
    wanted: http_forms.Wanted
    after: int
    limit: int
    abort: Callable[[], None]
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False
    touched: int = 0
    _queue: deque[bytes] = field(default_factory=deque)

    def put(self, line: bytes) -> None:
        """Queue a line, or give the watch up."""
        if self.lost:
            return
        if len(self._queue) >= self.limit:
            self.lost = True
            self._queue.clear()
            self.abort()
        else:
            self._queue.append(line)
        self.woken.set()

    def take(self) -> list[bytes]:
        """All lines that wait, oldest first."""
        lines = list(self._queue)
        self._queue.clear()
        return lines


class Hub:
    """Hands each change to those who watch it.

    Args:
        objects_store: whose changes.
        queue: how many events may wait for one reader.
        distort: what encodes an object in the place of the real state, for a server that
            misbehaves; None leaves it alone.
    """

    def __init__(
        self,
        objects_store: store.Store,
        *,
        queue: int = 10_000,
        distort: Callable[[resources.Resource, Object], Object] | None = None,
    ) -> None:
        self._store = objects_store
        self._queue = queue
        self._distort = distort
        self._watchers: dict[str, list[Watcher]] = {}
        self._lines: OrderedDict[tuple[int, Kind, str, str, bool], bytes] = OrderedDict()
        self._unsubscribe = objects_store.subscribe(self._changed)

    def close(self) -> None:
        """Stop listening to the store."""
        self._unsubscribe()

    @property
    def count(self) -> int:
        """How many watches are open."""
        return sum(len(watchers) for watchers in self._watchers.values())

    def open(
        self,
        row: resources.Resource,
        *,
        namespace: str,
        selected: selectors.Predicate | None,
        wanted: http_forms.Wanted,
        after: int,
        abort: Callable[[], None],
    ) -> Watcher:
        """Begin a watch of the changes later than a revision that come from now on."""
        watcher = Watcher(row, namespace, selected, wanted, after, self._queue, abort)
        self._watchers.setdefault(row.plural, []).append(watcher)
        return watcher

    def shut(self, watcher: Watcher) -> None:
        """End a watch."""
        watchers = self._watchers.get(watcher.row.plural, [])
        if watcher in watchers:
            watchers.remove(watcher)

    def wake_all(self) -> None:
        """Let every watch look again at what it should do."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.woken.set()

    def line(self, watcher: Watcher, change: store.Change, *, first: bool = False) -> bytes | None:
        """What a change means to a watcher; None if nothing.

        An object that enters the selector is ADDED; one that leaves it is DELETED, in its old
        state with the new resourceVersion.
        """
        seen = meaning(watcher, change)
        if seen is None:
            return None
        key = (change.revision, seen[0], watcher.wanted.form, watcher.wanted.include, first)
        found = self._lines.get(key)
        if found is None:
            found = self.encoded(watcher, *seen, columns=first)
            self._lines[key] = found
            # Enough for the watchers of one change; history is encoded anew when asked for.
            while len(self._lines) > 256:
                self._lines.popitem(last=False)
        return found

    def encoded(self, watcher: Watcher, kind: Kind, obj: Object, *, columns: bool) -> bytes:
        """One line of a watch, in the watcher's form."""
        if self._distort is not None:
            obj = self._distort(watcher.row, obj)
        body = http_forms.one(watcher.row, obj, watcher.wanted, columns=columns)
        return http_forms.event(kind, body)

    def _changed(self, change: store.Change) -> None:
        for watcher in tuple(self._watchers.get(change.resource, ())):
            if change.revision <= watcher.after:
                continue
            watcher.touched = change.revision
            line = self.line(watcher, change)
            if line is not None:
                watcher.put(line)


def meaning(watcher: Watcher, change: store.Change) -> tuple[Kind, Object] | None:
    """The event a watcher sees of a change, by its namespace and selector."""
    if watcher.namespace and change.object["metadata"].get("namespace") != watcher.namespace:
        return None
    selected = watcher.selected
    if selected is None:
        return change.type, change.object
    before = change.old is not None and selected(change.old)
    after = change.type != "DELETED" and selected(change.object)
    if after:
        return ("MODIFIED" if before else "ADDED"), change.object
    if not before or change.old is None:
        return None
    if change.type == "DELETED":
        return "DELETED", change.object
    version = change.object["metadata"]["resourceVersion"]
    return "DELETED", change.old | {
        "metadata": change.old["metadata"] | {"resourceVersion": version}
    }
