"""Lines of a watch, and what one line says. No I/O."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from bot.adapters.cluster import failures, kinds


class LineTooLong(ValueError):
    """A line without an end."""


class Splitter:
    """Cuts a stream of chunks into lines of any length up to a limit.

    aiohttp's own `readline` gives up at twice its buffer, 4 MiB with the library's settings.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this chunk completes, without their ends.

        Raises:
            LineTooLong: if what is held exceeds the limit.
        """
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._pieces:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._pieces.clear()
            self._held = 0
        if rest:
            self._pieces.append(rest)
            self._held += len(rest)
            if self._held > self._limit:
                raise LineTooLong(f"a watch event of more than {self._limit} bytes")
        return lines

    @property
    def unfinished(self) -> bool:
        """Whether the stream, if it ended now, ended in the middle of a line."""
        return self._held > 0


class Said(StrEnum):
    """What a line of a watch is about."""

    CHANGED = "changed"
    GONE = "gone"
    BOOKMARK = "bookmark"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, understood. `value` is a wire object where the line carried a good one."""

    said: Said
    version: str
    value: Any = None
    name: str = ""
    namespace: str = ""
    error: str = ""


_TYPES = {"ADDED": Said.CHANGED, "MODIFIED": Said.CHANGED, "DELETED": Said.GONE}


def understand(kind: kinds.Kind, line: bytes) -> Line:
    """Read one line of a watch.

    Raises:
        Failure: for an ERROR event, and for a line that is no event at all.
    """
    try:
        event = kind.events.decode(line)
    except msgspec.ValidationError:
        return _second_look(kind, line)
    except msgspec.DecodeError as exc:
        raise _garbage(line) from exc
    said = _TYPES.get(event.type)
    if said is None:
        return _second_look(kind, line)
    meta = event.object.metadata
    return Line(said, meta.resource_version, event.object, meta.name, meta.namespace)


def _second_look(kind: kinds.Kind, line: bytes) -> Line:
    """Read what the typed decoder refused or does not know: bookmarks, errors, bad objects."""
    try:
        event = kinds.RAW_EVENT.decode(line)
    except msgspec.DecodeError as exc:
        raise _garbage(line) from exc
    body = bytes(event.object)
    if event.type == "ERROR":
        raise failures.from_event(body)
    try:
        meta = kinds.UNREADABLE.decode(body).metadata
    except msgspec.DecodeError:
        meta = None
    version = (meta.resource_version if meta is not None else None) or ""
    if event.type == "BOOKMARK":
        return Line(Said.BOOKMARK, version)
    name = (meta.name if meta is not None else None) or ""
    namespace = (meta.namespace if meta is not None else None) or ""
    said = _TYPES.get(event.type, Said.BAD)
    if said is Said.GONE and name:
        # To forget an object, its name is enough.
        return Line(Said.GONE, version, None, name, namespace)
    return Line(Said.BAD, version, None, name, namespace, why(kind, body))


def why(kind: kinds.Kind, body: bytes) -> str:
    """Say what is wrong with an object that does not decode."""
    try:
        kind.items.decode(body)
    except msgspec.DecodeError as exc:
        return failures.short(str(exc))
    return "an event of an unknown type"


def _garbage(line: bytes) -> failures.Failure:
    page = " (an HTML page)" if failures.looks_like_html(line) else ""
    return failures.Failure(f"the watch sent a line that is no event{page}", doubts_version=True)
