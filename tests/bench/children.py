"""Processes that are measured, or that something is measured against."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120.0

_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A process did not do what it was started for; a benchmark cannot be made of that."""


class Child:
    """A process that says JSON, a line each, on stdout, and is told JSON on stdin."""

    def __init__(self, process: asyncio.subprocess.Process, what: str) -> None:
        self.process, self.what = process, what
        self.errors: list[str] = []
        self.heard: Callable[[dict[str, Any]], None] | None = None
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._readers = [
            asyncio.create_task(self._listen(process.stdout)),
            asyncio.create_task(self._overhear(process.stderr)),
        ]

    @property
    def pid(self) -> int:
        return self.process.pid

    async def said(self, *, within: float = PATIENCE) -> dict[str, Any]:
        """The next line that nobody listened to."""
        waiting = asyncio.ensure_future(self._said.get())
        ended = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait({waiting, ended}, timeout=within, return_when="FIRST_COMPLETED")
            if not waiting.done() and ended.done():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(waiting), 1)
            if not waiting.done():
                state = f"ended with {self.process.returncode}" if ended.done() else "is silent"
                raise Failed(f"{self.what} {state}: {' / '.join(self.errors[-5:])}")
            return waiting.result()
        finally:
            waiting.cancel()
            ended.cancel()

    async def ask(self, **what: Any) -> dict[str, Any]:
        """Tell it something and return its answer."""
        self.tell(**what)
        return await self.said()

    def tell(self, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def end(self) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 20)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        await asyncio.gather(*self._readers)

    async def _listen(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for line in stream:
            text = line.decode(errors="replace").strip().removeprefix("READY ")
            try:
                told = json.loads(text)
            except ValueError:
                self.errors.append(text)
                continue
            if self.heard is not None and "heard" in told:
                self.heard(told)
            else:
                self._said.put_nowait(told)

    async def _overhear(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for line in stream:
            self.errors.append(line.decode(errors="replace").rstrip())
            del self.errors[:-2000]


@contextlib.asynccontextmanager
async def running(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Run a module of this project and end it at the end."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("FLANNEL_BOT_", "SLACK_", "KUBE"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments,
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**24,
    )  # fmt: skip
    child = Child(process, f"{module} {' '.join(arguments)}".strip())
    try:
        yield child
    finally:
        await child.end()


async def until(
    look: Callable[[], Awaitable[Any]], *, within: float = PATIENCE, every: float = 0.05, what: str
) -> Any:
    """Look until something truthy is seen."""
    deadline = time.monotonic() + within
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come within {within:g} s")
        await asyncio.sleep(every)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far, its ended children left out."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int | str, field: str = "VmRSS") -> float:
    """Resident memory now, or with "VmHWM" at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise Failed(f"process {pid} tells no {field}")
