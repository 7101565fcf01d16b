"""A whole simulated cluster: made from options, started, stopped; and as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import secrets
import signal
import sys
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sim.cluster import (
    backends,
    certificates,
    control,
    execution,
    faults,
    http,
    http_access,
    logs,
    misbehaviour,
    rbac,
    registry,
    requestlog,
    store,
    timing,
    truth,
    usage,
    world,
)
from bot.sim.scenarios import scenario


class CannotStart(Exception):
    """The cluster cannot be had as asked; the text is for people and names the option."""


@dataclass(frozen=True)
class ClusterOptions:
    """What a simulated cluster is to be.

    Attributes:
        port: of the API server; 0 picks a free one.
        control_port: of the control endpoints; 0 picks a free one.
        host: the address the API server listens on.
        nodes: how many machines.
        seed: the same seed gives the same machines.
        speed: seconds of the simulation in a real one.
        scenario: a name of `scenario.ALL`.
        backend: flannel's, a name of `backends.NAMES`.
        direct_routing: vxlan alone: plain routes to nodes on the same link.
        write_kubeconfig: where to leave a kubeconfig, if anywhere.
        ready_file: where to leave what `READY` tells, if anywhere.
    """

    port: int = 0
    control_port: int = 0
    host: str = "127.0.0.1"
    nodes: int = 120
    seed: int = 1
    speed: float = 10.0
    scenario: str = "story"
    backend: str = "vxlan"
    direct_routing: bool = False
    write_kubeconfig: Path | None = None
    ready_file: Path | None = None


class SimulatedCluster:
    """One cluster on the running event loop.

    Args:
        options: what it is to be.

    Raises:
        CannotStart: an option makes no sense.
    """

    def __init__(self, options: ClusterOptions) -> None:
        if options.scenario not in scenario.ALL:
            known = ", ".join(scenario.ALL)
            raise CannotStart(f"--scenario: no scenario {options.scenario!r}; there are: {known}")
        if options.backend not in backends.NAMES:
            known = ", ".join(backends.NAMES)
            raise CannotStart(f"--backend: no backend {options.backend!r}; there are: {known}")
        if options.direct_routing and options.backend != "vxlan":
            raise CannotStart(f"--direct-routing is vxlan's: {options.backend} has no tunnel")
        if not 1 <= options.nodes <= MOST_NODES:
            raise CannotStart(f"--nodes must be between 1 and {MOST_NODES}, not {options.nodes}")
        if not 0 < options.speed <= FASTEST:
            raise CannotStart(
                f"--speed must be above 0 and at most {FASTEST:g}, not {options.speed:g}"
            )
        self.options = options
        self.token = secrets.token_urlsafe(24)
        self.control_url = ""
        self._started = False

    async def start(self) -> None:
        """Build the world and listen.

        Raises:
            CannotStart: a port is taken.
        """
        options = self.options
        rng = random.Random(f"{options.seed}/api")
        self.clock = timing.Timing(speed=options.speed)
        self.registry = registry.Registry(store.Store(), rng=rng)
        self.world = world.World(
            self.registry,
            self.clock,
            plan=scenario.ALL[options.scenario],
            nodes=options.nodes,
            seed=options.seed,
            backend=backends.Backend(options.backend, direct_routing=options.direct_routing),
        )
        self.switchboard = misbehaviour.Switchboard(rng=rng)
        self.requests = requestlog.RequestLog()
        self.faults = faults.Faults(self.world, self.switchboard)
        self.api = http.ApiServer(
            self.registry,
            certificates=certificates.issue([options.host]),
            tokens=http_access.Tokens({self.token: http_access.ADMIN}),
            authorizer=rbac.Authorizer(self.registry.store),
            logs=logs.Source(self.world.book, look=self.world.worker_of),
            exec_source=execution.Source(self.world),
            usage=usage.Source(self.world),
            options=http.Options(
                bookmark_interval=60.0 / options.speed,
                bookmark_margin=2.0 / options.speed,
                future_wait=3.0 / options.speed,
                watch_timeout=1800.0 / options.speed,
            ),
            switchboard=self.switchboard,
            requests=self.requests,
        )
        self._control = control.Control(self.world, self.faults, self.requests)
        await self._listening(self.api.start(options.host, options.port), "--port", options.port)
        try:
            port = await self._listening(
                self._control.start(options.control_port), "--control-port", options.control_port
            )
            self.control_url = f"http://127.0.0.1:{port}"
            if options.write_kubeconfig is not None:
                written = json.dumps(self.kubeconfig(), indent=2)
                _write(options.write_kubeconfig, written, "--write-kubeconfig")
        except CannotStart:
            await self.api.stop()
            await self._control.stop()
            raise
        self.world.start()
        self._started = True

    async def stop(self) -> None:
        """End everything; harmless twice."""
        if self._started:
            self._started = False
            self.world.stop()
            await self._control.stop()
            await self.api.stop()

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return self.api.url

    def kubeconfig(self) -> dict[str, Any]:
        """How to reach it, with the authority inline; JSON is YAML, too."""
        return self.api.kubeconfig(self.token)

    def truth(self) -> dict[str, Any]:
        """What `/_sim/truth` tells."""
        return truth.of_world(self.world)

    def ready(self) -> dict[str, Any]:
        """What `READY` tells."""
        path = self.options.write_kubeconfig
        return {
            "kube_api": self.url,
            "control": self.control_url,
            "kubeconfig": None if path is None else str(path),
            "token": self.token,
            "nodes": self.options.nodes,
        }

    async def _listening(self, listening: Awaitable[int], option: str, port: int) -> int:
        try:
            return await listening
        except OSError as failure:
            # asyncio writes a sentence of its own around what the system says.
            number = failure.errno or 0
            why = os.strerror(number) if number > 0 else str(failure)
            raise CannotStart(
                f"{option}: port {port} on {self.options.host} cannot be used ({why}); choose "
                "another, or 0 for any free one"
            ) from failure


MOST_NODES = 8000
"""More would not find a /24 in the pod network."""

FASTEST = 1000.0


async def run(options: ClusterOptions) -> None:
    """Serve a cluster until SIGINT or SIGTERM.

    One line goes to stdout when it is ready: ``READY`` and the JSON that the ready file gets, too.

    Raises:
        CannotStart: an option makes no sense, a port is taken, a file cannot be written.
    """
    cluster = SimulatedCluster(options)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    try:
        await cluster.start()
        told = json.dumps(cluster.ready())
        if options.ready_file is not None:
            _write(options.ready_file, told, "--ready-file")
        sys.stdout.write(f"READY {told}\n")
        sys.stdout.flush()
        await over.wait()
    finally:
        await cluster.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _write(path: Path, text: str, option: str) -> None:
    """Write a file so that a reader sees all of it or nothing, and nobody else reads it.

    Raises:
        CannotStart: it cannot be written.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        Path(temporary).replace(path)
    except OSError as failure:
        with contextlib.suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise CannotStart(
            f"{option}: cannot write {path}: {failure.strerror or failure}"
        ) from failure
