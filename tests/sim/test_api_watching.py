"""Watches over the wire."""

import asyncio
import dataclasses

import aiohttp
import pytest

from bot.sim.cluster import http_forms
from tests.sim import api

MAPS = "/api/v1/namespaces/default/configmaps"
EVENTS = [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def _map(name: str, **labels: str) -> dict:
    return {"metadata": {"name": name, "labels": labels}}


async def _read_all(response: aiohttp.ClientResponse) -> None:
    while await response.content.readany():
        pass


def _names(events: list[dict]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


async def test_a_pod_that_leaves_the_selector_comes_as_deleted_in_its_old_state() -> None:
    async with api.serving() as server:
        server.registry.create("configmaps", "default", _map("a", color="red"))
        async with server.watch(MAPS, labelSelector="color=red") as watch:
            assert (await watch.next())["type"] == "ADDED"
            blue = {"metadata": {"labels": {"color": "blue"}}}
            changed = server.registry.patch("configmaps", "default", "a", blue, kind="merge")
            left = await watch.next()
            assert left["type"] == "DELETED"
            assert left["object"]["metadata"]["labels"] == {"color": "red"}
            version = changed["metadata"]["resourceVersion"]
            assert left["object"]["metadata"]["resourceVersion"] == version
            # What happens outside of the selector is not told, not even the end.
            server.registry.delete("configmaps", "default", "a")
            server.registry.create("configmaps", "default", _map("b", color="red"))
            assert _names([await watch.next()]) == [("ADDED", "b")]


async def test_a_watch_resumes_without_a_gap_and_without_a_repetition() -> None:
    async with api.serving() as server:
        begin = server.store.revision
        server.registry.create("configmaps", "default", _map("a"))
        server.registry.patch("configmaps", "default", "a", {"data": {"k": "v"}}, kind="merge")
        server.registry.delete("configmaps", "default", "a")
        for skipped in range(4):
            async with server.watch(
                MAPS, resourceVersion=str(begin + skipped), timeoutSeconds="0.05"
            ) as watch:
                assert _names(await watch.rest()) == EVENTS[skipped:]


async def test_no_change_falls_between_the_history_and_what_follows() -> None:
    async with api.serving() as server:
        begin = server.store.revision
        stop = asyncio.Event()

        async def write() -> int:
            count = 0
            while not stop.is_set():
                server.registry.create("configmaps", "default", _map(f"m{count:05}"))
                count += 1
                # Slow enough that the window of remembered changes reaches back to the begin.
                await asyncio.sleep(0.001)
            return count

        writing = asyncio.create_task(write())
        for _ in range(5):
            async with server.watch(
                MAPS, resourceVersion=str(begin), timeoutSeconds="0.1"
            ) as watch:
                names = [name for _, name in _names(await watch.rest())]
                assert names == [f"m{number:05}" for number in range(len(names))]
                assert names
        stop.set()
        assert await writing > 0


async def test_a_compacted_resume_is_one_error_event_after_http_200() -> None:
    async with api.serving() as server:
        server.registry.create("configmaps", "default", _map("a"))
        server.store.compact(server.store.revision)
        async with server.watch(MAPS, resourceVersion="1") as watch:
            (event,) = await watch.rest()
            assert event["type"] == "ERROR"
            assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


async def test_bookmarks_come_on_their_interval_and_carry_the_newest_revision() -> None:
    options = dataclasses.replace(api.FAST, bookmark_interval=0.05)
    async with api.serving(options=options) as server:
        async with server.watch(MAPS, allowWatchBookmarks="true", resourceVersion="0") as watch:
            server.registry.create("namespaces", "", {"metadata": {"name": "elsewhere"}})
            bookmark = await watch.next()
            assert bookmark["type"] == "BOOKMARK"
            assert bookmark["object"]["metadata"] == {"resourceVersion": str(server.store.revision)}
            assert (await watch.next())["type"] == "BOOKMARK"
        async with server.watch(MAPS, timeoutSeconds="0.2") as watch:
            assert await watch.rest() == []


async def test_a_watch_of_all_namespaces_and_of_one() -> None:
    async with (
        api.serving() as server,
        server.watch("/api/v1/configmaps") as everywhere,
        server.watch(MAPS) as here,
    ):
        server.registry.create("configmaps", "kube-system", _map("there"))
        server.registry.create("configmaps", "default", _map("here"))
        assert _names([await everywhere.next(), await everywhere.next()]) == [
            ("ADDED", "there"),
            ("ADDED", "here"),
        ]
        assert _names([await here.next()]) == [("ADDED", "here")]


async def test_a_change_is_encoded_once_however_many_watch_it(monkeypatch) -> None:
    encoded: list[object] = []
    real = http_forms.encode
    async with api.serving() as server:
        watches = [server.request("GET", MAPS, watch="true") for _ in range(20)]
        responses = [await watch for watch in watches]
        monkeypatch.setattr(
            http_forms, "encode", lambda value: encoded.append(value) or real(value)
        )
        server.registry.create("configmaps", "default", _map("a"))
        for response in responses:
            assert b'"ADDED"' in await api.Watch(response).line()
            response.close()
        assert len(encoded) == 1
        await api.until(lambda: server.server.watching == 0)


async def test_who_does_not_read_loses_the_watch_and_nobody_else_does() -> None:
    options = dataclasses.replace(api.FAST, watch_queue=50)
    async with (
        api.serving(options=options) as server,
        server.watch(MAPS) as reader,
        server.request("GET", MAPS, watch="true") as idle,
    ):
        big = "x" * 100_000

        async def read() -> int:
            return len([await reader.next() for _ in range(400)])

        reading = asyncio.create_task(read())
        for number in range(400):
            server.registry.create(
                "configmaps", "default", _map(f"m{number:03}") | {"data": {"big": big}}
            )
            await asyncio.sleep(0.001)
        assert await reading == 400
        await api.until(lambda: server.server.watching == 1)
        with pytest.raises(aiohttp.ClientError):
            await _read_all(idle)


async def test_a_client_that_goes_away_is_forgotten() -> None:
    async with api.serving() as server:
        response = await server.request("GET", MAPS, watch="true")
        assert server.server.watching == 1
        response.close()
        await api.until(lambda: server.server.watching == 0)


async def test_stopping_the_server_ends_its_watches_cleanly() -> None:
    async with api.serving() as server, server.watch(MAPS) as watch:
        stopping = asyncio.create_task(server.server.stop())
        assert await watch.rest() == []
        await stopping


async def test_a_table_watch_names_its_columns_once() -> None:
    async with api.serving() as server:
        server.registry.create("configmaps", "default", _map("a"))
        async with server.watch(MAPS, headers={"Accept": api.TABLE}) as watch:
            first = (await watch.next())["object"]
            assert [column["name"] for column in first["columnDefinitions"]] == [
                "Name",
                "Data",
                "Age",
            ]
            server.registry.patch("configmaps", "default", "a", {"data": {"k": "v"}}, kind="merge")
            later = (await watch.next())["object"]
            assert later["columnDefinitions"] is None
            assert later["rows"][0]["cells"][:2] == ["a", 1]


async def test_streamed_initial_events_end_with_their_mark() -> None:
    async with api.serving() as server:
        server.registry.create("configmaps", "default", _map("a"))
        async with server.watch(
            MAPS,
            sendInitialEvents="true",
            resourceVersionMatch="NotOlderThan",
            allowWatchBookmarks="true",
        ) as watch:
            assert _names([await watch.next()]) == [("ADDED", "a")]
            mark = await watch.next()
            annotations = mark["object"]["metadata"]["annotations"]
            assert annotations == {"k8s.io/initial-events-end": "true"}
            server.registry.create("configmaps", "default", _map("b"))
            assert _names([await watch.next()]) == [("ADDED", "b")]


async def test_clients_that_hang_up_leave_no_word_in_the_log(caplog) -> None:
    async with api.serving() as server:
        for _ in range(5):
            response = await server.request("GET", MAPS, watch="true")
            server.registry.create("configmaps", "default", {"metadata": {"generateName": "m-"}})
            response.close()
            server.registry.create("configmaps", "default", {"metadata": {"generateName": "m-"}})
        await api.until(lambda: server.server.watching == 0)
    assert caplog.records == []
