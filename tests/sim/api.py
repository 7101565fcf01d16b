"""A simulated API server for tests, and a client that asks it over TLS."""

import asyncio
import contextlib
import json
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from bot.sim.cluster import certificates, http, http_access, registry, store

TOKEN = "secret-admin-token"
CERTIFICATES = certificates.issue()
"""Made once: keys take their time."""
FAST = http.Options(bookmark_interval=30.0, bookmark_margin=0.2, future_wait=0.1)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


class Api:
    """A running server with everything behind it, and a client's session."""

    def __init__(
        self, server: http.ApiServer, objects: registry.Registry, session: aiohttp.ClientSession
    ) -> None:
        self.server = server
        self.registry = objects
        self.store = objects.store
        self.session = session

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = TOKEN,
        **query: str,
    ) -> Any:
        head = {"Authorization": f"Bearer {token}"} if token else {}
        head |= {"Content-Type": "application/json"} if body is not None else {}
        head |= headers or {}
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        return self.session.request(
            method, self.server.url + path, params=query, data=data, headers=head
        )

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and decoded body."""
        async with self.request(method, path, body, **more) as response:
            return response.status, json.loads(await response.text())

    async def patch(
        self, path: str, body: Any, kind: str = "merge", **more: Any
    ) -> tuple[int, Any]:
        media = {"json": "json-patch", "merge": "merge-patch", "strategic": "strategic-merge-patch"}
        headers = {"Content-Type": f"application/{media[kind]}+json"}
        return await self.ask("PATCH", path, body, headers=headers, **more)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, **more: Any) -> AsyncIterator["Watch"]:
        async with self.request("GET", path, watch="true", **more) as response:
            assert response.status == 200, await response.text()
            yield Watch(response)


class Watch:
    """An open watch, read line by line."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def line(self, within: float = 5.0) -> bytes:
        return await asyncio.wait_for(self.response.content.readline(), within)

    async def next(self, within: float = 5.0) -> dict[str, Any]:
        line = await self.line(within)
        assert line, "the watch has ended"
        return json.loads(line)

    async def rest(self, within: float = 5.0) -> list[dict[str, Any]]:
        """Everything until the clean end."""
        text = await asyncio.wait_for(self.response.content.read(), within)
        return [json.loads(line) for line in text.splitlines()]


@contextlib.asynccontextmanager
async def serving(
    *,
    objects: registry.Registry | None = None,
    options: http.Options = FAST,
    identities: Mapping[str, http_access.Identity] | None = None,
    **more: Any,
) -> AsyncIterator[Api]:
    """A server on a free port; stopped and checked for leftovers at the end.

    `identities` are good beside the administrator's, by their tokens.
    """
    objects = objects or registry.Registry(store.Store(), rng=random.Random(7))
    server = http.ApiServer(
        objects,
        certificates=CERTIFICATES,
        tokens=http_access.Tokens({TOKEN: http_access.ADMIN, **(identities or {})}),
        options=options,
        **more,
    )
    await server.start("127.0.0.1", 0)
    tls = ssl.create_default_context(cadata=CERTIFICATES.authority.decode())
    try:
        connector = aiohttp.TCPConnector(ssl=tls)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Api(server, objects, session)
    finally:
        await server.stop()
        assert server.watching == 0


async def until(condition: Callable[[], Any], within: float = 5.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


def pod(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}], **spec},
    }


def daemonset(name: str, *, image: str = "registry.example/app:1") -> dict[str, Any]:
    container = {"name": "main", "image": image, "args": ["--a", "--b"]}
    container["resources"] = {"limits": {"memory": "50Mi"}, "requests": {"memory": "50Mi"}}
    return {
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
        },
    }
