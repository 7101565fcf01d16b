"""One control address for the whole pretend outside.

The simulated cluster and the simulated Slack are processes of their own, each with its own
`/_sim/*` endpoints. This forwards to the one that knows: `truth`, `requests` and the cluster's
faults to the cluster, everything about messages, commands and clicks to Slack. What has happened
in the cluster, and who broke what, it remembers itself: see `story`.
"""

import asyncio
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sim import story

_OF_CLUSTER = {"truth", "requests"}
_DONE_TO_FAULTS = {"PUT": "broken", "DELETE": "healed"}
_LOOK_SECONDS = 0.4
"""How old a look at the cluster may be before another one is taken, whoever asks."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Gateway:
    """Forwards control requests from loopback.

    Args:
        cluster: base URL of the simulated cluster's control.
        slack: base URL of the simulated Slack's control.
    """

    def __init__(self, *, cluster: str, slack: str) -> None:
        self._cluster = cluster.rstrip("/")
        self._slack = slack.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._story = story.Story()
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    async def start(self, port: int = 0) -> str:
        """Listen on loopback and return the base URL."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        application = web.Application(middlewares=[_loopback_only])
        application.router.add_get("/_sim/story", self._tell)
        application.router.add_get("/_sim/faults", self._faults)
        application.router.add_route("*", "/_sim/faults/{name}", self._fault)
        application.router.add_route("*", "/_sim/{name}", self._forward)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _ask(self, base: str, request: web.Request) -> tuple[int, str, bytes]:
        assert self._session is not None
        body = await request.read()
        headers = {"Content-Type": request.content_type} if body else {}
        try:
            async with self._session.request(
                request.method, base + request.path_qs, data=body or None, headers=headers
            ) as answer:
                return answer.status, answer.content_type, await answer.read()
        except aiohttp.ClientError as error:
            text = f'{{"ok": false, "error": "{type(error).__name__}: not reachable"}}'
            return HTTPStatus.BAD_GATEWAY, "application/json", text.encode()

    async def _forward(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        of = request.query.get("of", "cluster" if name in _OF_CLUSTER else "slack")
        base = self._cluster if of == "cluster" else self._slack
        status, kind, body = await self._ask(base, request)
        return web.Response(status=status, body=body, content_type=kind)

    async def _get_faults(self, base: str) -> dict[str, Any]:
        return await self._get(base, "faults")

    async def _get(self, base: str, name: str) -> dict[str, Any]:
        assert self._session is not None
        async with self._session.get(f"{base}/_sim/{name}") as answer:
            told: dict[str, Any] = await answer.json()
            return told

    async def _faults(self, _request: web.Request) -> web.Response:
        """Tell both sides' faults by name, the standing ones as active."""
        cluster = await self._get_faults(self._cluster)
        slack = await self._get_faults(self._slack)
        about = slack.get("about", {})
        standing = {fault["name"]: fault for fault in slack["faults"]}
        of_slack = {
            name: {
                "of": "slack",
                "active": name in standing,
                "params": standing.get(name, {}).get("params", {}),
                "known_params": params,
                "about": about.get(name, ""),
            }
            for name, params in slack["known"].items()
        }
        of_cluster = {name: {"of": "cluster", **told} for name, told in cluster["faults"].items()}
        return web.json_response({"faults": {**of_slack, **of_cluster}})

    async def _fault(self, request: web.Request) -> web.Response:
        kind = request.match_info["name"].partition(":")[0]
        known = (await self._get_faults(self._cluster))["faults"]
        base = self._cluster if kind in known else self._slack
        status, content, body = await self._ask(base, request)
        if status == HTTPStatus.OK and request.method in _DONE_TO_FAULTS:
            side = "cluster" if base == self._cluster else "Slack"
            text = f"{_DONE_TO_FAULTS[request.method]} in the pretend {side}: {kind}"
            self._story.note("fault", text, at=time.time())
        return web.Response(status=status, body=body, content_type=content)

    async def _tell(self, request: web.Request) -> web.Response:
        """Tell what has happened so far, after happening number `since`."""
        since = request.query.get("since", "0")
        if not since.isdigit():
            return web.json_response({"ok": False, "error": "since must be a number"}, status=400)
        async with self._looking:
            if time.monotonic() - self._looked > _LOOK_SECONDS:
                try:
                    truth = await self._get(self._cluster, "truth")
                except (aiohttp.ClientError, TimeoutError) as error:
                    words = f"{type(error).__name__}: the pretend cluster does not answer"
                    return web.json_response({"ok": False, "error": words}, status=502)
                self._story.observe(truth, at=time.time())
                self._looked = time.monotonic()
        return web.json_response({"ok": True, **self._story.tell(since=int(since))})


@web.middleware
async def _loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse pages of other origins: a browser must not be a way in."""
    host = urlsplit(f"//{request.host}").hostname
    origin = request.headers.get("Origin")
    if host not in _LOOPBACK or (origin and urlsplit(origin).hostname not in _LOOPBACK):
        return web.json_response({"ok": False, "error": "loopback only"}, status=403)
    return await handler(request)
