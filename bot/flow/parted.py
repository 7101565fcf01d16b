"""Parted: something long, told whole in as many messages as it takes. Pure.

A message has room for so much, and what does not fit would be cut: wrong for what people approve.
Each part is a row of the outbox by itself, so none is lost and none is told twice.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from bot.domain import notice

ROOM = 8_000
"""Bytes of JSON that one message may take, by a measure that never tells too little."""
_LINE = 1_500
"""Characters of a line; a longer one goes on in the next."""
_RUN = 60
"""Bytes around a run of text; each backtick may begin one."""
_BLOCK = 160
"""Bytes around a block."""


def parted(detail: notice.Detail) -> tuple[notice.Detail, ...]:
    """Return what is told in order, each part small enough for one message."""
    parts: list[list[notice.Section]] = [[]]
    left = ROOM
    for piece in (piece for section in detail.sections for piece in _pieces(section)):
        takes = _size(piece)
        if takes > left and parts[-1]:
            parts.append([])
            left = ROOM
        parts[-1].append(piece)
        left -= takes
    if len(parts) == 1:
        return (replace(detail, sections=tuple(parts[0])),)
    return tuple(
        replace(
            detail,
            title=f"{detail.title} ({number} of {len(parts)})",
            sections=tuple(sections),
            broadcast=detail.broadcast and number == 1,
            people=detail.people if number == 1 else (),
        )
        for number, sections in enumerate(parts, start=1)
    )


def _pieces(section: notice.Section) -> Iterator[notice.Section]:
    """Cut a section where it is too long for one message; the heading says that it goes on."""
    heading = section.heading
    going_on = f"{heading}, continued" if heading else ""
    lines: list[str] = []
    room = ROOM - 2 * _BLOCK - _marked(going_on)
    left = room
    for line in (one for long in section.lines for one in _cut(long, room, _marked, most=_LINE)):
        if lines and _marked(line) > left:
            yield notice.Section(heading, tuple(lines))
            heading, lines, left = going_on, [], room
        lines.append(line)
        left -= _marked(line)
    verbatim = list(_verbatim(section.verbatim, room))
    together = not verbatim or _weight(verbatim[0]) <= left
    if lines and not together:
        yield notice.Section(heading, tuple(lines))
        heading, lines = going_on, []
    if together:
        yield notice.Section(heading, tuple(lines), verbatim.pop(0) if verbatim else "")
        heading = going_on
    for text in verbatim:
        yield notice.Section(heading, (), text)
        heading = going_on


def _verbatim(text: str, room: int) -> Iterator[str]:
    """Cut text between two lines; a line that is longer than a message anywhere."""
    held: list[str] = []
    left = room
    for line in text.split("\n") if text else ():
        for piece in _cut(line, room, _weight, most=len(line)):
            if held and _weight(piece) > left:
                yield "\n".join(held)
                held, left = [], room
            held.append(piece)
            left -= _weight(piece)
    if held:
        yield "\n".join(held)


def _cut(line: str, room: int, weigh: Callable[[str], int], *, most: int) -> Iterator[str]:
    """Cut a long line, between two words where that is possible."""
    while len(line) > most or weigh(line) > room:
        at = min(most, len(line) * room // weigh(line))
        while weigh(line[:at]) > room:
            at = at * 9 // 10
        at = line.rfind(" ", at // 2, at) + 1 or at
        yield line[:at]
        line = line[at:]
    yield line


def _size(section: notice.Section) -> int:
    said = sum(_marked(one) for one in (section.heading, *section.lines) if one)
    return said + _weight(section.verbatim) + 2 * _BLOCK


def _marked(line: str) -> int:
    """Bytes of a line at most, with a run for whatever its backticks mark."""
    return _weight(line) + _RUN * (1 + line.count("`"))


def _weight(text: str) -> int:
    """Bytes of a text at most, with what is put into it to make it harmless."""
    return len(json.dumps(text)) + 3 * text.count("<") + 2 * text.count("\x7f")
