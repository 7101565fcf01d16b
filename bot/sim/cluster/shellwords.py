"""Words of a small shell: a script cut into words, with their quotes, and operators."""

from __future__ import annotations

import re
from dataclasses import dataclass


class SyntaxFault(Exception):
    """What is not understood; its text is the shell's."""


_OPERATORS = (
    "&&", "||", ";;", "2>&1", "2>", ">&2", "1>&2", ">>", ">", "<", ";", "&", "|", "(", ")", "\n",
)  # fmt: skip
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Part:
    """A piece of a word: text, a variable, or a command whose output is taken."""

    kind: str
    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Token:
    """A word (its parts) or an operator (its text)."""

    parts: tuple[Part, ...] = ()
    operator: str = ""

    @property
    def plain(self) -> str:
        """The text of an unquoted word; nothing for others."""
        if len(self.parts) == 1 and self.parts[0].kind == "text" and not self.parts[0].quoted:
            return self.parts[0].text
        return ""


def tokens(source: str) -> list[Token]:
    """Cut a script into words and operators."""
    found: list[Token] = []
    at = 0
    while at < len(source):
        if source[at] in " \t":
            at += 1
        elif source[at] == "#":
            at = (source.find("\n", at) + len(source) + 1) % (len(source) + 1) or len(source)
        elif source.startswith("\\\n", at):
            at += 2
        elif operator := _operator(source, at, found):
            found.append(Token(operator=operator))
            at += len(operator)
        else:
            word, at = _word(source, at)
            found.append(word)
    return found


def _operator(source: str, at: int, before: list[Token]) -> str:
    del before
    for operator in _OPERATORS:
        if source.startswith(operator, at):
            return operator
    return ""


def _word(source: str, at: int) -> tuple[Token, int]:
    parts: list[Part] = []
    while at < len(source):
        char = source[at]
        if char in " \t\n;&|()<>":
            break
        if char == "'":
            end = source.find("'", at + 1)
            if end < 0:
                raise SyntaxFault("syntax error: unterminated quoted string")
            parts.append(Part("text", source[at + 1 : end], quoted=True))
            at = end + 1
        elif char == '"':
            inner, at = _double(source, at + 1)
            parts += inner or [Part("text", "", quoted=True)]
        elif char == "\\":
            parts.append(Part("text", source[at + 1 : at + 2] or char, quoted=True))
            at += 2
        elif char == "$":
            part, at = _dollar(source, at, quoted=False)
            parts.append(part)
        else:
            end = at
            while end < len(source) and source[end] not in " \t\n;&|()<>'\"\\$":
                end += 1
            parts.append(Part("text", source[at:end]))
            at = end
    return Token(tuple(parts)), at


def _double(source: str, at: int) -> tuple[list[Part], int]:
    parts: list[Part] = []
    text = ""
    while at < len(source) and source[at] != '"':
        if source[at] == "\\" and source[at + 1 : at + 2] in ('"', "\\", "$", "`"):
            text += source[at + 1]
            at += 2
        elif source[at] == "$":
            if text:
                parts.append(Part("text", text, quoted=True))
            text = ""
            part, at = _dollar(source, at, quoted=True)
            parts.append(part)
        else:
            text += source[at]
            at += 1
    if at >= len(source):
        raise SyntaxFault("syntax error: unterminated quoted string")
    if text:
        parts.append(Part("text", text, quoted=True))
    return parts, at + 1


def _dollar(source: str, at: int, *, quoted: bool) -> tuple[Part, int]:
    if source.startswith("$(", at):
        depth, end = 1, at + 2
        while end < len(source) and depth:
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        if depth:
            raise SyntaxFault("syntax error: unterminated command substitution")
        return Part("command", source[at + 2 : end - 1], quoted), end
    if source.startswith("${", at):
        end = source.find("}", at)
        if end < 0 or not re.fullmatch(r"\w+|[@#?]", source[at + 2 : end]):
            raise SyntaxFault("syntax error: bad substitution")
        return Part("variable", source[at + 2 : end], quoted), end + 1
    if found := NAME.match(source, at + 1):
        return Part("variable", found.group(), quoted), found.end()
    if at + 1 < len(source) and source[at + 1] in "@#?*0123456789":
        return Part("variable", source[at + 1], quoted), at + 2
    return Part("text", "$", quoted), at + 1
