"""The rest of the pretend outside, reached through this server, so that its page may.

The page talks to its own server alone. Whoever runs a pretend cluster beside this Slack tells the
address of their common control; what is asked under `/_sim/outside/` is then asked there.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

_READABLE = frozenset({"truth", "story", "faults", "requests"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Outside:
    """Forwards to one address on loopback, once it is known."""

    def __init__(self) -> None:
        self._control: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def life(self, _app: web.Application) -> AsyncIterator[None]:
        """Hold the connections as long as the server serves."""
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as self._session:
            yield

    def routes(self) -> list[web.RouteDef]:
        """Telling the address, and everything asked through it."""
        return [
            web.put("/_sim/outside", self._meet),
            web.get("/_sim/outside/{name}", self._read),
            web.put("/_sim/outside/faults/{fault}", self._fault),
            web.delete("/_sim/outside/faults/{fault}", self._fault),
        ]

    async def _meet(self, request: web.Request) -> web.Response:
        try:
            address = (await request.json())["control"]
            parts = urlsplit(address)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _failed("control must be an address", HTTPStatus.BAD_REQUEST)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            return _failed("control must be http on loopback", HTTPStatus.BAD_REQUEST)
        self._control = f"http://{parts.netloc}"
        return web.json_response({"ok": True})

    async def _read(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _READABLE:
            return _failed(f"there is no {name} outside", HTTPStatus.NOT_FOUND)
        return await self._ask(request, name)

    async def _fault(self, request: web.Request) -> web.Response:
        return await self._ask(request, f"faults/{request.match_info['fault']}")

    async def _ask(self, request: web.Request, path: str) -> web.Response:
        if self._control is None or self._session is None:
            # Nobody's fault: a pretend Slack by itself has nothing beside it.
            return web.json_response({"ok": False, "alone": True, "error": "no cluster beside"})
        body = await request.read()
        try:
            async with self._session.request(
                request.method,
                f"{self._control}/_sim/{path}",
                params=request.query,
                data=body or None,
                headers={"Content-Type": "application/json"} if body else {},
            ) as answer:
                return web.Response(
                    body=await answer.read(), status=answer.status, content_type="application/json"
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            words = f"the pretend cluster does not answer: {type(error).__name__}"
            return _failed(words, HTTPStatus.BAD_GATEWAY)


def _failed(error: str, status: HTTPStatus) -> web.Response:
    return web.json_response({"ok": False, "error": error}, status=status)
