"""How a command of a pretend container ends: what it said, its code, or why it did not begin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Command = Callable[[Sequence[str]], "Result"]
"""An external command: its arguments, its own name not among them."""


@dataclass(frozen=True)
class Result:
    """What a command said and how it ended; `failure` is why it did not even begin.

    `wants_input` tells that it has read what it was given, which was nothing.
    """

    out: str = ""
    err: str = ""
    code: int = 0
    failure: str = ""
    wants_input: bool = False


def not_found(name: str) -> Result:
    """How a command ends that is no program of its image."""
    why = "executable file not found in $PATH"
    if name.startswith("/"):
        why = f"stat {name}: no such file or directory"
    return Result(code=127, failure=not_begun(name, why))


def not_begun(name: str, why: str) -> str:
    """What a kubelet with containerd says of a program that cannot be started."""
    number = hashlib.sha256(name.encode()).hexdigest()
    return (
        "Internal error occurred: error executing command in container: failed to exec in "
        f'container: failed to start exec "{number}": OCI runtime exec failed: exec failed: unable '
        f'to start container process: exec: "{name}": {why}: unknown'
    )
