"""A name server that does not answer for one cluster delays nobody else."""

import asyncio
import concurrent.futures
import socket
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.cluster import client, failures, names
from tests.adapters.cluster.conftest import World
from tests.adapters.cluster.scripted import eventually, write_kubeconfig
from tests.adapters.cluster.test_client import ASK

HANGS = "api.hangs.example"


class NameServer:
    """Never answers for one name until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.released = threading.Event()
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: str, *args: Any, **kwargs: Any) -> Any:
        if host == HANGS:
            self.asked.append(host)
            self.threads.add(threading.current_thread().name)
            self.released.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._real(host, *args, **kwargs)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.released.set()


async def test_a_lookup_that_hangs_holds_up_neither_other_clusters_nor_what_is_judged(
    world: World, server: NameServer, tmp_path: Path
) -> None:
    # The loop's own pool has one thread, so that whoever takes one takes all.
    asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
    port = world.server.url.rpartition(":")[2]
    write_kubeconfig(world.kubeconfig, f"http://localhost:{port}")
    far = write_kubeconfig(tmp_path / "far", f"http://{HANGS}:{port}")
    async with AsyncExitStack() as stack:
        hanging = [
            await stack.enter_async_context(
                client.Client(
                    replace(world.options(name="far", request_timeout=0.2), kubeconfig=far),
                    clock=world.clock,
                    telemetry=world.telemetry,
                )
            )
            for _ in range(3)
        ]
        asking = [asyncio.create_task(one.send(ASK)) for one in hanging for _ in range(3)]
        await eventually(lambda: len(server.asked) == len(hanging), why="(each looks up once)")
        async with asyncio.timeout(20), world.client() as near:
            await near.send(ASK)
            assert await asyncio.to_thread(lambda: "judged") == "judged"
        assert {name.partition("_")[0] for name in server.threads} == {"names-far"}
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(one, failures.Failure) for one in told), "given up by its own limit"
        # Asking again and again takes no more threads than one cluster has.
        again = await asyncio.gather(*(one.send(ASK) for one in hanging), return_exceptions=True)
        assert all(isinstance(one, failures.Failure) for one in again)
        assert len(server.asked) == len(hanging)


async def test_a_name_without_an_address_is_told_as_that(world: World) -> None:
    write_kubeconfig(world.kubeconfig, "http://nobody.invalid:1")
    async with world.client() as api:
        with pytest.raises(failures.Failure, match=r"nobody\.invalid"):
            await api.send(ASK)


async def test_both_families_of_a_name_are_found_and_scopes_kept() -> None:
    found = names.Resolver("x")
    try:
        told = await found.resolve("localhost", 6443)
        assert {one["host"] for one in told} <= {"127.0.0.1", "::1"}
        assert {one["port"] for one in told} == {6443}
    finally:
        await found.close()
