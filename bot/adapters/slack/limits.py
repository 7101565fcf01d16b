"""How much Slack takes, and how text is made fit for it.

Slack's numbers come from its reference; that of all blocks together is undocumented, was measured
by others at about 13,200, and is kept well away from. Lengths are counted after escaping and, for
blocks, as bytes of compact JSON, since that is what travels.
"""

import json
import re

BLOCKS = 45
"""Blocks of one message; Slack takes 50."""
BLOCKS_BYTES = 12_000
"""All blocks of one message as JSON."""
VIEW_BLOCKS = 90
"""Blocks of a home tab; Slack takes 100."""
VIEW_BYTES = 60_000
"""All blocks of a home tab as JSON; Slack takes 250,000."""
HEADER = 140
"""A header's text; Slack takes 150, and may count an emoji twice."""
TEXT = 3_800
"""The fallback text, escaped: an edit is refused beyond 4,000."""
PLAIN_SECTION = 2_800
"""A plain section's text; Slack takes 3,000."""
RUN = 2_000
"""One run of text, so that a single hostile name cannot fill a message."""
NAME = 80
"""A name in a list. Kubernetes' own are at most 253, mostly far shorter."""

ELLIPSIS = "…"

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_OPENING = re.compile(r"<(?=[!@#]|[A-Za-z][A-Za-z0-9+.-]*:)")


def clean(text: str, *, lines: bool = False) -> str:
    """Make text visible and inert; newlines and tabs stay only with `lines`.

    Colour codes go; other control characters, lone surrogates and marks that turn the direction
    of writing become U+FFFD, so that what is read is what is there. A `<` that could open a
    mention or a link gets an invisible space behind it: runs are not parsed by Slack, but by what
    forwards Slack's messages they may be.
    """
    text = _TERMINAL.sub("", text).replace("\r\n", "\n")
    if not lines:
        text = text.replace("\n", " ").replace("\t", " ")
    return _OPENING.sub("<\u200b", _UNSEEN.sub("\ufffd", text))


def escape(text: str) -> str:
    """Escape for Slack's markup: mentions, links and dates need a bare `<` to be born."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """Return the start, at most `limit` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + ELLIPSIS


def parted(text: str, limit: int) -> tuple[str, str]:
    """Return a text in two, the first of at most `limit` characters, so that both read on.

    Parted between words where that is near; the second is empty where all fits in the first.
    """
    if len(text) <= limit:
        return text, ""
    end = text.rfind(" ", limit // 2, limit - 1)
    if end < 0:
        end = limit - 2
    return f"{text[:end].rstrip()} {ELLIPSIS}", f"{ELLIPSIS} {text[end:].lstrip()}"


def sentences(text: str, limit: int) -> str:
    """Return whole sentences from the start, at most `limit` characters; at least one, cut."""
    kept = ""
    for sentence in re.split(r"(?<=[.!?])(?= [A-Z])|(?<=。)", text):
        if kept and len(kept) + len(sentence) > limit:
            break
        kept += sentence
    return cut(kept, limit)


def cut_escaped(text: str, limit: int) -> str:
    """Escape and return at most `limit` characters, never ending inside an entity."""
    escaped = escape(text)
    if len(escaped) <= limit:
        return escaped
    kept: list[str] = []
    room = limit - len(ELLIPSIS)
    for character in text:
        piece = escape(character)
        if len(piece) > room:
            break
        kept.append(piece)
        room -= len(piece)
    return "".join(kept) + ELLIPSIS


def size(value: object) -> int:
    """Bytes of a value as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def end_of(text: str, room: int) -> str:
    """Return the longest end of `text` whose JSON form takes at most `room` bytes.

    The end, because a log's last words matter most. It begins at a line's start where one is
    near.
    """
    if size(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        if size(text[middle:]) <= room:
            high = middle
        else:
            low = middle + 1
    kept = text[low:]
    newline = kept.find("\n")
    return kept[newline + 1 :] if 0 <= newline < len(kept) // 2 else kept
