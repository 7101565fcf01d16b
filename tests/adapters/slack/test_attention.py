"""Taking on and silencing from Slack: who may, what is answered, what a window takes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.adapters.slack import (
    attention_clicks,
    attention_view,
    blocks,
    cards,
    catalogue,
    grammar,
    grammar_attention,
)
from bot.domain import access, errors, matcher, muting, noise, notice, silence
from bot.domain.access import Role
from bot.domain.incident import State
from bot.flow.attention_answers import Acknowledged, Silenced, SilenceList
from bot.flow.remedy_answers import Said
from tests.adapters.slack import judge, samples
from tests.adapters.slack.conftest import Slack, until
from tests.adapters.slack.test_blocks import hostile

OPERATOR, BYSTANDER, GUEST = "U0OPERATOR", "U0BYSTANDER", "U0GUEST"
HOUR = timedelta(hours=1)
SILENCE = silence.Silence(
    id=3,
    matchers=(matcher.Matcher("check", matcher.Operator.IS, "oom_killed"),),
    by=OPERATOR,
    reason="known",
    since=samples.NOW,
    until=samples.NOW + HOUR,
)
HIDES = silence.Hidden(("INC-42",), members=4, critical=1)


class Attention:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def acknowledge(self, number: int, user: str, *, take: bool = False) -> Acknowledged:
        self.asked.append(("ack", number, user, take))
        return Acknowledged(f"INC-{number}", "flannel OOM-killed", user, samples.NOW)

    async def silence(
        self, cluster: str | None, expression: str, user: str, *, lasts: timedelta,
        after: timedelta = timedelta(), reason: str = "",
    ) -> Silenced:  # fmt: skip
        self.asked.append(("silence", cluster, expression, user, lasts, after, reason))
        if "oom_kiled" in expression:
            raise errors.Refused("at character 7: there is no check 'oom_kiled'")
        return Silenced(SILENCE, HIDES)

    async def silence_incident(
        self, number: int, user: str, *, lasts: timedelta, reason: str = ""
    ) -> Silenced:
        self.asked.append(("silence_incident", number, user, lasts, reason))
        return Silenced(SILENCE, HIDES)

    async def unsilence(self, number: int, user: str) -> Said:
        self.asked.append(("unsilence", number, user))
        return Said(True, f"SIL-{number} is over.")

    async def silences(self) -> SilenceList:
        broken = replace(SILENCE, id=2, ended_at=samples.NOW, broken="it is critical now")
        return SilenceList(samples.NOW, (Silenced(SILENCE, HIDES),), (broken,))

    async def noise(self, cluster: str | None) -> noise.Report:
        self.asked.append(("noise", cluster))
        return noise.Report(samples.BEGAN, samples.NOW)

    async def handover(self, cluster: str | None) -> notice.Detail:
        self.asked.append(("handover", cluster))
        return notice.Detail("Hand-over", (notice.Section("Open incidents: 1", ("INC-42",)),))


class Desk(samples.Desk):
    """The samples' desk, where incidents can be taken on."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def ask(slack: Slack, text: str, *, user: str = OPERATOR) -> str:
    before = len(slack.whispers(user))
    await slack.act("command", user=user, channel="C0ALERTS", text=text)
    await until(lambda: len(slack.whispers(user)) > before)
    return slack.whispers(user)[-1].text


POLICY = access.Policy({Role.REQUESTER: access.Members(frozenset({OPERATOR}))})


async def test_commands_about_attention_reach_the_desk_and_are_answered(
    slack: Slack, desk: Desk
) -> None:
    async with slack.app(desk, policy=POLICY):
        assert "You have taken on INC-42" in await ask(slack, "ack INC-42", user=BYSTANDER)
        assert "You have taken on INC-42" in await ask(slack, "own 42")
        said = await ask(slack, 'silence check=oom_killed,node=~"n(1, 2)" 2h --in 30m Bob knows')
        assert "SIL-3: check=oom_killed is silent now until" in said
        assert "It hides 1 incident with 4 affected, 1 of them critical: INC-42." in said
        assert "at character 7" in await ask(slack, "silence check=oom_kiled 2h")
        assert "SIL-3" in await ask(slack, "silence INC-42 1d")
        listed = await ask(slack, "silences")
        assert "active: check=oom_killed" in listed
        assert "broke: it is critical now" in listed
        assert "SIL-3 is over" in await ask(slack, "unsilence SIL-3")
        assert "Noise report" in await ask(slack, "noise")
        assert "Open incidents: 1" in await ask(slack, "handover")
    assert desk.attention.asked == [
        ("ack", 42, BYSTANDER, False),
        ("ack", 42, OPERATOR, True),
        ("silence", "prod", "check=oom_killed,node=~n(1, 2)", OPERATOR, 2 * HOUR,
         timedelta(minutes=30), "Bob knows"),
        ("silence", "prod", "check=oom_kiled", OPERATOR, 2 * HOUR, timedelta(), ""),
        ("silence_incident", 42, OPERATOR, 24 * HOUR, ""),
        ("unsilence", 3, OPERATOR),
        ("noise", "prod"),
        ("handover", "prod"),
    ]  # fmt: skip


