"""Which of several names a word means, and which come nearest where it means none.

People say a node's short name, its address, or a name with a typo. One of several is never
guessed: only what can mean one name alone is taken for it.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_MOST = 3
_ALIKE = 0.6
_LONGEST = 253
"""Characters of a name (RFC 1123); what has more is none, and is not said back whole."""
_ECHO = 60
_NUMBER = re.compile(r"[0-9]+")
_HEAD = re.compile(r"[a-z0-9-]*")
"""Up to the first dot, and up to what stands in no name: `web-1;reboot` may mean `web-1`."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The word means no single name. `near` are the likeliest; `several` if it fits all of them.

    Where none is near, `such_as` shows how the `known` names look.
    """

    word: str
    near: tuple[str, ...] = ()
    several: bool = False
    known: int = 0
    such_as: tuple[str, ...] = ()

    def sentence(self, kind: str) -> str:
        """Say so, with what could have been meant; `kind` is what the names are of."""
        word = self.word if len(self.word) <= _LONGEST else f"{self.word[:_ECHO]}…"
        if self.several:
            return f"{word!r} fits several {kind}s: {', '.join(self.near)}"
        if self.near:
            return f"there is no {kind} {word!r}; the nearest are {', '.join(self.near)}"
        missing = f"there is no {kind} {word!r}"
        if not self.such_as:
            return missing
        return f"{missing}; there are {self.known:,}, such as {', '.join(self.such_as)}"


def resolve(
    word: str, names: Iterable[str], *, also: Mapping[str, str] | None = None
) -> str | Missing:
    """Return the name that a word means.

    In this order: the name itself, another word for it (`also`, such as an address), the name
    in other letters' case, its part before the first dot.
    """
    known = list(names)
    if word in known:
        return word
    if also and word in also:
        return also[word]
    wanted = word.casefold()
    if not wanted:
        return Missing(word)
    folded = [(name.casefold(), name) for name in known]
    for fitting in (
        [name for one, name in folded if one == wanted],
        [name for one, name in folded if one.partition(".")[0] == wanted],
    ):
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            return Missing(word, tuple(sorted(fitting)[:_MOST]), several=True)
    near, head = _near(wanted, folded), _HEAD.match(wanted)[0]  # type: ignore[index]
    if not near and not head.isdigit():  # of an address the first number says nothing
        near = _near(head, folded) if head else ()
    return Missing(word, near, known=len(known), such_as=() if near else _examples(known))


def like(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that come nearest to one that is known but does not do; else a few.

    Machines that are numbered stand beside each other, so of `web-7` that is `web-6` and `web-8`.
    """
    others = [one for one in names if one != name]
    kin = [one for one in others if _NUMBER.sub("0", one) == _NUMBER.sub("0", name)]
    if kin and _NUMBER.search(name):
        return tuple(sorted(kin, key=lambda one: (_apart(one, name), one))[:_MOST])
    near = _near(name.casefold(), [(one.casefold(), one) for one in others])
    return near or _examples(others)


def _apart(one: str, other: str) -> int:
    """How far two names are from each other that differ by their numbers alone."""
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return sum(abs(int(a) - int(b)) for a, b in pairs)


def _examples(known: list[str]) -> tuple[str, ...]:
    """Names of different kinds where there are any: `vm-1` beside `cp-1` rather than `cp-2`."""
    kinds: dict[str, str] = {}
    for name in sorted(known):
        kinds.setdefault(_NUMBER.sub("0", name), name)
    return tuple(kinds.values())[:_MOST]


def _near(wanted: str, folded: list[tuple[str, str]]) -> tuple[str, ...]:
    """Names that hold the word, the shortest first, else those that read most like it.

    Before both come those that differ by leading zeros alone: `web-5` is likely `web-005`.
    """
    wanted = wanted[:_LONGEST]
    unpadded = _unpadded(wanted)
    counted = sorted(name for one, name in folded if _unpadded(one) == unpadded)
    holding = counted + sorted(
        (name for one, name in folded if wanted in one and name not in counted),
        key=lambda n: (len(n), n),
    )
    if len(holding) >= _MOST:
        return tuple(holding[:_MOST])
    others = {one: name for one, name in folded if name not in holding}
    alike = difflib.get_close_matches(wanted, others, n=_MOST - len(holding), cutoff=_ALIKE)
    return (*holding, *(others[one] for one in alike))


def _unpadded(word: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", word)
