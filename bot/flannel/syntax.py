"""The parts of a pattern: groups, alternatives, classes and quotations.

Not a reader of the language, which is RE2's business: it takes a pattern that compiles apart,
so that it can be judged where an alternative is empty or whether a pattern is anchored.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

_OPENING = re.compile(r"\(\?(?:P?<[^>]*>|[imsU]*(?:-[imsU]+)?:)|\((?!\?)")
_FLAGS = re.compile(r"\(\?([imsU]*(?:-[imsU]+)?)\)")
_REPEAT = re.compile(r"(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??", re.ASCII)
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]")


class Kind(Enum):
    """What a part of a pattern is."""

    CHARACTER = auto()
    ESCAPE = auto()
    QUOTATION = auto()
    CLASS = auto()
    OPEN = auto()
    CLOSE = auto()
    BAR = auto()
    BEGINNING = auto()
    END = auto()
    REPEAT = auto()
    FLAGS = auto()
    BYTE = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One part, as it is written. `bounds` are the numbers of a repetition."""

    kind: Kind
    text: str
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """A pattern's parts. `unclosed` is a quotation without end, which swallows what follows."""

    tokens: tuple[Token, ...]
    unclosed: bool = False


_SIGNS = {
    "|": Kind.BAR,
    ")": Kind.CLOSE,
    "^": Kind.BEGINNING,
    "$": Kind.END,
}
_ESCAPES = {"\\A": Kind.BEGINNING, "\\z": Kind.END, "\\C": Kind.BYTE}


def scan(raw: str) -> Scan:
    """Return the parts of a pattern, in order."""
    tokens: list[Token] = []
    at = 0
    while at < len(raw):
        if raw.startswith("\\Q", at):
            end = raw.find("\\E", at + 2)
            if end < 0:
                tokens.append(Token(Kind.QUOTATION, raw[at:]))
                return Scan(tuple(tokens), unclosed=True)
            tokens.append(Token(Kind.QUOTATION, raw[at : end + 2]))
        else:
            tokens.append(_token(raw, at))
        at += len(tokens[-1].text)
    return Scan(tuple(tokens))


def _token(raw: str, at: int) -> Token:
    sign = raw[at]
    if sign == "\\":
        text = raw[at : at + 2]
        return Token(_ESCAPES.get(text, Kind.ESCAPE), text)
    if sign == "[":
        return Token(Kind.CLASS, raw[at : _class_end(raw, at)])
    if sign == "(":
        if flags := _FLAGS.match(raw, at):
            return Token(Kind.FLAGS, flags[0])
        opening = _OPENING.match(raw, at)
        return Token(Kind.OPEN, opening[0] if opening else sign)
    if repeat := _REPEAT.match(raw, at):
        return Token(Kind.REPEAT, repeat[0], tuple(one for one in repeat.groups() if one))
    return Token(_SIGNS.get(sign, Kind.CHARACTER), sign)


def _class_end(raw: str, at: int) -> int:
    at += 2 if raw.startswith("^", at + 1) else 1
    first = True
    while at < len(raw):
        if raw[at] == "]" and not first:
            return at + 1
        first = False
        if named := _NAMED_CLASS.match(raw, at):
            at = named.end()
        else:
            at += 2 if raw[at] == "\\" else 1
    return len(raw)


def alternatives(tokens: Sequence[Token]) -> tuple[tuple[Token, ...], ...]:
    """Return what the bars outside of all groups separate."""
    depth = 0
    found: list[list[Token]] = [[]]
    for token in tokens:
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        if token.kind is Kind.BAR and depth == 0:
            found.append([])
        else:
            found[-1].append(token)
    return tuple(tuple(one) for one in found)


def has_empty_alternative(tokens: Iterable[Token]) -> bool:
    """Whether one of the alternatives, of a group or of the whole, is empty."""
    empty = True
    for token in tokens:
        if token.kind in {Kind.BAR, Kind.CLOSE} and empty:
            return True
        if token.kind in {Kind.BAR, Kind.OPEN}:
            empty = True
        elif token.kind is not Kind.FLAGS and token.text != "\\Q\\E":
            empty = False
    return empty


def is_anchored(raw: str) -> bool:
    """Whether a pattern can match a whole text only: each alternative from `^` to `$`."""
    found = scan(raw)
    return not found.unclosed and all(_anchored(one) for one in alternatives(found.tokens))


def _anchored(tokens: Sequence[Token]) -> bool:
    if len(tokens) < 2 or tokens[0].kind is not Kind.BEGINNING or tokens[-1].kind is not Kind.END:
        return False
    if tokens[1].kind is Kind.REPEAT:
        return False
    # (?m) makes ^ and $ the ends of a line, from where it stands to the end of its group.
    depth = 0
    for token in tokens:
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        if depth == 0 and token.kind is Kind.FLAGS and "m" in token.text:
            return False
    return True


def literals(raw: str) -> tuple[str, ...]:
    """Return the plain texts that a pattern is a list of, in order; none if it is more than that.

    `eth1|bond1`, `^(bond1|eth1)$` and `^eth1$|^bond1$` are lists; `eth[01]` is not.
    """
    found = scan(raw)
    texts = [text for one in alternatives(found.tokens) for text in _texts(one)]
    return () if found.unclosed or not all(texts) else tuple(dict.fromkeys(texts))


def _texts(tokens: Sequence[Token]) -> tuple[str, ...]:
    inner = list(tokens)
    if inner and inner[0].kind is Kind.BEGINNING:
        inner = inner[1:]
    if inner and inner[-1].kind is Kind.END:
        inner = inner[:-1]
    if _is_one_group(inner):
        return tuple(text for one in alternatives(inner[1:-1]) for text in _texts(one))
    return ("".join(_plain(token) for token in inner) if all(map(_plain, inner)) else "",)


def _is_one_group(tokens: Sequence[Token]) -> bool:
    if len(tokens) < 2 or tokens[0].kind is not Kind.OPEN:
        return False
    if not tokens[0].text.endswith(("(", "(?:", ">")):
        return False  # it sets flags
    depth = 0
    for token in tokens[:-1]:
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        if depth == 0:
            return False
    return tokens[-1].kind is Kind.CLOSE


def _plain(token: Token) -> str:
    if token.kind is Kind.CHARACTER and token.text != ".":
        return token.text
    if token.kind is Kind.ESCAPE and not token.text[1:].isalnum():
        return token.text[1:]
    return ""