async def test_who_has_no_say_silences_nothing_and_hears_who_may(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk, policy=POLICY):
        for text in ("silence check=oom_killed 2h", "unsilence SIL-3"):
            said = await ask(slack, text, user=BYSTANDER)
            assert "You may not" in said
            assert OPERATOR in said
    assert desk.attention.asked == []


async def test_a_card_is_acknowledged_and_silenced_by_its_buttons(slack: Slack, desk: Desk) -> None:
    card = blocks.render(cards.card(samples.view(acts=True)))
    async with slack.app(desk, policy=POLICY) as app:
        posted = await app._web.sdk.chat_postMessage(
            channel="C0ALERTS", text=card.text, blocks=list(card.blocks)
        )
        click = {"channel": "C0ALERTS", "ts": posted["ts"]}
        await slack.act("click", user=BYSTANDER, action_id="ack_incident", **click)
        await until(lambda: slack.whispers(BYSTANDER))
        await slack.act("click", user=BYSTANDER, action_id="silence_incident", **click)
        await until(lambda: len(slack.whispers(BYSTANDER)) > 1)
        await slack.act("click", user=OPERATOR, action_id="silence_incident", **click)
        await until(lambda: slack.calls("views.open"))
        values = {
            "lasts": {"lasts": {"type": "plain_text_input", "value": "soon"}},
            "why": {"why": {"type": "plain_text_input", "value": "known"}},
        }
        refused = await slack.act("view_submit", user=OPERATOR, values=values)
        assert "no length of time" in str(refused)
        values["lasts"]["lasts"]["value"] = "90m"
        await slack.act("view_submit", user=OPERATOR, values=values)
        await until(lambda: len(desk.attention.asked) > 1)
    assert "You may not silence an incident" in slack.whispers(BYSTANDER)[1].text
    assert desk.attention.asked == [
        ("ack", 42, BYSTANDER, False),
        ("silence_incident", 42, OPERATOR, timedelta(minutes=90), "known"),
    ]


def shown(value: notice.CardView) -> tuple[str, list[str]]:
    made = blocks.render(cards.card(value))
    pressed = [
        element["action_id"]
        for block in made.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]
    return made.text, pressed


def test_a_card_says_who_has_it_and_has_at_most_three_buttons() -> None:
    text, pressed = shown(samples.view(acts=True, ticket="t", on_call=("S0ONCALL", "U0OPERATOR")))
    assert pressed == ["propose_fix", "ack_incident", "silence_incident"]
    assert "State  open · on call: @S0ONCALL, @U0OPERATOR" in text
    taken = samples.trouble(
        state=State.ACKNOWLEDGED, owner="U0OPERATOR", acknowledged_at=samples.NOW
    )
    text, pressed = shown(samples.view(taken, acts=True, on_call=("S0ONCALL",)))
    assert pressed == ["silence_incident"]
    assert "State  acknowledged · taken on by @U0OPERATOR since" in text
    assert "on call" not in text


def test_a_muted_card_says_why_and_by_whom() -> None:
    mute = muting.Mute(
        kind=muting.Kind.SILENCE, text="SIL-3: <!channel> known", by="U0OPERATOR",
        until=samples.NOW, silence=3,
    )  # fmt: skip
    text, pressed = shown(samples.view(samples.trouble(muted=mute), acts=True))
    assert pressed == ["ack_incident"]
    assert "not told: SIL-3: &lt;\u200b!channel&gt; known · @U0OPERATOR until" in text
    line = blocks.render(
        cards.digest(notice.DigestView((samples.trouble(muted=mute),), samples.NOW))
    )
    assert "not told: SIL-3" in line.text


@pytest.mark.parametrize(
    ("fixed_by", "told"),
    [("RUN-3: raise the limit", "After  RUN-3: raise the limit"), ("", "no change of this bot's")],
)
def test_a_resolved_card_has_no_button_and_says_what_it_ended_after(
    fixed_by: str, told: str
) -> None:
    over = samples.trouble(state=State.RESOLVED, resolved_at=samples.NOW, fixed_by=fixed_by)
    text, pressed = shown(samples.view(over, acts=True, ticket="t"))
    assert pressed == []
    assert told in text
    assert "Resolved" in text


