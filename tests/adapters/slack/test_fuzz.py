"""Ten thousand things that nobody would type or send: all are answered, none by a fault."""

import asyncio
import gc
import random
import sys
from datetime import timedelta
from typing import Any

import pytest
import structlog

from bot.adapters.slack import app as slack_app
from bot.adapters.slack import blocks, vocabulary, wording, works
from bot.adapters.store import memory
from bot.domain import access, errors, routing
from bot.domain.access import Role
from bot.flow import attending, handover, memory_answers, quieting
from bot.sim.slack import people
from tests.adapters.slack import judge, samples
from tests.adapters.slack.conftest import Slack

OPERATOR = "U0OPERATOR"
TEXTS, PAYLOADS = 9_800, 200

WORDS = [
    *vocabulary.NAMES, "INC-42", "inc-1", "SIL-1", "#3", "PLAN-7", "RUN-1", "2h", "90m", "0s", "99999w",
    "@prod", "@", "@nowhere", "--all", "--in", "--in=1h", "--what-if", "--", "-", "=", "=~", "!~",
    "check=oom_killed", "node=~(", "node=~a{1001}", "severity!=bad", "check==x", "a=b,c=d,,",
    "node=~" + "(a*)*" * 20, "workload=" + "x" * 300, "namespace=\ud800", "cluster=\x00", "node=🔥",
    '"', "'", "`", "“quoted”", "—all", "<!channel>", "<@U0BOT|bot>", "<https://a|b>", "&lt;!here&gt;",
    "\u202e", "\u200b", "é" * 50, "0" * 400, "-1", "1e9", "INC-" + "9" * 40, "*b*", "a\tb", "\n\n",
]  # fmt: skip


def typed(luck: random.Random) -> str:
    """A command that begins well, mostly, and goes wrong somewhere."""
    words = luck.choices(WORDS, k=luck.randint(0, 6))
    if luck.random() < 0.5:
        words.insert(0, luck.choice(vocabulary.NAMES))
    text = luck.choice([" ", " ", ",", ""]).join(words)
    if luck.random() < 0.3 and text:
        at = luck.randrange(len(text))
        text = text[:at] + chr(luck.choice([0, 34, 39, 60, 92, 96, 0x2028, 0x1F525])) + text[at:]
    return text


def value(luck: random.Random, depth: int = 0) -> Any:
    kind = luck.randint(0, 6 if depth < 2 else 4)
    if kind == 5:
        return [value(luck, depth + 1) for _ in range(luck.randint(0, 3))]
    if kind == 6:
        return {luck.choice(KEYS): value(luck, depth + 1) for _ in range(luck.randint(0, 3))}
    return [None, luck.choice([True, -1, 2**70, 1.5]), luck.choice(WORDS), "", OPERATOR][kind]


KEYS = [
    "type", "user", "id", "team", "channel", "actions", "action_id", "value", "action_ts", "view",
    "state", "values", "private_metadata", "callback_id", "container", "message", "event", "text",
]  # fmt: skip
CHANNEL = {"channel": {"id": "C0ALERTS"}}
USER = {"user": {"id": OPERATOR, "team_id": people.TEAM}}
SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("interactive", {"type": "block_actions", **USER, **CHANNEL}),
    ("interactive", {"type": "view_submission", "view": {"callback_id": "silence_incident"}}),
    ("interactive", {"type": "message_action", "callback_id": "show_incident", **USER}),
    (
        "slash_commands",
        {"command": "/flannel", "user_id": OPERATOR, "team_id": people.TEAM,
         "channel_id": "C0ALERTS"},
    ),
    ("events_api", {"type": "event_callback", "event": {"type": "app_mention"}}),
    ("nonsense", {}),
]  # fmt: skip


def payload(luck: random.Random) -> tuple[str, dict[str, Any]]:
    kind, shape = luck.choice(SHAPES)
    body = dict(shape)
    for _ in range(luck.randint(0, 4)):
        body[luck.choice(KEYS)] = value(luck)
    if luck.random() < 0.4:
        name = luck.choice(["ack_incident", "silence_incident", "propose_fix", "cancel_work", "?"])
        body["actions"] = [{"action_id": name, "value": luck.choice(WORDS), "action_ts": "1.1"}]
    return kind, body


class Desk(samples.Desk):
    """The samples' desk, with attention that reads what it is told."""

    def __init__(self) -> None:
        super().__init__()
        store, clock = memory.MemoryStore(), samples.Clock()

        class People:
            async def person(
                self, user: str, cluster: str | None, *, fresh: bool = False
            ) -> access.Person:
                del fresh
                return access.Person(user, frozenset({Role.VIEWER, Role.REQUESTER}))

            async def who(self, role: Role, cluster: str | None) -> tuple[str, ...]:
                del role
                return (OPERATOR,)

        self.attention = attending.Attending(
            store,
            People(),
            clock=clock,
            quiet={"prod": quieting.Options(routing.Place("C0ALERTS"))},
            judge={},
            told=lambda: None,
            hands=handover.Handover(store, {}, clock=clock),
        )

    def memory(self, cluster: str | None) -> memory_answers.Memory:
        del cluster
        raise errors.Refused("The memory is not kept here.")

    async def _answer(self, name: str, about: object) -> None:
        del name, about  # nothing is kept, so that growth is the bot's


POLICY = access.Policy({Role.REQUESTER: access.Members(frozenset({OPERATOR}))})


async def _type(app: slack_app.SlackApp, luck: random.Random, number: int) -> None:
    commands = app._inbox._rooms.commands
    for _ in range(number):
        text = typed(luck)
        work = works.Work(user=OPERATOR, question=text)
        page = await commands.answer(text, channel="C0ALERTS", work=work)
        if page.title == wording.HELP_TITLE:
            continue  # always the same, and the longest of all
        made = blocks.render(page)
        assert made.text, text
        assert "<" not in made.text, text
        assert "inside the bot" not in made.text, text


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_ten_thousand_texts_and_payloads_are_all_answered_and_leave_nothing(
    slack: Slack,
) -> None:
    luck = random.Random(20260102)
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as logs:
        async with slack.app(Desk(), policy=POLICY) as app:
            await _type(app, luck, TEXTS // 3)
            gc.collect()
            before = sys.getallocatedblocks()
            await _type(app, luck, TEXTS - TEXTS // 3)
            gc.collect()
            grown = sys.getallocatedblocks() - before
            for _ in range(PAYLOADS):
                await app._inbox.take(*payload(luck))
            async with asyncio.timeout(timedelta(seconds=20).total_seconds()):
                await app._errands.drain(15.0)
    assert grown < 20_000, grown
    faults = [each for each in logs if each["event"] in ("answer_failed", "window_failed")]
    assert not faults, faults[:3]
    said = [each.text for user in (OPERATOR,) for each in slack.whispers(user)]
    assert said
    assert not [text for text in said if wording.went_wrong("")[:20] in text]
    judge.inert("".join(said).replace("<", ""))
