"""The pretend Slack by itself, with a small app in it that does what a test tells it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sim.slack import people, serve, world

Json = dict[str, Any]
Answer = Callable[[Json], Awaitable[Json | None]]
ALERTS, OPS, SHARED = "C0ALERTS", "C0OPS", "C0SHARED"

HELP = (
    "an app · help\n"
    "/flannel help [command]  What can be asked, or all about one command.\n"
    "/flannel [@cluster] status  Everything at a glance.\n"
    "/flannel [@cluster] nics &lt;node&gt;|--all  A node's NICs.\n"
    "/flannel incident INC-n  One incident."
)


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def button(action: str, text: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action, "text": plain(text), **more}


@dataclass
class App:
    """An app: its client, what it was sent, and how it answers by the name of what was used."""

    slack: serve.SimulatedSlack
    client: AsyncWebClient
    session: aiohttp.ClientSession
    sent: list[Json] = field(default_factory=list)
    on: dict[str, Answer] = field(default_factory=dict)
    silent: bool = False
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, text: str, channel: str = ALERTS, **more: Any) -> str:
        answer = await self.client.chat_postMessage(channel=channel, text=text, **more)
        return str(answer["ts"])

    async def act(self, name: str, **body: Any) -> Json:
        """What a person does by other means than this page."""
        async with self.session.post(f"{self.slack.page}_sim/{name}", json=body) as answer:
            told: Json = await answer.json()
            return told

    def clicked(self, action: str) -> list[Json]:
        return [
            used
            for envelope in self.sent
            for used in envelope["payload"].get("actions", ())
            if used["action_id"] == action
        ]

    async def used(self, action: str, count: int = 1) -> list[Json]:
        """Wait until it was used so often; what was sent each time."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.clicked(action)) >= count)
        return self.clicked(action)

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, envelope: Json) -> None:
        payload = envelope["payload"]
        answer: Json | None = None
        names = [used["action_id"] for used in payload.get("actions", ())]
        names += [payload.get("command"), payload.get("type"), payload.get("event", {}).get("type")]
        for name in names:
            if name in self.on:
                answer = await self.on[name](payload)
        if self.silent:
            return
        body: Json = {"envelope_id": envelope["envelope_id"]}
        await socket.send_json(body if answer is None else {**body, "payload": answer})

    async def listen(self, ready: asyncio.Event) -> None:
        asked = AsyncWebClient(
            token=people.APP_TOKEN, base_url=self.slack.api, session=self.session
        )
        url = (await asked.apps_connections_open(app_token=people.APP_TOKEN))["url"]
        async with self.session.ws_connect(str(url)) as socket:
            async for message in socket:
                envelope = message.json()
                if "envelope_id" in envelope:
                    async with self.news:
                        self.sent.append(envelope)
                        self.news.notify_all()
                    await self._take(socket, envelope)
                else:
                    ready.set()


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[App]:
    """A workspace and its app, connected."""
    options = serve.SlackOptions(port=0, pace=world.Pace(processing=0.01, ack=0.5))
    async with serve.SimulatedSlack(options) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api, session=session)
        slack.world.faults.put("rate_limits_off", {})
        app = App(slack=slack, client=client, session=session)

        async def help_(payload: Json) -> None:
            body = {"text": HELP, "response_type": "ephemeral"}
            async with session.post(payload["response_url"], json=body):
                pass

        app.on["/flannel"] = help_
        ready = asyncio.Event()
        listening = asyncio.create_task(app.listen(ready))
        await ready.wait()
        try:
            yield app
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
