"""The child process: a drawing on stdin, a PNG on stdout. Started by `painter` alone."""

import resource
import sys

from bot.adapters.charts import job
from bot.flow import drawings


def main(memory: int, seconds: int) -> None:
    """Draw within bounds of address space (bytes) and CPU time (seconds)."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    sys.stdout.buffer.write(picture(sys.stdin.buffer.read()))


def picture(body: bytes) -> bytes:
    """Return the PNG of a drawing, as `job` encodes it."""
    drawing = job.decode(body)
    # Deferred: this is the one process that imports matplotlib, and only after its bounds are set.
    from bot.adapters.charts import curves, grid

    if isinstance(drawing, drawings.MatrixChart):
        return grid.draw(drawing)
    return curves.draw(drawing)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
