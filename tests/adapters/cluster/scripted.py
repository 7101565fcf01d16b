"""An API server that says exactly the bytes a test wants, over a real connection.

A list that no script covers is empty; a watch that none covers stays open and silent until
somebody `push`es to it or its time is over.
"""

import asyncio
import contextlib
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from bot.adapters.cluster import kinds
from tests.adapters.cluster import objects

NODES = "/api/v1/nodes"
PODS = "/api/v1/namespaces/kube-system/pods"
DAEMONSETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
ALL_DAEMONSETS = "/apis/apps/v1/daemonsets"
_KINDS = {kind.resource: kind.name for kind in kinds.ALL}


class End:
    """The server closes the watch in good order."""


class Drop:
    """The connection breaks."""


class Hold:
    """Nothing more comes, and the watch stays open, whatever was asked."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    body: bytes | str | dict[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0

    def response(self) -> web.Response:
        body = self.body
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        headers = {"Content-Type": "application/json", **self.headers}
        return web.Response(body=body, status=self.status, headers=headers)


Step = bytes | End | Drop | Hold | float | Answer
Guard = Callable[[web.Request], Answer | None]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float

    @property
    def watch(self) -> bool:
        return "watch" in self.query


class Server:
    """Plays scripts; remembers requests."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.guard: Guard | None = None
        self.open: dict[str, list[asyncio.Queue[Step]]] = defaultdict(list)
        self._lists: dict[str, list[Answer]] = {}
        self._watches: dict[str, list[list[Step]]] = {}
        self._stop = asyncio.Event()
        self.url = ""
        self.hung = False

    # What a test says

    def lists(self, path: str, *answers: Answer | bytes) -> None:
        """Answer lists of that path with these, one after another; the last one repeats."""
        self._lists[path] = [a if isinstance(a, Answer) else Answer(a) for a in answers]

    def watch(self, path: str, *connections: Iterable[Step]) -> None:
        """Play these on successive watches of that path; after them, watches stay open."""
        self._watches[path] = [list(steps) for steps in connections]

    def watch_always(self, path: str, *steps: Step) -> None:
        """Play this on every watch of that path."""
        self._watches[path] = [list(steps) for _ in range(100_000)]

    def push(self, path: str, *steps: Step) -> None:
        """Say this on every open watch of that path."""
        assert self.open[path], f"nobody watches {path}"
        for queue in self.open[path]:
            for step in steps:
                queue.put_nowait(step)

    # What a test asks

    def asked(self, path: str, *, watch: bool) -> list[Seen]:
        return [r for r in self.requests if r.path == path and r.watch == watch]

    # The server

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        headers = {name.lower(): text for name, text in request.headers.items()}
        seen = Seen(request.path, dict(request.query), headers, now)
        self.requests.append(seen)
        if self.hung:
            await self._stop.wait()
        if self.guard is not None:
            refused = self.guard(request)
            if refused is not None:
                return refused.response()
        if seen.watch:
            return await self._play(request, seen)
        return await self._answer(seen)

    async def _answer(self, seen: Seen) -> web.StreamResponse:
        answers = self._lists.get(seen.path)
        if answers is None:
            if seen.path == "/version":
                return Answer({"gitVersion": "v1.30.0"}).response()
            kind = _KINDS.get(seen.path.rpartition("/")[2])
            if kind is None:
                return Answer("404 page not found", 404).response()
            return Answer(objects.listed(kind, [])).response()
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.after:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(answer.after):
                    await self._stop.wait()
        return answer.response()

    async def _play(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        scripts = self._watches.get(seen.path)
        steps: list[Step] = scripts.pop(0) if scripts else []
        if steps and isinstance(steps[0], Answer):
            return steps[0].response()
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[Step] = asyncio.Queue()
        for step in steps:
            queue.put_nowait(step)
        self.open[seen.path].append(queue)
        seconds = int(seen.query.get("timeoutSeconds", "60"))
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(seconds) as scope:
                    await self._say(request, response, queue, scope)
        finally:
            self.open[seen.path].remove(queue)
        return response

    async def _say(
        self,
        request: web.Request,
        response: web.StreamResponse,
        queue: "asyncio.Queue[Step]",
        scope: asyncio.Timeout,
    ) -> None:
        while True:
            step = await self._next(queue)
            if isinstance(step, bytes):
                await response.write(step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, Drop):
                assert request.transport is not None
                request.transport.abort()
                return
            elif isinstance(step, Hold):
                scope.reschedule(None)
            else:
                return

    async def _next(self, queue: "asyncio.Queue[Step]") -> Step:
        get = asyncio.ensure_future(queue.get())
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({get, stop}, return_when=asyncio.FIRST_COMPLETED)
            return get.result() if get.done() else End()
        finally:
            get.cancel()
            stop.cancel()

    def stop(self) -> None:
        self._stop.set()


@contextlib.asynccontextmanager
async def serving(
    server: Server, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    app = web.Application()
    app.router.add_route("GET", "/{rest:.*}", server._handle)
    runner = web.AppRunner(app, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    number = runner.addresses[0][1]
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{number}"
    try:
        yield server
    finally:
        server.stop()
        await runner.cleanup()


def write_kubeconfig(
    path: Path,
    server: str,
    *,
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "someone"}}],
        "clusters": [{"name": "test", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "someone", "user": {"token": "secret"} if user is None else user}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


async def eventually(
    condition: Callable[[], Any], *, within: float = 5.0, why: str = "in time"
) -> Any:
    """Return the condition's value as soon as it is true; fail at the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        value = condition()
        if value:
            return value
        assert loop.time() < end, f"it did not happen {why}"
        await asyncio.sleep(0.005)


async def within(seconds: float, waiting: Awaitable[Any]) -> Any:
    async with asyncio.timeout(seconds):
        return await waiting
