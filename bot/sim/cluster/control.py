"""The control of the simulated cluster: ``/_sim/*`` over plain HTTP on loopback.

It is not part of what is simulated. Requests that came by another name than loopback, or from a
web page of another origin, are refused: a browser must not be able to reach it by accident.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bot.sim.cluster import faults, requestlog, truth, world

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Serves the control endpoints of one world."""

    def __init__(
        self, of: world.World, switches: faults.Faults, requests: requestlog.RequestLog
    ) -> None:
        self._world = of
        self._faults = switches
        self._requests = requests
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on loopback.

        Returns:
            The port.

        Raises:
            OSError: the port is taken.
        """
        application = web.Application(middlewares=[_guarded])
        application.router.add_get("/_sim/truth", self._truth)
        application.router.add_get("/_sim/requests", self._log)
        application.router.add_get("/_sim/faults", self._all_faults)
        application.router.add_get("/_sim/faults/{name}", self._one_fault)
        application.router.add_put("/_sim/faults/{name}", self._strike)
        application.router.add_delete("/_sim/faults/{name}", self._heal)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _truth(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(truth.of_world(self._world))

    async def _log(self, request: web.Request) -> web.Response:
        text = request.query.get("since", "0")
        if not text.isdigit():
            return _refused(400, f"since must be a sequence number, not {text!r}")
        entries = self._requests.since(int(text))
        return web.json_response({"requests": entries, "last": self._requests.last})

    async def _all_faults(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"faults": self._faults.describe()})

    async def _one_fault(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({"name": name, **self._faults.describe_one(name)})

    async def _strike(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = await _body(request)
        nodes, params = body.pop("nodes", []), body.pop("params", {})
        if body:
            raise faults.BadRequest(
                f"unknown keys: {', '.join(sorted(body))}; there are: nodes, params"
            )
        if not isinstance(nodes, list) or not all(isinstance(node, str) for node in nodes):
            raise faults.BadRequest("nodes must be a list of names")
        if not isinstance(params, dict):
            raise faults.BadRequest("params must be an object")
        self._faults.set(name, nodes=nodes, params=params)
        return web.json_response({"name": name, **self._faults.describe_one(name)})

    async def _heal(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        healed = self._faults.clear(name)
        return web.json_response({"name": name, "healed": healed, "active": False})


async def _body(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw)
    except ValueError as failure:
        raise faults.BadRequest(f"the body is no JSON: {failure}") from failure
    if not isinstance(found, dict):
        raise faults.BadRequest("the body must be a JSON object")
    return found


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    origin = request.headers.get("Origin")
    if not _is_loopback("//" + request.headers.get("Host", "")):
        return _refused(403, "only loopback names are served")
    if origin is not None and not _is_loopback(origin):
        return _refused(403, "requests of foreign origins are refused")
    try:
        return await handler(request)
    except faults.UnknownFault as refusal:
        return _refused(404, str(refusal))
    except faults.BadRequest as refusal:
        return _refused(400, str(refusal))
    except web.HTTPException as refusal:
        return _refused(refusal.status, refusal.reason)


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
