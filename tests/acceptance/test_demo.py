"""`make demo`: one command, three processes, a page."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("demo")]

FREE = ("--page-port", "0", "--api-port", "0", "--health-port", "0", "--no-browser")
KEYS = {
    "page", "slack_api", "kube_api", "kubeconfig", "control", "bot_http", "bot_pid", "database",
    "users", "channels", "tokens",
}  # fmt: skip


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def children(pid: int) -> set[int]:
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= {int(child) for child in (task / "children").read_text().split()}
    return found


async def test_the_demo_says_where_everything_is_survives_a_kill_and_ends_cleanly(
    tmp_path: Path,
) -> None:
    ready_file = tmp_path / "ready.json"
    async with processes.started(
        "demo", "--nodes", "120", "--data-dir", str(tmp_path / "data"),
        "--ready-file", str(ready_file), *FREE,
    ) as demo:  # fmt: skip
        ready = await demo.ready()
        assert set(ready) == KEYS
        assert json.loads(ready_file.read_text()) == ready
        assert ready["tokens"] == {
            "bot": "xoxb-demo", "app": "xapp-demo", "signing_secret": "demo-signing-secret",
        }  # fmt: skip
        family = children(demo.pid)
        assert ready["bot_pid"] in family
        assert len(family) == 3
        import aiohttp

        async with aiohttp.ClientSession() as session:

            async def get(url: str) -> dict:
                async with session.get(url) as answer:
                    return await answer.json()

            async def cards() -> list[dict]:
                url = f"{ready['control']}/_sim/messages?channel=C0ALERTS"
                return [
                    m for m in (await get(url))["messages"]
                    if m["user"] == "U0BOT" and m.get("thread_ts") in (None, m["ts"])
                ]  # fmt: skip

            first = await processes.until(cards, within=40, what="the first alert")
            # What waits to break is told too, so this need not be a kill yet.
            assert "flannel" in first[0]["text"]

            async def kills() -> list[dict]:
                return [card for card in await cards() if "OOM-killed" in card["text"]]

            (kill, *_) = await processes.until(kills, within=40, what="the first kill told")
            pressed = {
                "user": "U0OPERATOR", "channel": "C0ALERTS", "ts": kill["ts"],
                "action_id": "ack_incident",
            }  # fmt: skip
            async with session.post(f"{ready['control']}/_sim/click", json=pressed) as answer:
                assert (await answer.json())["acked"]

            async def taken() -> list[str]:
                url = f"{ready['control']}/_sim/messages?channel=C0ALERTS"
                said = [each["text"] for each in (await get(url))["ephemerals"]]
                return [text for text in said if "You have taken on INC-" in text]

            await processes.until(taken, what="the answer to the click")
            truth = await get(f"{ready['control']}/_sim/truth")
            assert truth["summary"]["oom_killed_nodes"]
            assert "relist" in (await get(f"{ready['control']}/_sim/faults"))["faults"]

            os.kill(ready["bot_pid"], signal.SIGKILL)

            async def another() -> set[int]:
                return set(children(demo.pid)) - set(family)

            # Whoever kills it for fun does so again while it is still starting.
            (starting,) = await processes.until(another, what="the bot's start")
            os.kill(starting, signal.SIGKILL)

            async def back() -> bool:
                again = json.loads(ready_file.read_text())
                return again["bot_pid"] != ready["bot_pid"] and alive(again["bot_pid"])

            await processes.until(back, what="the bot's return")

            async def owned() -> list[dict]:
                return [card for card in await kills() if "taken on by @U0OPERATOR" in card["text"]]

            await processes.until(owned, within=40, what="the card that says who has it")
            told = [card["ts"] for card in await cards()]
            assert len(told) == len(set(told))
            incidents = [
                card["metadata"]["event_payload"].get("incident")
                for card in await cards()
                if card["metadata"]["event_payload"]["kind"] == "card"
            ]
            assert len(incidents) == len(set(incidents))
        family = children(demo.pid)
        assert await demo.end(signal.SIGINT, within=30) == 0
        assert not [pid for pid in family if alive(pid)]
        assert "Traceback" not in "\n".join(demo.errors)
        told = "\n".join(demo.errors)
        assert "the pretend Slack:" in told
        assert "was OOM-killed" in told
        assert "starting it again" in told


async def test_a_taken_port_is_2_and_names_its_flag(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for flag in ("--page-port", "--api-port", "--health-port"):
            others = [part for part in FREE if part != "--no-browser"]
            others = [
                part
                for name, value in zip(others[::2], others[1::2], strict=True)
                if name != flag
                for part in (name, value)
            ]
            code, out, err = await processes.finished(
                "demo", flag, port, "--no-browser", *others, cwd=tmp_path
            )
            assert code == 2
            assert flag in err
            assert "Traceback" not in err
            assert "READY" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nodes", "0"], "--nodes"),
        (["--speed", "0"], "--speed"),
        (["--scenario", "nope"], "--scenario"),
        (["--data-dir", "/proc/nope"], "--data-dir"),
    ],
)
async def test_wrong_usage_of_the_demo_is_2(arguments: list[str], told: str) -> None:
    code, _, err = await processes.finished("demo", *arguments, *FREE)
    assert code == 2
    assert told in err
    assert "Traceback" not in err


async def test_kubectl_reads_the_pretend_cluster_by_itself(tmp_path: Path) -> None:
    """The port in the kubeconfig is the demo's, and one part runs without the others."""
    kubeconfig = tmp_path / "kubeconfig"
    async with processes.started(
        "sim", "cluster", "--port", "0", "--nodes", "5", "--write-kubeconfig", str(kubeconfig)
    ) as cluster:
        ready = await cluster.ready()
        assert ready["kube_api"].startswith("https://")
        assert kubeconfig.exists()
        assert await cluster.end(signal.SIGINT) == 0
    async with processes.started("sim", "slack", "--port", "0") as slack:
        assert (await slack.ready())["slack_api"].startswith("http://127.0.0.1")
        assert await slack.end(signal.SIGTERM) == 0
    await asyncio.sleep(0)
