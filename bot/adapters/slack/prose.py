"""What is said, before it is Slack's: pages of lines of typed pieces.

A piece knows what it is (plain, strong, code, a moment, a link to a message of ours), so that no
text needs markup and none can become markup. `blocks` shows a page twice, as blocks and as plain
text, and both say the same because they are made of the same pieces.
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.slack import interpreter, measures
from bot.flow import drawings

_STAMP = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?!\w)", re.ASCII)


class Style(enum.StrEnum):
    """How a run of text looks."""

    PLAIN = "plain"
    STRONG = "strong"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Run:
    """A run of text."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: shown in the reader's own zone where Slack can, else in UTC."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a place that we made ourselves; never an address out of a cluster."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the workspace, or a user group, by their Slack id; new messages call them."""

    id: str


Piece = Run | Moment | Link | Person
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that stand together."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text shown as it is, such as a log; its end is kept when it is too long."""

    text: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """What is asked back before a press counts."""

    title: str
    text: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press. `value` is an opaque id, never a text out of a cluster."""

    action: str
    text: str
    value: str
    danger: bool = False
    primary: bool = False
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True)
class Buttons:
    """Buttons beside each other. A server that knows no blocks shows none of them."""

    buttons: tuple[Button, ...]


Part = Paragraph | Verbatim | Buttons


@dataclass(frozen=True, slots=True)
class Page:
    """One message or answer. `whole` is the same with nothing left out, where this leaves out.

    `picture` shows what the page says, and is sent after it.
    """

    title: str
    parts: tuple[Part, ...] = ()
    whole: "Page | None" = None
    picture: drawings.Picture | None = None


def line(*pieces: str | Piece) -> Line:
    """Make a line; bare strings are plain runs, empty ones are left out."""
    made = (Run(piece) if isinstance(piece, str) else piece for piece in pieces)
    return tuple(piece for piece in made if not isinstance(piece, Run) or piece.text)


def strong(text: str) -> Run:
    """A run that stands out."""
    return Run(text, Style.STRONG)


def code(text: str) -> Run:
    """A run to be read letter by letter: a name, a command."""
    return Run(text, Style.CODE)


def marked(text: str) -> Line:
    """Make a line of one of our own sentences, in which backticks stand around code.

    What is the core's is said in the language that is spoken, and a time in the reader's zone.
    """
    told = interpreter.told(text)
    parts = told.split("`")
    if len(parts) % 2 == 0:
        return line(*_timed(told))
    pieces: list[str | Piece] = []
    for index, part in enumerate(parts):
        pieces += [code(part)] if index % 2 and part else _timed(part)
    return line(*pieces)


def _timed(text: str) -> list[str | Piece]:
    """Take the moments out of a text that the core wrote down as Kubernetes does."""
    pieces: list[str | Piece] = []
    begun = 0
    for found in _STAMP.finditer(text):
        try:
            at = datetime.fromisoformat(found[0])
        except ValueError:
            continue  # it only looks like one
        pieces += [text[begun : found.start()], Moment(at)]
        begun = found.end()
    return [*pieces, text[begun:]]


def labelled(label: str, *pieces: str | Piece) -> Line:
    """Make a line that begins with what it tells."""
    return line(strong(label), "  ", *pieces)


def listed(names: Sequence[str]) -> Line:
    """Names one after the other, each to be read letter by letter."""
    pieces: list[Piece] = []
    for name in names:
        if pieces:
            pieces.append(Run(", "))
        pieces.append(code(name))
    return tuple(pieces)


def people(ids: Sequence[str]) -> Line:
    """Persons one after the other."""
    pieces: list[Piece] = []
    for each in ids:
        if pieces:
            pieces.append(Run(", "))
        pieces.append(Person(each))
    return tuple(pieces)


def paragraph(*lines: Line) -> Paragraph:
    """Make a paragraph of the lines that say something."""
    return Paragraph(tuple(said for said in lines if said))


def spoken(said: Line) -> str:
    """Return a line as plain text."""
    texts = []
    for piece in said:
        match piece:
            case Moment(at=at):
                texts.append(measures.utc(at))
            case Person(id=user):
                texts.append(user)
            case Run(text=text) | Link(text=text):
                texts.append(text)
    return "".join(texts)
