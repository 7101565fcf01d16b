"""What `simulate` means. A part of `grammar`, and pure."""

from collections.abc import Sequence

from bot.adapters.slack import typed, wording, wording_work
from bot.flannel import rehearsal, selection

FLAGS = ("iface", "iface-regex", *selection.ONCE)
"""All flags by which flannel finds its NIC."""
MOST = 10
"""Flags that are simulated at once; nobody gives flannel more."""
_PATTERN = 256
"""Characters of a pattern; an interface's name has 15 at most."""


def parse(
    words: Sequence[str], flags: Sequence[tuple[str, str]], *, usage: str
) -> rehearsal.Asked | typed.Problem:
    """Read patterns and flags; of those that flannel takes once the last one counts."""
    iface = tuple(value for name, value in flags if name == "iface")
    patterns = (*(value for name, value in flags if name == "iface-regex"), *words)
    once = {name: value for name, value in flags if name in selection.ONCE}
    if not (iface or patterns or once):
        return typed.Problem(wording.too_few("simulate"), usage)
    if len(iface) + len(patterns) > MOST:
        return typed.Problem(wording_work.too_many_patterns(MOST), usage)
    if any(len(one) > _PATTERN for one in (*iface, *patterns, *once.values())):
        return typed.Problem(wording_work.pattern_too_long(_PATTERN), usage)
    return rehearsal.Asked(iface=iface, regex=patterns, once=once)
