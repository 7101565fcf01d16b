"""A message to Slack and back, and nothing left behind."""

import pytest

from bot.adapters.slack import selftest
from bot.domain import errors
from tests.adapters.slack.conftest import Slack

CHANNEL = "C0OPS"


async def tested(slack: Slack) -> None:
    async with slack.web() as web:
        await selftest.RoundTrip(web, CHANNEL).round_trip()


async def test_it_is_posted_seen_and_deleted(slack: Slack) -> None:
    await tested(slack)
    assert [entry["method"] for entry in slack.noted("web_api")] == [
        "chat.postMessage", "conversations.history", "chat.delete",
    ]  # fmt: skip
    assert await slack.messages(CHANNEL) == []


@pytest.mark.parametrize(
    ("fault", "params", "left"),
    [
        ("api_error", {"method": "chat.postMessage", "error": "is_archived"}, 0),
        ("server_error", {"method": "conversations.history", "html": True}, 0),
        ("api_error", {"method": "conversations.history", "error": "missing_scope"}, 0),
        ("server_error", {"method": "chat.delete"}, 1),
        ("token_revoked", {}, 0),
    ],
)
async def test_whatever_fails_is_said_and_what_was_posted_goes_if_it_can(
    slack: Slack, fault: str, params: dict, left: int
) -> None:
    await slack.fault(fault, **params)
    with pytest.raises(errors.BotError):
        await tested(slack)
    await slack.lift(fault)
    assert len(await slack.messages(CHANNEL)) == left
