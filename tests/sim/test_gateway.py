"""One control address in front of the two pretend outsides."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.sim import gateway
from bot.sim.cluster import serve as cluster_serve
from bot.sim.slack import serve as slack_serve


@pytest.fixture
async def control() -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    cluster = cluster_serve.SimulatedCluster(
        cluster_serve.ClusterOptions(nodes=3, scenario="healthy")
    )
    slack = slack_serve.SimulatedSlack(slack_serve.SlackOptions(port=0))
    await cluster.start()
    await slack.start()
    front = gateway.Gateway(cluster=cluster.control_url, slack=slack.page)
    base = await front.start()
    async with aiohttp.ClientSession() as session:
        yield session, base
    await front.stop()
    await slack.stop()
    await cluster.stop()


async def test_each_question_goes_to_the_side_that_knows(
    control: tuple[aiohttp.ClientSession, str],
) -> None:
    session, base = control

    async def get(path: str) -> dict[str, Any]:
        async with session.get(f"{base}/_sim/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    assert len((await get("truth"))["nodes"]) == 3
    assert (await get("messages?channel=C0ALERTS"))["messages"] == []
    assert "requests" in await get("requests?since=0")
    faults = (await get("faults"))["faults"]
    assert faults["relist"]["of"] == "cluster"
    assert faults["server_error"]["of"] == "slack"
    for name, of in (("server_error", "slack"), ("node_down", "cluster")):
        async with session.put(
            f"{base}/_sim/faults/{name}", json={"nodes": [], "params": {}}
        ) as put:
            assert put.status == 200, await put.text()
        told = (await get("faults"))["faults"][name]
        assert told["active"], told
        assert told["of"] == of
        async with session.delete(f"{base}/_sim/faults/{name}") as lifted:
            assert lifted.status == 200
        assert not (await get("faults"))["faults"][name]["active"]
    body = {"user": "U0OPERATOR", "channel": "C0ALERTS", "text": "/flannel status"}
    async with session.post(f"{base}/_sim/command", json=body) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
async def test_a_page_of_another_origin_is_refused(
    control: tuple[aiohttp.ClientSession, str], headers: dict[str, str]
) -> None:
    session, base = control
    async with session.get(f"{base}/_sim/truth", headers=headers) as answer:
        assert answer.status == 403


async def test_the_story_tells_what_was_broken_and_healed(
    control: tuple[aiohttp.ClientSession, str],
) -> None:
    session, base = control

    async def told(since: int = 0) -> dict[str, Any]:
        async with session.get(f"{base}/_sim/story?since={since}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    first = await told()
    assert first["scenario"] == "healthy"
    assert first["counts"]["nodes"] == first["counts"]["ready"] == 3
    assert first["next"] is None
    for name in ("slow", "node_down"):
        async with session.put(f"{base}/_sim/faults/{name}", json={}) as put:
            assert put.status == 200
    async with session.delete(f"{base}/_sim/faults/slow"):
        pass
    async with session.put(f"{base}/_sim/faults/no_such", json={}) as refused:
        assert refused.status >= 400
    news = await told(first["last"])
    assert [one["text"] for one in news["happenings"] if one["kind"] == "fault"] == [
        "broken in the pretend Slack: slow",
        "broken in the pretend cluster: node_down",
        "healed in the pretend Slack: slow",
    ]
    async with session.get(f"{base}/_sim/story?since=soon") as answer:
        assert answer.status == 400


async def test_every_fault_says_what_it_does(control: tuple[aiohttp.ClientSession, str]) -> None:
    session, base = control
    async with session.get(f"{base}/_sim/faults") as answer:
        faults = (await answer.json())["faults"]
    assert [name for name, fault in faults.items() if not fault["about"]] == []


async def test_the_page_reaches_the_cluster_through_its_own_server(
    control: tuple[aiohttp.ClientSession, str],
) -> None:
    session, base = control
    async with slack_serve.SimulatedSlack(slack_serve.SlackOptions(port=0)) as slack:
        door = f"{slack.page}_sim/outside"
        async with session.get(f"{door}/story") as answer:
            alone = await answer.json()
        assert alone["alone"]
        for bad in ({"control": "http://elsewhere.example"}, {"control": 3}, {}):
            async with session.put(door, json=bad) as answer:
                assert answer.status == 400, bad
        async with session.put(door, json={"control": base}) as answer:
            assert answer.status == 200
        async with session.get(f"{door}/story") as answer:
            assert (await answer.json())["counts"]["nodes"] == 3
        async with session.put(f"{door}/faults/node_down", json={"nodes": []}) as answer:
            assert (await answer.json())["active"]
        async with session.get(f"{door}/messages") as answer:
            assert answer.status == 404
        async with session.get(f"{door}/story", headers={"Origin": "http://evil"}) as answer:
            assert answer.status == 403
