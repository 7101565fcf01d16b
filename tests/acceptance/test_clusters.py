"""One bot, several clusters: what is wrong with one, and whether it is there, is its own matter."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-b")]

MODES = ("hangs", "refuses", "unauthorized", "garbage")


@dataclass
class Broken:
    """An API server that is of no use, in ways that may change."""

    directory: Path
    mode: str = "hangs"
    port: int = 0
    tokens: set[str] = field(default_factory=set)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def kubeconfig(self) -> Path:
        """Plain HTTP, to which no token is sent."""
        made = self.directory / "broken.kubeconfig"
        one = {"cluster": {"server": f"http://127.0.0.1:{self.port}"}, "name": "c"}
        context = {"context": {"cluster": "c", "user": "u"}, "name": "x"}
        user = {"name": "u", "user": {}}
        made.write_text(
            json.dumps(
                {"apiVersion": "v1", "kind": "Config", "clusters": [one], "contexts": [context],
                 "users": [user], "current-context": "x"}
            )
        )  # fmt: skip
        return made

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if self.mode == "refuses":
                    return
                if self.mode == "unauthorized":
                    body = b'{"kind":"Status","code":401,"reason":"Unauthorized"}'
                    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"
                    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                if self.mode == "garbage":
                    body = b"\x00\xff{{<html>" * 20
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self.open.discard(writer)
            writer.close()


@contextlib.asynccontextmanager
async def broken(directory: Path) -> AsyncIterator[Broken]:
    one = Broken(directory)
    server = await asyncio.start_server(one.answer, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for writer in list(one.open):
            writer.transport.abort()


@dataclass
class Told:
    """The bot's configuration file, which changes while it runs."""

    outside: processes.Outside
    file: Path

    def clusters(self, **named: Path) -> None:
        entries = [{"name": name, "kubeconfig": str(path)} for name, path in named.items()]
        after = self.file.with_suffix(".new")
        after.write_text(json.dumps({"clusters": entries}))
        after.rename(self.file)

    def environment(self) -> dict[str, str]:
        given = self.outside.environment(
            FLANNEL_BOT_CONFIG=str(self.file),
            FLANNEL_BOT_PROCESS__RELOAD_EVERY="0.2",
            FLANNEL_BOT_MIRROR__REQUEST_TIMEOUT="1",
            FLANNEL_BOT_MIRROR__BACKOFF_MOST="1",
            FLANNEL_BOT_MIRROR__GAP_AFTER="0.1",
        )
        del given["FLANNEL_BOT_CLUSTERS"]
        return given


async def parts(bot: processes.Process, outside: processes.Outside) -> dict[str, Any]:
    """What is ready, of the newest beginning of the bot: each has a port of its own here."""
    ports = []
    for line in bot.errors:
        with contextlib.suppress(ValueError, KeyError):
            told = json.loads(line)
            ports += [told["port"]] if told["event"] == "listening" else []
    assert ports, bot.errors[-3:]
    async with outside.session.get(f"http://127.0.0.1:{ports[-1]}/readyz") as answer:
        return (await answer.json())["parts"]


async def asked(outside: processes.Outside, text: str) -> str:
    """Ask, and return what is answered to this person alone."""
    before = len(await outside.whispers())
    said = await outside.command(text)
    assert said["ok"], said

    async def answer() -> str:
        return "\n".join(each["text"] for each in (await outside.whispers())[before:])

    return await processes.until(answer, what=f"an answer to {text}")


async def test_a_cluster_that_is_broken_in_any_way_affects_no_other_and_may_come_and_go(
    tmp_path: Path,
) -> None:
    async with (
        processes.outside(tmp_path, nodes=4, speed=50, scenario="healthy") as outside,
        broken(tmp_path) as west,
    ):
        told = Told(outside, tmp_path / "bot.yaml")
        told.clusters(east=outside.kubeconfig, west=west.kubeconfig)
        async with processes.started("run", environment=told.environment()) as bot:

            async def apart() -> bool:
                seen = await parts(bot, outside)
                assert seen["mirror/east"]["ok"], seen
                assert seen["slack"]["ok"], seen
                assert not seen["mirror/west"]["ok"], seen
                return True

            for mode in MODES:
                west.mode = mode
                for writer in list(west.open):
                    writer.transport.abort()
                await processes.until(apart, what=f"east well while west {mode}")
                assert "east" in await asked(outside, "/flannel @east status")
                assert "did you mean" in (await asked(outside, "/flannel @est status")).lower()
            assert "@east" in await asked(outside, "/flannel check"), "asks which is meant"
            await outside.fault("flannel_crash")

            async def alarmed() -> list[dict[str, Any]]:
                return [each for each in await outside.cards() if "east" in each["text"]]

            await processes.until(alarmed, what="east's trouble")

            told.clusters(east=outside.kubeconfig, west=west.kubeconfig, south=tmp_path / "none")

            async def refused() -> bool:
                seen = await parts(bot, outside)
                assert "none" in seen["configuration"]["reason"], seen
                assert seen["mirror/east"]["ok"], seen
                return "mirror/south" not in seen

            await processes.until(refused, what="a refused configuration")

            told.clusters(west=west.kubeconfig)

            async def unwatched() -> bool:
                assert "mirror/east" not in await parts(bot, outside)
                cards = await alarmed()
                return all("No longer watched" in each["text"] for each in cards)

            await processes.until(unwatched, what="cards of what is watched no more")
            assert not any("Resolved" in each["text"] for each in await alarmed())

            told.clusters(east=outside.kubeconfig)

            async def again() -> bool:
                seen = await parts(bot, outside)
                assert seen["mirror/east"]["ok"], seen
                assert "mirror/west" not in seen
                assert not west.open, "its connections ended"
                return any("No longer" not in each["text"] for each in await alarmed())

            await processes.until(again, what="east's trouble told again")
            assert await bot.end() == 0
