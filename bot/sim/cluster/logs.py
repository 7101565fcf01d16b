"""What containers print, kept for `kubectl logs` and for readers inside the simulation."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.sim.cluster import errors

Line = tuple[datetime, str]
Place = tuple[str, str, str]
"""Namespace, pod, container."""

KEPT = 2000
"""Lines of one run that are kept, as a rotated log file would."""


@dataclass
class Run:
    """The output of one run of a container."""

    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT))
    ended: bool = False


class LogBook:
    """The present and the previous run of each container."""

    def __init__(self) -> None:
        self._runs: dict[Place, tuple[Run | None, Run]] = {}
        self._containers: dict[tuple[str, str], set[str]] = {}
        self._listeners: dict[Place, list[Callable[[Line | None], None]]] = {}

    def begin(self, place: Place) -> None:
        """A new run starts; the one before it becomes the previous one."""
        before = self._runs.get(place)
        self._runs[place] = (None if before is None else before[1], Run())
        self._containers.setdefault(place[:2], set()).add(place[2])

    def write(self, place: Place, moment: datetime, text: str) -> None:
        """Print a line; nothing happens where no run was begun."""
        runs = self._runs.get(place)
        if runs is None:
            return
        runs[1].lines.append((moment, text))
        for listener in tuple(self._listeners.get(place, ())):
            listener((moment, text))

    def end(self, place: Place) -> None:
        """The run is over; its lines stay."""
        runs = self._runs.get(place)
        if runs is not None:
            runs[1].ended = True
        for listener in tuple(self._listeners.get(place, ())):
            listener(None)

    def drop(self, namespace: str, pod: str) -> None:
        """Forget a pod that is gone."""
        for container in self._containers.pop((namespace, pod), ()):
            self._runs.pop((namespace, pod, container), None)

    def lines(self, place: Place, *, previous: bool = False) -> list[Line] | None:
        """The lines of a run, oldest first; None where there was no such run."""
        runs = self._runs.get(place)
        run = None if runs is None else runs[0 if previous else 1]
        return None if run is None else list(run.lines)

    def running(self, place: Place) -> bool:
        """Whether the present run goes on."""
        runs = self._runs.get(place)
        return runs is not None and not runs[1].ended

    def listen(self, place: Place, callback: Callable[[Line | None], None]) -> Callable[[], None]:
        """Call back with each new line, and with None at the end of the run.

        Returns:
            The way to stop listening.
        """
        listeners = self._listeners.setdefault(place, [])
        listeners.append(callback)

        def stop() -> None:
            if callback in listeners:
                listeners.remove(callback)
            if not listeners and self._listeners.get(place) is listeners:
                del self._listeners[place]

        return stop


def glog(level: str, moment: datetime, source: str, text: str) -> str:
    """A line as glog prints it: ``I0102 15:04:05.000000       1 main.go:123] text``."""
    return f"{level}{moment.strftime('%m%d %H:%M:%S.%f')}       1 {source}] {text}"


class Follower:
    """An asynchronous iterator over a container's new lines, from its making to the run's end."""

    def __init__(self, book: LogBook, place: Place) -> None:
        self._lines: asyncio.Queue[Line | None] = asyncio.Queue()
        self._stop = book.listen(place, self._lines.put_nowait)
        if not book.running(place):
            self._lines.put_nowait(None)

    def __aiter__(self) -> Follower:
        return self

    async def __anext__(self) -> Line:
        line = await self._lines.get()
        if line is None:
            self._stop()
            raise StopAsyncIteration
        return line

    async def aclose(self) -> None:
        """Stop listening."""
        self._stop()


class Source:
    """The log book as the API server's log requests see it.

    Args:
        book: what was printed.
        look: called with a pod's namespace and name before its log is read, if given.
    """

    def __init__(self, book: LogBook, *, look: Callable[[str, str], object] | None = None) -> None:
        self._book = book
        self._look = look

    def read(
        self,
        namespace: str,
        pod: str,
        container: str,
        previous: bool,
    ) -> list[Line] | errors.StatusError:
        """All lines of the present or the previous run, or the kubelet's refusal."""
        if self._look is not None:
            self._look(namespace, pod)
        lines = self._book.lines((namespace, pod, container), previous=previous)
        if lines is not None:
            return lines
        if previous:
            return errors.bad_request(
                f'previous terminated container "{container}" in pod "{pod}" not found'
            )
        return errors.bad_request(
            f'container "{container}" in pod "{pod}" is waiting to start: ContainerCreating'
        )

    def follow(self, namespace: str, pod: str, container: str) -> Follower:
        """The lines written from now on."""
        return Follower(self._book, (namespace, pod, container))
