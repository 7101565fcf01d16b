"""Pictures from the bot's side: a child process for each, bounded in time, memory and number."""

import asyncio
import contextlib
import os
import sys
import tempfile
from dataclasses import dataclass

import structlog

from bot.adapters.charts import job
from bot.domain import errors
from bot.flow import drawings

log = structlog.get_logger(__name__)

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds of one child. Times in seconds, memory in bytes of address space."""

    within: float = 30.0
    memory: int = 2 * 2**30
    """numpy's libraries map more than they use."""
    at_once: int = 1


class Painter:
    """Implements `bot.flow.drawings.Painter`.

    Args:
        options: bounds of one child.
        module: what is run; tests run others.
    """

    def __init__(
        self, options: Options | None = None, *, module: str = "bot.adapters.charts.child"
    ) -> None:
        self._options = options or Options()
        self._module = module
        self._turns = asyncio.Semaphore(self._options.at_once)
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    async def paint(self, drawing: drawings.Drawing) -> bytes:
        """Return a PNG.

        Raises:
            Unavailable: it took too long, or the child failed.
        """
        body = job.encode(drawing)
        try:
            async with asyncio.timeout(self._options.within), self._turns:
                return await self._run(body)
        except TimeoutError:
            raise errors.Unavailable(
                f"the picture was not ready within {self._options.within:g} s"
            ) from None

    async def close(self) -> None:
        """Remove what drawings left behind."""
        if self._directory is not None:
            directory, self._directory = self._directory, None
            await asyncio.to_thread(directory.cleanup)

    async def _run(self, body: bytes) -> bytes:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            str(self._options.memory),
            str(int(self._options.within) + 1),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
        )
        try:
            out, said = await child.communicate(body)
        finally:
            # Whoever waited may be gone; a picture that nobody wants must not go on being made.
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if child.returncode != 0 or not out.startswith(_PNG) or len(out) > job.LARGEST:
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
            log.warning("picture_failed", code=child.returncode, bytes=len(out), said=last)
            raise errors.Unavailable("the picture could not be drawn")
        return out

    def _environment(self) -> dict[str, str]:
        """Nothing of ours but the way to the code: the child needs no secrets."""
        if self._directory is None:
            # Kept between pictures: matplotlib's list of fonts takes seconds to make.
            self._directory = tempfile.TemporaryDirectory(prefix="flannel-bot-charts-")
        return {
            "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path),
            "MPLCONFIGDIR": self._directory.name,
            "MPLBACKEND": "Agg",
            "HOME": self._directory.name,
            # One picture is no work for several threads, each of which maps memory.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
