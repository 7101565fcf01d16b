"""Texts that are stored with ids are told with names, and nobody is called by that."""

import json

from bot.adapters.slack import notifier
from bot.domain import notice
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack

LINES = (
    "INC-4 critical: flannel is ill, taken on by U0OPERATOR",
    "by U0APPROVER, before by U0OPERATOR",
    "`U0OPERATOR` on node U0OPERATOR-1, pod W1234567, by flannel-bot",
)
DETAIL = notice.Detail(title="Hand-over", sections=(notice.Section(lines=LINES),))


async def posted(slack: Slack) -> str:
    async with slack.web() as web:
        messenger = notifier.Notifier(web, clock=samples.Clock())
        await messenger.post("C0ALERTS", DETAIL, row=samples.row())
        await messenger.post("C0ALERTS", DETAIL, row=samples.row())
    said = slack.said()[-1]
    assert '"type": "user"' not in json.dumps(said.blocks), "a mention would call them"
    assert "<@" not in said.text
    return str(said.text)


async def test_a_hand_over_says_what_people_are_called_and_asks_for_each_once(
    slack: Slack,
) -> None:
    text = await posted(slack)
    assert "taken on by olivia" in text.lower()
    assert "by adam" in text.lower()
    assert "by U0" not in text
    assert "U0OPERATOR on node U0OPERATOR-1, pod W1234567, by flannel-bot" in text
    asked = [args["user"] for args in slack.calls("users.info")]
    assert sorted(asked) == ["U0APPROVER", "U0OPERATOR", "W1234567"]


async def test_while_slack_does_not_say_it_is_told_all_the_same_and_no_id_stands_alone(
    slack: Slack,
) -> None:
    await slack.fault("api_error", method="users.info", error="internal_error")
    text = await posted(slack)
    assert "taken on by somebody (U0OPERATOR)" in text
