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
