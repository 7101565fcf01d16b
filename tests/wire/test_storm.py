"""A storm of thousands of findings, over the wire, under a Slack that is dead at first."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.wire import between

pytestmark = [pytest.mark.trial, pytest.mark.timeout(240)]

SETS, EACH = 50, 100


async def test_five_thousand_findings_at_once_are_each_told_once_and_nobody_is_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with between.between(tmp_path, monkeypatch) as on:
        pods = [(f"agent-{number % SETS}", number) for number in range(SETS * EACH)]
        for owner, number in pods:
            on.pod(owner, node=f"node-{number % 3 + 1}", number=number)
        async with on.running():
            await on.ready()
            assert await on.cards() == []
            on.fault("server_error")
            for owner, number in pods:
                on.turn(owner, well=False, number=number)
                if number % 100 == 0:
                    await asyncio.sleep(0)  # a cluster tells of them one after the other
            await on.until(lambda: on.knows(SETS))
            answered = await on.act(
                "command", user="U0OPERATOR", channel="C0ALERTS", text="/flannel status"
            )
            assert answered["acked"], "the storm keeps nobody from being heard"
            await on.leap(timedelta(minutes=10))
            on.lift("server_error")
            await on.drift(timedelta(minutes=1))
            await on.settled()
            known = await on.store.incidents(limit=SETS * 2)
            assert sum(len(each.affected) for each in known) == SETS * EACH
        assert await on.told() == sorted(each.id for each in known), "each once, none missing"
        shown = [one for one in await on.said() if one.get("thread_ts") in (None, one["ts"])]
        assert len(shown) < 12, "a backlog is a few digests"
