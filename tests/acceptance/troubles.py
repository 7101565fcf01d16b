"""Breaking a running bot and looking at what it says: for the tests of faults."""

import asyncio
import base64
import contextlib
import itertools
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance import processes

Json = dict[str, Any]

IMPATIENT = {
    "FLANNEL_BOT_SCHEDULE__CYCLE": "1s",
    "FLANNEL_BOT_SCHEDULE__RELIST": "20s",
    "FLANNEL_BOT_MIRROR__BACKOFF_FIRST": "0.3",
    "FLANNEL_BOT_MIRROR__BACKOFF_MOST": "1",
    "FLANNEL_BOT_MIRROR__GAP_AFTER": "0.5",
    "FLANNEL_BOT_MIRROR__REQUEST_TIMEOUT": "2",
    "FLANNEL_BOT_MIRROR__SILENCE_AFTER": "3",
    "FLANNEL_BOT_SLACK__WATCHDOG_AFTER": "2",
    "FLANNEL_BOT_TELLING__POST_INTERVAL": "0.3",
    "FLANNEL_BOT_TELLING__EDIT_INTERVAL": "0.5",
}
"""What waits for people or for gentleness, shortened."""


@dataclass
class Trial:
    """A bot between the two outsides, and what it has said."""

    outside: processes.Outside
    environment: Mapping[str, str]
    bot: processes.Process | None = None
    url: str = ""
    logged: list[str] = field(default_factory=list)
    """What bots before this one have logged."""

    # The bot

    @contextlib.asynccontextmanager
    async def running(self, *, ready: bool = True) -> AsyncIterator[processes.Process]:
        """Run the bot on the same database as before."""
        async with processes.started("run", environment=self.environment) as bot:
            self.bot = bot
            if ready:
                self.url = await processes.bot_ready(bot, self.outside.session)
            try:
                yield bot
            finally:
                self.logged += bot.errors

    async def parts(self) -> dict[str, str]:
        """What is not ready, and why; `/readyz` must agree with itself."""
        async with self.outside.session.get(f"{self.url}/readyz") as answer:
            body = await answer.json()
        troubles = {name: one["reason"] for name, one in body["parts"].items() if not one["ok"]}
        assert body["ok"] == (answer.status == 200) == (not troubles), body
        assert all(troubles.values()), body
        return troubles

    async def alive(self) -> None:
        """`/healthz` says that the bot need not be killed."""
        async with self.outside.session.get(f"{self.url}/healthz") as answer:
            assert answer.status == 200, await answer.text()

    async def ready_again(self) -> None:
        """Wait until everything is ready."""

        async def look() -> bool:
            assert self.bot is not None
            assert self.bot.process.returncode is None, self.bot.errors[-3:]
            troubles = await self.parts()
            assert not troubles, troubles
            return True

        await processes.until(look, what="readiness")

    async def unready(self, part: str, *, saying: str = "") -> None:
        """Wait until a part is not ready and says why in these words (a pattern)."""

        async def look() -> bool:
            troubles = await self.parts()
            assert re.search(saying, troubles[part]), troubles
            return True

        await processes.until(look, what=f"{part} not ready: {saying}")

    def log(self, event: str) -> list[Json]:
        """Lines of that event that any of the bots has logged."""
        lines = [*self.logged, *(self.bot.errors if self.bot is not None else ())]
        parsed = [json.loads(line) for line in dict.fromkeys(lines) if line.startswith("{")]
        return [line for line in parsed if line["event"] == event]

    async def event(self, name: str) -> bool:
        """Whether a line of that event was logged."""
        return bool(self.log(name))

    def no_fault_of_its_own(self) -> None:
        """Nothing that the bot logged is a stack trace or an error of the bot itself."""
        lines = [*self.logged, *(self.bot.errors if self.bot is not None else ())]
        assert not [line for line in lines if "Traceback" in line or "mirror_crashed" in line]

    # The channel

    async def messages(self) -> list[Json]:
        """Everything the bot said in the channel, threads included."""
        return [one for one in await self.outside.messages() if one.get("user") == "U0BOT"]

    async def cards(self, check: str, *, of: str = "", green: bool | None = None) -> list[Json]:
        """Cards of a check's incidents; `of` is a part of the workload's name."""
        numbers = {
            int(line["incident"].removeprefix("INC-"))
            for line in self.log("incident_told")
            if line["check"] == check and of in line["workload"]
        }
        return [
            card
            for card in await self.outside.cards()
            if payload(card).get("incident") in numbers
            and (green is None or is_green(card) == green)
        ]

    async def told(self, check: str, *, of: str = "") -> Json:
        """Wait for the standing card of a check."""

        async def look() -> list[Json]:
            return await self.cards(check, of=of, green=False)

        found = await processes.until(look, what=f"a card of {check} {of}")
        assert len(found) == 1, [headline(one) for one in found]
        return dict(found[0])

    async def named_by(self, check: str, *, of: str = "") -> set[str]:
        """The nodes that standing cards of a check name as affected."""
        return {
            name for card in await self.cards(check, of=of, green=False) for name in named(card)
        }

    async def all_green(self) -> None:
        """Wait until no card stands."""

        async def look() -> bool:
            standing = [headline(card) for card in await self.outside.cards() if not is_green(card)]
            assert not standing, standing
            return True

        await processes.until(look, within=90, what="every card green")

    async def settled(self) -> None:
        """Wait until the outbox is empty, then see that all was told in order and once."""

        async def look() -> bool:
            async with self.outside.session.get(f"{self.url}/metrics") as answer:
                text = await answer.text()
            depth = re.search(r"^flannel_bot_outbox_depth (\S+)", text, re.MULTILINE)
            assert depth, "no outbox_depth"
            return float(depth[1]) == 0

        await processes.until(look, what="an empty outbox")
        told_in_order_and_once(await self.messages())

    # The outside

    async def alter_slack(self, door: str, **body: Any) -> Json:
        """Use one of the pretend Slack's doors for tests."""
        async with self.outside.session.post(
            f"{self.outside.slack_control}/{door}", json=body
        ) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    async def delete(self, message: Json) -> None:
        """Delete a message of the bot's, as its owner may."""
        async with self.outside.session.post(
            f"{self.outside.slack['slack_api']}chat.delete",
            json={"channel": "C0ALERTS", "ts": message["ts"]},
            headers={"Authorization": "Bearer xoxb-demo"},
        ) as answer:
            found = await answer.json()
            assert found["ok"], found

    async def answers(self, beginning: str) -> list[str]:
        """What only the person who asked has seen, of those that begin so."""
        async with self.outside.session.get(
            f"{self.outside.slack_control}/messages", params={"channel": "C0ALERTS"}
        ) as answer:
            whispers = (await answer.json())["ephemerals"]
        return [one["text"] for one in whispers if one["text"].startswith(beginning)]

    async def slack_calls(self, method: str) -> list[Json]:
        """Calls of a Web API method so far."""
        async with self.outside.session.get(
            f"{self.outside.slack_control}/requests", params={"since": "0"}
        ) as answer:
            requests = (await answer.json())["requests"]
        return [one for one in requests if one.get("method") == method]

    async def slack_faults(self) -> list[str]:
        """Names of the faults of Slack that still stand."""
        async with self.outside.session.get(f"{self.outside.slack_control}/faults") as answer:
            return [one["name"] for one in (await answer.json())["faults"]]

    async def kube(self, method: str, path: str, body: Any = None, *, patch: str = "merge") -> Json:
        """Ask the API server as an administrator would."""
        access = yaml.safe_load(self.outside.kubeconfig.read_text())
        cluster, user = access["clusters"][0]["cluster"], access["users"][0]["user"]
        trusted = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        headers = {"Authorization": f"Bearer {user['token']}"}
        if method == "PATCH":
            headers["Content-Type"] = f"application/{patch}-patch+json"
        async with self.outside.session.request(
            method,
            cluster["server"] + path,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
            ssl=trusted,
        ) as answer:
            found = await answer.json()
            assert answer.status < 300, found
            return dict(found)

    async def unready_pods(self, app: str) -> bool:
        """Whether the API server knows of a pod labelled so that is not ready."""
        pods = await self.kube("GET", "/api/v1/namespaces/kube-system/pods")
        return any(
            condition["type"] == "Ready" and condition["status"] != "True"
            for pod in pods["items"]
            if app in pod["metadata"].get("labels", {}).values()
            for condition in pod["status"].get("conditions", ())
        )


