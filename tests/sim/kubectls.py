"""The `kubectl`s of this machine, and one of them at work on a simulated cluster."""

import asyncio
import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path


def found() -> list[str]:
    """Every kubectl to try: that on the path, `kubectl-1.*` beside it, and those in `KUBECTL`."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    versioned = [path for folder in folders for path in sorted(folder.glob("kubectl-1.*"))]
    named = filter(None, os.environ.get("KUBECTL", "").split(os.pathsep))
    return list(dict.fromkeys([shutil.which("kubectl") or "kubectl", *map(str, versioned), *named]))


@functools.cache
def minor(command: str) -> int:
    """The minor version: 20 of 1.20.2."""
    told = subprocess.run(
        [command, "version", "--client", "-o", "json"],
        capture_output=True,
        check=True,
        timeout=30,
    )
    version = json.loads(told.stdout)["clientVersion"]["gitVersion"]
    match = re.match(r"v1\.(\d+)", version)
    assert match is not None, version
    return int(match.group(1))


class Kubectl:
    """One of them, with a kubeconfig and a home of its own.

    Args:
        kubeconfig: whose cluster it works on; its folder is the home.
        command: which one; the one on the path by default.
    """

    def __init__(self, kubeconfig: Path, command: str = "") -> None:
        self.command = command or found()[0]
        self.home = kubeconfig.parent
        self._kubeconfig = kubeconfig

    async def start(self, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
        """Begin, and let the caller read and end it."""
        return await asyncio.create_subprocess_exec(
            self.command,
            "--kubeconfig",
            str(self._kubeconfig),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **environment},
        )

    async def __call__(self, *arguments: str, fails: bool = False, **environment: str) -> str:
        """What it prints; on standard error where it is to fail."""
        process = await self.start(*arguments, **environment)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode != 0) == fails, (arguments, out.decode(), err.decode())
        return (err if fails else out).decode()
