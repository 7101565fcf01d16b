"""The bot's one HTTP server: `/healthz`, `/readyz`, `/metrics`, and what others answer on it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.domain import errors


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen; port 0 picks a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bot: whether it works and, if not, why."""

    ok: bool
    reason: str = ""


_LINGERING = 1.0
"""Seconds that the rest of a body is waited for when its request was refused already."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Parts = Callable[[], Awaitable[dict[str, Part]]]


class HealthServer:
    """Answers probes and scrapes.

    Args:
        options: where to listen.
        alive: whether the event loop and its tasks turn; says nothing of the outside, because a
            restart of the bot cures no dead Slack.
        parts: slack, store and every mirror.
        metrics: the exposition text.
        posts: by path, who else answers what is posted here.
    """

    def __init__(
        self,
        options: Options,
        *,
        alive: Callable[[], Part],
        parts: Parts,
        metrics: Callable[[], bytes],
        posts: Mapping[str, Handler] | None = None,
    ) -> None:
        self._options = options
        self._alive = alive
        self._parts = parts
        self._metrics = metrics
        self._posts = dict(posts or {})
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen and return the port. Raises Misconfigured if it is taken."""
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._serve_metrics)
        for path, handler in self._posts.items():
            application.router.add_post(path, handler)
        runner = web.AppRunner(application, access_log=None, lingering_time=_LINGERING)
        await runner.setup()
        site = web.TCPSite(runner, self._options.host, self._options.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise errors.Misconfigured(
                f"http.port: cannot listen on {self._options.host}:{self._options.port}: "
                f"{error.strerror or error}; choose another port or stop what holds it"
            ) from None
        self._runner = runner
        address: tuple[str, int] = runner.addresses[0]
        return address[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _request: web.Request) -> web.Response:
        alive = self._alive()
        parts = dict(await self._parts())
        if not alive.ok:
            # What `ok` is judged by, and the parts of the outside do not explain.
            parts["loop"] = alive
        return _answer(alive.ok, parts)

    async def _readyz(self, _request: web.Request) -> web.Response:
        parts = await self._parts()
        return _answer(all(part.ok for part in parts.values()), parts)

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )


def _answer(ok: bool, parts: dict[str, Part]) -> web.Response:
    body = {
        "ok": ok,
        "parts": {name: {"ok": part.ok, "reason": part.reason} for name, part in parts.items()},
    }
    return web.Response(
        status=200 if ok else 503, text=json.dumps(body) + "\n", content_type="application/json"
    )
