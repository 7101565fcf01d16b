"""flannel's patterns, in flannel's own dialect and with its own errors.

flannel reads them with Go's regexp, which is RE2; google-re2 is the same language but for a few
spellings, told apart here. A match is a search anywhere in the text, as by Go's MatchString. A
pattern that Python's `re` reads can mean something else to RE2 and the other way round, so
nothing else in this project reads a pattern of flannel's.
"""

import functools
from dataclasses import dataclass
from typing import Any

import re2

from bot.flannel import syntax

_WORDS = {
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "missing ]": "missing closing ]",
    "bad repetition operator": "invalid nested repetition operator",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "invalid escape sequence": "invalid escape sequence",
    "invalid character class range": "invalid character class range",
    "invalid UTF-8": "invalid UTF-8",
    "trailing \\": "trailing backslash at end of expression",
}
"""google-re2's words for an error, and Go's."""
_OTHER = "expression too large"
_NOT_PERL = "invalid or unsupported Perl syntax"
_MOST_REPEATS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A pattern that compiles. `raw` is its text."""

    raw: str
    _compiled: Any

    def matches(self, text: str) -> bool:
        """Whether it matches anywhere in a text, as flannel asks."""
        return self._compiled.search(_bytes(text)) is not None

    def covers(self, text: str) -> bool:
        """Whether it matches a text from its first to its last character."""
        return self._compiled.fullmatch(_bytes(text)) is not None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A pattern that does not compile; `error` is Go's text, as flannel logs it."""

    raw: str
    error: str


@functools.lru_cache(maxsize=1024)
def read(raw: str, *, named_groups: bool = True) -> Pattern | Malformed:
    """Compile a pattern as Go would.

    `named_groups` is whether this Go reads `(?<name>...)`, which it does since 1.22; `(?P<name>`
    it always did.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        encoded = raw.encode()
    except UnicodeEncodeError:
        shown = raw.encode("utf-8", "replace").decode()
        return Malformed(raw, _error("invalid UTF-8", shown))
    try:
        compiled = re2.compile(encoded, options)
    except re2.error as refused:
        return Malformed(raw, _translated(raw, refused, named_groups=named_groups))
    problem = _go_alone(raw, named_groups=named_groups)
    return Malformed(raw, problem) if problem else Pattern(raw, compiled)


def matches(raw: str, text: str) -> bool:
    """Whether a pattern matches anywhere in a text; one that does not compile matches nothing."""
    found = read(raw)
    return isinstance(found, Pattern) and found.matches(text)


def covers(raw: str, text: str) -> bool:
    """Whether a pattern matches a whole text; one that does not compile matches nothing."""
    found = read(raw)
    return isinstance(found, Pattern) and found.covers(text)


def _bytes(text: str) -> bytes:
    # An interface may have any bytes for a name; what is not UTF-8 came in as surrogates.
    return text.encode("utf-8", "surrogatepass")


def _error(words: str, excerpt: str) -> str:
    return f"error parsing regexp: {words}: `{excerpt}`"


def _translated(raw: str, refused: Exception, *, named_groups: bool) -> str:
    told = refused.args[0]
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    for ours, theirs in _WORDS.items():
        if text == ours or text.startswith(f"{ours}: "):
            return _reworded(raw, theirs, text[len(ours) + 2 :], named_groups=named_groups)
    return _error(_OTHER, raw)


def _reworded(raw: str, words: str, excerpt: str, *, named_groups: bool) -> str:
    if not excerpt.startswith("(?<"):
        return _error(words, excerpt)
    if not named_groups:
        return _error(_NOT_PERL, "(?<")
    # Look-behind: a Go that knows `(?<name>` takes all of it for a bad name.
    rest = raw[raw.find("(?<") :]
    end = rest.find(">")
    return _error("invalid named capture", rest[: end + 1] if end >= 0 else rest)


def _go_alone(raw: str, *, named_groups: bool) -> str:
    """Return Go's error for what google-re2 takes and Go does not, or nothing."""
    for token in syntax.scan(raw).tokens:
        if token.kind is syntax.Kind.BYTE:
            return _error("invalid escape sequence", token.text)
        if token.kind is syntax.Kind.OPEN and token.text.startswith("(?<") and not named_groups:
            return _error(_NOT_PERL, "(?<")
        if token.kind is syntax.Kind.REPEAT and any(map(_too_often, token.bounds)):
            return _error("invalid repeat count", token.text.removesuffix("?"))
    return ""


def _too_often(bound: str) -> bool:
    # google-re2 reads a number of nine digits and more as plain text. With a leading zero both do.
    return not bound.startswith("0") and (len(bound) > 4 or int(bound) > _MOST_REPEATS)