@contextlib.asynccontextmanager
async def trial(
    directory: Path, *, nodes: int = 12, speed: float = 40, seed: int = 1, **more: str
) -> AsyncIterator[Trial]:
    """Both outsides, healthy, and the environment of a bot that is not started yet."""
    async with processes.outside(
        directory, nodes=nodes, speed=speed, seed=seed, scenario="healthy"
    ) as outside:
        settings = {f"FLANNEL_BOT_{key}": value for key, value in more.items()}
        yield Trial(outside, outside.environment(**{**IMPATIENT, **settings}))


def payload(message: Json) -> Json:
    """What a message carries unseen."""
    return dict((message.get("metadata") or {}).get("event_payload") or {})


def headline(message: Json) -> str:
    """A message's first line."""
    headers = (b["text"]["text"] for b in message.get("blocks", ()) if b["type"] == "header")
    return next(headers, message["text"].partition("\n")[0])


def is_green(card: Json) -> bool:
    return "Resolved" in headline(card)


def named(card: Json) -> set[str]:
    """The nodes that a card names as affected."""
    lines = re.findall(r"^(?:Affected|Also affected) .*$", card["text"], re.MULTILINE)
    listed = [line.partition(":")[2] or line for line in lines]
    return set(re.findall(r"\b(?:cp|phys|vm)-\d+\b", " ".join(listed)))


def told_in_order_and_once(messages: Sequence[Json]) -> None:
    """No message twice, one card an incident, its particulars first and its end last."""
    ids = [payload(one)["outbox_id"] for one in messages if payload(one)]
    assert len(ids) == len(set(ids)), "a message was sent twice"
    cards = [one for one in messages if payload(one).get("kind") == "card"]
    numbers = [payload(card)["incident"] for card in cards]
    assert len(numbers) == len(set(numbers)), "an incident has two cards"
    for card in cards:
        thread = [one for one in messages if one.get("thread_ts") == card["ts"] != one["ts"]]
        said = [headline(one) for one in sorted(thread, key=lambda one: float(one["ts"]))]
        assert said, headline(card)
        assert said[0].endswith("particulars"), said
        ends = [n for n, text in enumerate(said) if text.endswith("resolved")]
        begins = [n for n, text in enumerate(said) if text.endswith(("particulars", "reopened"))]
        assert len(ends) >= is_green(card), said
        for end, after in itertools.pairwise(ends):
            assert any(end < begin < after for begin in begins), said
        if is_green(card):
            assert ends[-1] > begins[-1], said


async def pass_time(seconds: float) -> None:
    """Let time go by in which nothing must happen."""
    await asyncio.sleep(seconds)