def test_a_user_group_is_called_as_a_group_and_nothing_else_is() -> None:
    made = blocks.render(cards.card(samples.view(on_call=("S0ONCALL", "<!here>"))))
    elements = [
        e for b in made.blocks if b["type"] == "rich_text" for e in b["elements"][0]["elements"]
    ]
    assert {"type": "usergroup", "usergroup_id": "S0ONCALL"} in elements
    assert "<!here>" not in str(made.blocks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ack", "needs to know more"),
        ("ack INC-x", "names no incident"),
        ("silence check=a", "needs to know more"),
        ("silence check=a soon", "no length of time"),
        ("silence check=a 32d", "at most 31 days"),
        ("silence check=a 0h", "at most 31 days"),
        ("silence check=a 1h --in never", "no length of time"),
        ("unsilence INC-3", "names no silence"),
    ],
)
def test_what_is_typed_wrong_is_told_what_is_wrong(text: str, words: str) -> None:
    found = grammar.parse(text)
    assert isinstance(found, grammar.Problem)
    assert words in found.text


FORGED = [
    {},
    {"view": None},
    {"view": {"state": {"values": {"lasts": {"lasts": {"value": 7}}}}}},
    {"view": {"private_metadata": "[", "state": 3}, "user": []},
    {"view": {"private_metadata": "[true, 7]"}},
    {"view": {"private_metadata": '[-1, "C1"]'}},
]


@pytest.mark.parametrize("body", FORGED)
def test_a_forged_window_silences_nothing(body: dict[str, Any]) -> None:
    filled = attention_clicks.read(body)
    assert (filled.number, filled.lasts) == (0, timedelta())
    assert attention_clicks.acknowledgement(body)["response_action"] == "errors"


def test_the_second_to_press_hears_who_has_it() -> None:
    told = Acknowledged("INC-42", "t", "U0OTHER", samples.NOW, done=False, again=True)
    page = blocks.render(attention_view.acknowledged(told))
    assert "own INC-42" in page.text
    assert "@U0OTHER" in page.text
    again = blocks.render(attention_view.acknowledged(replace(told, done=True)))
    assert "yours already" in again.text


def test_every_command_about_attention_that_changes_something_names_who_may() -> None:
    from bot.adapters.slack import attention_commands

    telling = {"silences", "noise", "handover"}
    assert set(attention_commands.NEEDED) == grammar_attention.NAMES - telling


@given(hostile, hostile, st.sampled_from(["en", "zh-CN"]))
@example("<!channel> `code` *b*", "<@U0OPERATOR>", "zh-CN")
@settings(max_examples=20)
def test_hostile_reasons_values_and_names_stay_text(said: str, other: str, language: str) -> None:
    made = replace(
        SILENCE,
        reason=said,
        broken=other,
        matchers=(matcher.Matcher("node", matcher.Operator.LIKE, said or "x"),),
    )
    mute = muting.Mute(kind=muting.Kind.SILENCE, text=said, by=other, until=samples.NOW, silence=3)
    value = samples.trouble(3, muted=mute, owner=other, acknowledged_at=samples.NOW)
    kind = noise.Kind(said, other, said, other, 3, 4, 0, 0, 0, 0, suggestion=said)
    report = noise.Report(
        samples.BEGAN, samples.NOW, (kind,) * 15, (noise.Budget(said, 3, 30.0, 2, 1),)
    )
    hides = silence.Hidden((said,) * 9, 3, 1)
    with catalogue.speaking(language):
        pages = [
            cards.card(samples.view(value, acts=True, on_call=(said, other))),
            cards.digest(notice.DigestView((value,) * 30, samples.NOW)),
            attention_view.silences(
                SilenceList(samples.NOW, (Silenced(made, hides),) * 20, (made,) * 10)
            ),
            attention_view.silenced(Silenced(made, hides), now=samples.NOW),
            attention_view.acknowledged(Acknowledged(said, other, said, samples.NOW)),
            attention_view.report(said, report),
            attention_view.handover(notice.Detail(said, (notice.Section(other, (said,) * 40),))),
        ]
        for page in pages:
            judge.judge(blocks.render(page))
            assert blocks.plain(page).text


async def test_outsiders_and_shared_channels_take_nothing_on_and_silence_nothing(
    slack: Slack, desk: Desk
) -> None:
    card = blocks.render(cards.card(samples.view(acts=True)))
    who = [("U0GUEST", "C0ALERTS"), ("U0STRANGER", "C0SHARED"), (OPERATOR, "C0SHARED")]
    async with slack.app(desk, policy=POLICY) as app:
        for user, channel in who:
            posted = await app._web.sdk.chat_postMessage(
                channel=channel, text=card.text, blocks=list(card.blocks)
            )
            for action in ("ack_incident", "silence_incident"):
                before = len(slack.whispers(user))
                click = {"channel": channel, "ts": posted["ts"], "action_id": action}
                await slack.act("click", user=user, **click)
                await until(lambda n=before, u=user: len(slack.whispers(u)) > n)
    assert desk.attention.asked == []
    assert not slack.calls("views.open")
