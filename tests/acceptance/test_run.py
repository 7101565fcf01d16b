"""`run`, told by environment alone, between the two pretend outsides."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-a")]


def named(card: dict) -> set[str]:
    """The nodes that a card names as affected, wherever on it."""
    lines = re.findall(r"^(?:Affected|Also affected) .*$", card["text"], re.MULTILINE)
    listed = [line.partition(":")[2] or line for line in lines]
    return set(re.findall(r"\b(?:cp|phys|vm)-\d+\b", " ".join(listed)))


async def by_check(outside: processes.Outside, check: str) -> set[str]:
    """The nodes that unresolved cards of one check name."""
    nodes: set[str] = set()
    words = {"oom_killed": "OOM", "crash_loop": "crash-loop"}[check]
    for card in await outside.cards():
        header = next(b["text"]["text"] for b in card["blocks"] if b["type"] == "header")
        if words in header and "flannel" in header and "Resolved" not in header:
            nodes |= named(card)
    return nodes


@pytest.mark.parametrize(
    ("nodes", "seed", "fault"),
    [
        (120, 1, None),
        (30, 3, {"name": "matching_veth"}),
        (12, 11, {"name": "flannel_crash"}),
    ],
)
async def test_cards_name_exactly_the_nodes_that_truth_names(
    nodes: int, seed: int, fault: dict | None, tmp_path: Path
) -> None:
    async with processes.outside(tmp_path, nodes=nodes, seed=seed, speed=10) as outside:
        async with processes.started("run", environment=outside.environment()) as bot:
            await processes.bot_ready(bot, outside.session)
            if fault is not None:
                await outside.fault(fault["name"])

            async def agree() -> bool:
                truth = (await outside.truth())["summary"]
                killed = await by_check(outside, "oom_killed")
                looping = await by_check(outside, "crash_loop")
                assert killed == set(truth["oom_killed_nodes"]), (killed, truth)
                assert looping == set(truth["crash_looping_nodes"]), (looping, truth)
                return bool(killed or looping or fault is None)

            await processes.until(agree, within=90, what="agreement with the truth")
            assert await bot.end() == 0


async def test_a_small_cluster_has_no_trouble_but_what_waits_to_be_one(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=20, speed=50) as outside:
        async with processes.started("run", environment=outside.environment()) as bot:
            base = await processes.bot_ready(bot, outside.session)
            await asyncio.sleep(4)  # three minutes of the cluster's time
            (card,) = await outside.cards()
            assert "Warning" in card["text"]
            assert "flannel's --iface-regex=eth1|bond1 also matches pods' NICs" in card["text"]
            answer = await outside.command("/flannel status")
            assert answer["ok"], answer
            async with outside.session.get(f"{base}/metrics") as metrics:
                text = await metrics.text()
            assert 'flannel_bot_incidents{cluster="sim",state="open"} 1.0' in text
            requests = await outside.requests()
            assert {each["method"] for each in requests} == {"GET"}, "an observing bot only reads"


async def test_in_a_healthy_cluster_the_bot_says_nothing(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=20, speed=50, scenario="healthy") as outside:
        environment = {
            **outside.environment(),
            "FLANNEL_BOT_SCHEDULE__AUDIT": "2s",  # two passes over all nodes
            "FLANNEL_BOT_INSPECTION__SAMPLE": "20",
        }
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)
            await asyncio.sleep(5)
            assert await outside.cards() == []


async def test_killed_and_started_again_it_repeats_nothing_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=120, seed=2, speed=10) as outside:
        environment = outside.environment()
        # Killed at ever later moments while the story unfolds.
        for moment in (0.3, 1.0, 2.5):
            async with processes.started("run", environment=environment) as bot:
                await processes.bot_ready(bot, outside.session)
                await asyncio.sleep(moment)
                assert await bot.end(signal.SIGKILL) == -signal.SIGKILL
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)

            async def told() -> bool:
                truth = (await outside.truth())["summary"]
                killed = await by_check(outside, "oom_killed")
                looping = await by_check(outside, "crash_loop")
                happened = set(truth["oom_killed_nodes"])
                # A kill that was overwritten while nobody watched leaves no trace but a restart
                # that nothing explains: such a node is told as crash-looping.
                assert killed <= happened <= killed | looping, (killed, looping, truth)
                assert looping == set(truth["crash_looping_nodes"]), (looping, truth)
                return bool(killed or looping)

            await processes.until(told, within=90, what="every kill told")
            ids = [
                message["metadata"]["event_payload"]["outbox_id"]
                for message in await outside.messages()
                if message.get("metadata")
            ]
            assert len(ids) == len(set(ids)), "a message was sent twice"
            incidents = [
                card["metadata"]["event_payload"].get("incident")
                for card in await outside.cards()
                if card["metadata"]["event_payload"]["kind"] == "card"
            ]
            assert len(incidents) == len(set(incidents)), "an incident has two cards"


async def test_a_dead_slack_delays_and_says_so_but_loses_nothing(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=30, seed=5, speed=10) as outside:
        async with processes.started("run", environment=outside.environment()) as bot:
            await processes.bot_ready(bot, outside.session)
            await outside.fault("server_error", of="slack", params={"method": "chat.postMessage"})
            await outside.fault("flannel_crash")

            async def looping() -> bool:
                return bool((await outside.truth())["summary"]["crash_looping_nodes"])

            await processes.until(looping, what="a crash loop")
            await asyncio.sleep(3)
            assert await outside.cards() == []
            await outside.heal("server_error", of="slack")

            async def told() -> list:
                return await outside.cards()

            await processes.until(told, within=60, what="the delayed card")


WRONG = [
    ({"SLACK_BOT_TOKEN": ""}, "slack.bot_token: is not set"),
    ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "slack.bot_token"),
    ({"SLACK_APP_TOKEN": "xapp-wrong"}, "slack.app_token"),
    ({"FLANNEL_BOT_SLACK__CHANNEL": ""}, "slack.channel: is not set"),
    ({"FLANNEL_BOT_SLAK__X": "1"}, "FLANNEL_BOT_SLAK__X"),
    ({"FLANNEL_BOT_CLUSTERS": '[{"name":"a","kubeconfig":"/does/not/exist"}]'}, "/does/not/exist"),
    ({"FLANNEL_BOT_DATABASE__URL": "sqlite:////does/not/exist/bot.db"}, "database.url"),
    ({"FLANNEL_BOT_DATABASE__URL": "mysql://x"}, "database.url"),
]


async def test_what_is_definitely_wrong_ends_the_start_with_2_and_a_sentence(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=3, scenario="healthy") as outside:

        async def ends(change: dict[str, str], told: str) -> None:
            code, out, err = await processes.finished(
                "run", environment=outside.environment(**change), cwd=tmp_path
            )
            assert code == 2, (change, err)
            assert told in err
            assert "Traceback" not in err
            assert out == ""

        await asyncio.gather(*(ends(change, told) for change, told in WRONG))


async def test_a_wrong_kube_token_ends_the_start_with_2(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=3, scenario="healthy") as outside:
        text = outside.kubeconfig.read_text()
        text = text.replace(outside.cluster["token"], "not-the-token")
        outside.kubeconfig.write_text(text)
        code, _, err = await processes.finished("run", environment=outside.environment())
    assert code == 2
    assert "401" in err or "nauthorized" in err
    assert str(outside.kubeconfig) in err


async def test_what_is_merely_unreachable_starts_watches_and_says_why_it_is_not_ready(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=3, scenario="healthy") as outside:
        gone = tmp_path / "gone"
        gone.write_text(
            re.sub(
                r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:9", outside.kubeconfig.read_text()
            )
        )
        environment = outside.environment(
            FLANNEL_BOT_CLUSTERS=json.dumps(
                [
                    {"name": "gone", "kubeconfig": str(gone)},
                    {"name": "there", "kubeconfig": str(outside.kubeconfig)},
                ]
            ),
            FLANNEL_BOT_SLACK__API_URL="http://127.0.0.1:9/api/",
        )
        async with processes.started("run", environment=environment) as bot:

            async def parts() -> dict:
                port = next(
                    json.loads(line)["port"] for line in bot.errors if '"listening"' in line
                )
                async with outside.session.get(f"http://127.0.0.1:{port}/healthz") as alive:
                    assert alive.status == 200
                async with outside.session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    assert answer.status == 503
                    body = await answer.json()
                    assert body["parts"]["mirror/there"]["ok"]
                    return body["parts"]

            async def look() -> dict | None:
                return await parts() if any('"listening"' in line for line in bot.errors) else None

            found = await processes.until(look, what="one cluster watched")
            assert not found["mirror/gone"]["ok"]
            assert found["mirror/gone"]["reason"]
            assert not found["slack"]["ok"]
            assert found["slack"]["reason"]
            assert found["store"]["ok"]
            assert bot.process.returncode is None
            assert await bot.end() == 0
