"""Processes of the program, made by forking one that has imported it already.

What `python -m bot` imports takes it two seconds of CPU, and the tests start more than a hundred.
Here one process has done the importing for each that runs tests, and forks itself for each start:
the fork goes through `bot.__main__` with its own arguments, environment, directory and streams,
and ends as that ends: threads waited for, exit functions run, streams flushed. Two things are
different: the modules are there by then, and at the end nobody takes them to pieces, which would
copy every page that is shared with the forge (half a second of CPU at each end); tests/packaging
starts the program as it is installed.

A start is one connection: JSON and the descriptors of both streams go there, the process id comes
back, and the exit code at the end, from a keeper between the two that waits for it.
"""

import asyncio
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WORLDS = (
    "bot.cli", "bot.app", "bot.byhand", "bot.checking", "bot.demo", "bot.doctoring",
    "bot.reloading", "bot.sim.cluster.serve", "bot.sim.slack.serve", "bot.__main__",
)  # fmt: skip
"""What the program's commands import when they are called."""
AHEAD = "TESTS_CLOCK_AHEAD"
"""In a start's environment: by how many seconds the clock of its machine is wrong."""


async def _line(loop: asyncio.AbstractEventLoop, link: socket.socket) -> bytes:
    """Read up to the next line's end and no further: both numbers may have come by then."""
    line = b""
    while not line.endswith(b"\n"):
        byte = await loop.sock_recv(link, 1)
        assert byte, "the forge is gone"
        line += byte
    return line


class Forged:
    """A process as `asyncio.subprocess.Process` shows one, as far as tests ask."""

    def __init__(self, link: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._link = link
        self._ended = asyncio.ensure_future(self._end())

    async def _end(self) -> int:
        with self._link:
            self.returncode = int(await _line(asyncio.get_running_loop(), self._link))
        return self.returncode

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


async def start(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: int, stderr: int
) -> Forged:
    """Start `python -m bot ARGUMENTS`. `stdout` and `stderr` may be closed afterwards."""
    link, theirs = socket.socketpair()
    link.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        with theirs:
            socket.send_fds(_forge()[0], [b"\n"], [theirs.fileno(), stdout, stderr])
        asked = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)})
        await loop.sock_sendall(link, asked.encode() + b"\n")
        return Forged(link, int(await _line(loop, link)))
    except BaseException:
        link.close()
        raise


@functools.cache
def _forge() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Begin this process's forge, and the socket that asks it; it ends when that is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.forge", str(theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=[theirs.fileno()],
        )
    assert ours.recv(1), "the forge did not start"
    return ours, process


def serve(asking: socket.socket) -> None:
    """Fork for each start that is asked for, until nobody is left to ask."""
    for world in WORLDS:
        importlib.import_module(world)
    gc.freeze()  # a collection in a fork would write to, and so copy, every page
    asking.sendall(b"\n")
    while asked := socket.recv_fds(asking, 1, 3)[1]:
        if not os.fork():
            asking.close()
            _keep(socket.socket(fileno=asked[0]), asked[1:])
            return
        for descriptor in asked:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _keep(link: socket.socket, streams: Sequence[int]) -> None:
    """Fork the program and tell how it ended; only the program itself comes back from here."""
    with link.makefile("rb") as lines:
        asked = json.loads(lines.readline())
    pid = os.fork()
    if pid:
        for descriptor in streams:
            os.close(descriptor)
        link.sendall(b"%d\n" % pid)
        link.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os._exit(0)
    link.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for there, here in zip((nothing, *streams), (0, 1, 2), strict=True):
        os.dup2(there, here)
        os.close(there)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    if ahead := float(os.environ.pop(AHEAD, "0")):
        _set_clock(ahead)
    sys.argv = ["bot", *asked["arguments"]]
    program = sys.modules["bot.__main__"]
    sys.modules["__main__"] = program  # what a child that it spawns imports again
    code: object = None
    try:
        program.main()
    except SystemExit as ending:
        code = ending.code
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined]  # as at an ordinary end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else bool(code))


def _set_clock(ahead: float) -> None:
    clock = sys.modules["bot.adapters.clock"].SystemClock
    right = clock.now
    clock.now = lambda self: right(self) + timedelta(seconds=ahead)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
