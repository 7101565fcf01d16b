"""What people typed, out of what arrives. Pure; never raises.

Slack's clients and Slack itself change what people type: curly quotes, dashes, links made of
anything with a dot, names made into references, entities. `normalise` takes that back. Then
words are split at spaces; quotes keep words together; a backslash is a backslash, since people
type regular expressions here.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapters.slack import wording


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it was not understood, and what to do about it."""

    text: str
    hint: str = ""
    node: str = ""
    """A word that stands where a node's name should and can be none."""
    cluster: str | None = None
    """The cluster in which that node was sought, where one was named."""


_BEFORE_A_QUOTE = ("=", "=~", "!~")
ECHO = 60
"""Characters of a word that are said back."""
NODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
"""What may be the name of a node, or an address of one."""

_REFERENCE = re.compile(r"<([^<>]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_QUOTES = str.maketrans(
    {**dict.fromkeys("“”„‟«»＂", '"'), **dict.fromkeys("‘’‚‛‹›＇", "'"), "\u00a0": " "}
)
_LONG_DASH_FIRST = re.compile(r"(?:^|(?<=\s))[—–―−](?=\w)")
_LONG_DASH = re.compile(r"[—–―−‐‑‒]")


def normalise(text: str) -> str:
    """Take back what clients and Slack make of typed text."""
    text = _REFERENCE.sub(_unwrapped, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = _LONG_DASH_FIRST.sub("--", text.translate(_QUOTES))
    text = _LONG_DASH.sub("-", text)
    # Format characters (zero width, direction) are typed by nobody and copied by many.
    return "".join(c for c in text if c.isspace() or c.isprintable()).strip()


def _unwrapped(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    sign = {"@": "@", "#": "#"}.get(target[:1], "")
    if target.startswith("!subteam"):
        sign = "@"
    if sign:
        return sign + (label or target[1:]).removeprefix(sign)
    return label or target.removeprefix("mailto:")


def split(text: str) -> list[str] | Problem:
    """Split into words; a quote at a word's start or after `=` keeps spaces, backticks too."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    for character in text:
        if quote:
            if character == quote:
                quote = ""
            else:
                word = (word or "") + character
        elif character.isspace():
            if word is not None:
                words.append(word)
            word = None
        elif character in "\"'`" and (not word or word.endswith(_BEFORE_A_QUOTE)):
            quote, word = character, word or ""
        elif character in '"`':
            return Problem(wording.unbalanced(character), wording.TRY_HELP)
        else:
            word = (word or "") + character
    if quote:
        return Problem(wording.unbalanced(quote), wording.TRY_HELP)
    return [*words, word] if word is not None else words


def nearest(word: str, names: Sequence[str], most: int = 2) -> list[str]:
    """Return the names most like a word, the likest first."""
    return difflib.get_close_matches(word[:ECHO], names, n=most, cutoff=0.55)
