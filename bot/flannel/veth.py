"""Whether a pattern that was meant for a host's NIC also takes a pod's.

flannel's patterns are not anchored, and a pod's host-side NIC is called `veth` and hexadecimal
digits: eight from the CNI bridge and ptp plugins, seven from Docker. So `eth1` matches
`veth17f90f70`. A judgement by trial names: it can miss an exotic pattern, and never accuses a
harmless one. What a node's own NICs would give is told by `bot.flannel.selection`.
"""

import functools
import re
from collections.abc import Iterable, Iterator

from bot.flannel import regex

_LITERAL = re.compile(r"eth([0-9a-f]{1,8})")
_HEX = "0123456789abcdef"
_FILL = "7f90f70c"


@functools.lru_cache(maxsize=256)
def example(pattern: str) -> str:
    """Return a possible veth name that the pattern matches, or nothing if none was found.

    A pattern that does not compile matches nothing.
    """
    compiled = regex.read(pattern)
    if isinstance(compiled, regex.Malformed):
        return ""
    return next((name for name in _names(pattern) if compiled.matches(name)), "")


def _names(pattern: str) -> Iterator[str]:
    for digits in _LITERAL.findall(pattern):
        yield f"veth{(digits + _FILL)[:8]}"
    for first in _HEX:
        for second in _HEX:
            yield f"veth{first}{second}{_FILL[:6]}"
    for first in _HEX:
        yield f"veth{first}{_FILL[:6]}"


def prone(patterns: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the patterns that match a veth name, each with such a name."""
    found = ((pattern, example(pattern)) for pattern in patterns)
    return tuple((pattern, name) for pattern, name in found if name)


@functools.lru_cache(maxsize=256)
def share(pattern: str) -> float:
    """Return the share of all veth names that the pattern matches, by their first two digits.

    Zero where it matches too few to be met by chance.
    """
    compiled = regex.read(pattern)
    if isinstance(compiled, regex.Malformed):
        return 0.0
    names = [f"veth{first}{second}{_FILL[:6]}" for first in _HEX for second in _HEX]
    return sum(map(compiled.matches, names)) / len(names)
