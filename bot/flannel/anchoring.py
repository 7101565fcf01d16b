"""How a pattern is made to match whole names only, and when that is refused.

Wrapping is not innocent: `a)|(b` does not compile, and wrapped it would compile and match
anything that ends in b. So a pattern must first compile by itself, and what could reach over the
wrapping's end is refused rather than guessed at.
"""

from dataclasses import dataclass

from bot.flannel import regex, syntax, veth

LONGEST = 256
"""The longest pattern that is rewritten. An interface's name has 15 characters at most: what is
longer was not written by hand, and nobody could judge the change."""
_HEAD, _TAIL = "^(?:", ")$"


@dataclass(frozen=True, slots=True)
class Refused:
    """The pattern is not rewritten; `reason` is a sentence without its full stop."""

    reason: str


def anchor(raw: str) -> str | Refused:
    """Return the pattern that matches exactly the names that `raw` matches as a whole.

    What is anchored already comes back as it is, so that a second time changes nothing.
    """
    reason = _objection(raw)
    if reason:
        return Refused(reason)
    anchored = raw if syntax.is_anchored(raw) else f"{_HEAD}{raw}{_TAIL}"
    name = veth.example(anchored)
    if name:
        return Refused(f"even anchored, `{raw}` matches pods' NICs such as {name}")
    return anchored


def _objection(raw: str) -> str:
    if not raw:
        return "the pattern is empty, which flannel reads as its default route"
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in raw):
        return "the pattern holds control characters"
    if len(raw.removeprefix(_HEAD).removesuffix(_TAIL)) > LONGEST:
        return f"the pattern has {len(raw)} characters, more than {LONGEST}"
    pattern = regex.read(raw)
    if isinstance(pattern, regex.Malformed):
        return f"`{_shown(raw)}` does not compile: {pattern.error}"
    scan = syntax.scan(raw)
    if scan.unclosed:
        return f"`{raw}` opens a quotation with \\Q and does not close it"
    if syntax.has_empty_alternative(scan.tokens):
        return f"`{raw}` has an empty alternative, which matches everything"
    if pattern.covers(""):
        return f"`{raw}` matches nothing at all too, and so everything"
    return ""


def _shown(raw: str) -> str:
    return raw.encode("utf-8", "replace").decode()


def is_anchored(raw: str) -> bool:
    """Whether a pattern compiles and can match whole names only."""
    return isinstance(regex.read(raw), regex.Pattern) and syntax.is_anchored(raw)


def escaped(argument: str) -> str:
    """Return an argument as it must stand in a container's command or args.

    The kubelet replaces `$(NAME)` there and reads `$$` as one dollar; a dollar before anything
    else stays. So `)$` is left alone, and `$(` becomes `$$(`.
    """
    parts = []
    for at, sign in enumerate(argument):
        after = argument[at + 1 : at + 2]
        parts.append("$$" if sign == "$" and after in {"$", "("} else sign)
    return "".join(parts)
