"""What goes into the child process: one drawing."""

import msgspec

from bot.flow import drawings

LARGEST = 8 * 2**20
"""Bytes of a picture; a larger one is a mistake."""


class Job(msgspec.Struct, omit_defaults=True):
    """One of them is set."""

    memory: drawings.MemoryChart | None = None
    matrix: drawings.MatrixChart | None = None


def encode(drawing: drawings.Drawing) -> bytes:
    """Return a drawing as the child reads it."""
    if isinstance(drawing, drawings.MatrixChart):
        return msgspec.json.encode(Job(matrix=drawing))
    return msgspec.json.encode(Job(memory=drawing))


def decode(body: bytes) -> drawings.Drawing:
    """Return the drawing. Raises msgspec.DecodeError, or ValueError for none."""
    job = msgspec.json.decode(body, type=Job)
    found = job.memory or job.matrix
    if found is None:
        raise ValueError("there is nothing to draw")
    return found
