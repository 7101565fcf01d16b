"""The running bot with the very account that the chart gives it."""

from pathlib import Path

import pytest

from tests.acceptance import chartered, processes
from tests.acceptance.test_network import asked

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-a")]


async def test_an_observing_bot_takes_every_right_it_is_given_and_no_other_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=8, seed=3, speed=10) as outside:
        account = await chartered.install(outside, {})
        told = outside.environment(
            FLANNEL_BOT_CLUSTERS=account.clusters(), FLANNEL_BOT_SCHEDULE__SAMPLES="2s"
        )
        async with processes.started("run", environment=told) as bot:
            await processes.bot_ready(bot, outside.session)
            for text in (
                "nics cp-1", "nics --all", "routes", "routes cp-1", "routes --all", "verify",
                "verify cp-1", "logs cp-1", "simulate ^(?:eth1|bond1)$", "simulate --iface eth1",
            ):  # fmt: skip
                answer = await asked(outside, text)
                assert "Something went wrong" not in answer, (text, bot.errors[-3:])

            async def all_used() -> bool:
                unused = account.unused(await outside.requests())
                assert unused == set()
                return True

            await processes.until(all_used, what="a use for every right")
            made = await outside.requests()
            assert chartered.refused(made) == []
            changing = {
                (one["method"], one["path"])
                for one in made
                if one["identity"] == account.user
                and one["method"] != "GET"
                and not str(one["path"]).endswith(("/exec", "reviews"))
            }
            assert not changing
            assert await bot.end() == 0
