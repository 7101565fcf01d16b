"""The `kubectl` of this machine: the peer whose work is compared with the bot's."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from typing import Any

from tests.bench import children


@dataclass(frozen=True)
class Told:
    """What one call printed and cost; `wall` and `cpu` in seconds."""

    out: str
    wall: float
    cpu: float


@dataclass(frozen=True)
class Kubectl:
    """One kubectl on one cluster."""

    path: str
    kubeconfig: str

    async def __call__(self, *arguments: str, given: str = "") -> Told:
        """Run it to its end. Raises Failed if it says that it failed."""
        with tempfile.TemporaryDirectory() as home:
            began, before = time.perf_counter(), os.times()
            process = await asyncio.create_subprocess_exec(
                self.path, "--kubeconfig", self.kubeconfig, *arguments,
                env={"PATH": os.environ["PATH"], "HOME": home},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, err = await process.communicate(given.encode())
            after, wall = os.times(), time.perf_counter() - began
        if process.returncode:
            said = err.decode(errors="replace").strip().splitlines()[-3:]
            raise children.Failed(f"kubectl ended with {process.returncode}: {' / '.join(said)}")
        used = after.children_user + after.children_system
        return Told(out.decode(), wall, used - before.children_user - before.children_system)

    async def json(self, *arguments: str) -> Any:
        """What it prints as JSON."""
        return json.loads((await self(*arguments, "-o", "json")).out)

    async def version(self) -> str:
        """Its version, as a peer's row names it."""
        return str((await self.json("version"))["clientVersion"]["gitVersion"])


def found() -> str:
    """The path of kubectl; empty where there is none."""
    return shutil.which("kubectl") or ""
