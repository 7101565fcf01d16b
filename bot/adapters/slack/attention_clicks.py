"""Clicks that take an incident on or silence it, and the window that asks for how long.

The value of these buttons is an incident's name and proves nothing: whoever may press may type
the same of any incident. What somebody may is judged now, and again when a window is submitted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.adapters.slack import (
    actions,
    answering,
    answers_view,
    attention_view,
    blocks,
    cards,
    grammar_attention,
    grammar_changes,
    prose,
    replies,
    rights,
    typed,
    windows,
    wording,
    wording_attention,
    wording_plans,
)
from bot.domain.access import Role
from bot.flow import answers, attending, ports

Json = dict[str, Any]

NEEDED: Mapping[str, tuple[Role, ...]] = {
    cards.ACKNOWLEDGE: (Role.VIEWER,),
    cards.SILENCE: attending.SAY,
}
"""The role that each click needs, one of them."""

LASTS = "lasts"
WHY = "why"
_SUGGESTED = "4h"
_DURATION = 20


@dataclass(frozen=True, slots=True)
class Form:
    """A window that was submitted. `problem` is what is wrong with the length of time."""

    view: str
    user: str
    number: int
    channel: str
    lasts: timedelta = timedelta()
    reason: str = ""
    problem: str = ""


class AttentionClicks:
    """Answers clicks and submitted windows.

    Args:
        longest: seconds for an answer in all.
    """

    def __init__(
        self,
        desk: answers.Desk,
        *,
        may: rights.Rights,
        opening: windows.Windows,
        answering_: replies.Replies,
        clock: ports.Clock,
        longest: float,
    ) -> None:
        self._desk = desk
        self._rights = may
        self._windows = opening
        self._replies = answering_
        self._clock = clock
        self._longest = longest

    async def answer(self, body: Mapping[str, Any]) -> prose.Page | None:
        """Do what a click asks for and say what came of it; None if a window says it."""
        page = await answering.within(self._longest, self._clicked(body))
        return None if page is IN_WINDOW else page

    async def _clicked(self, body: Mapping[str, Any]) -> prose.Page:
        used = actions.action(body)
        name, asked = str(used.get("action_id", "")), actions.asked(body)
        number = grammar_changes.numbered(str(used.get("value", "")), "INC")
        if self._desk.attention is None or number is None:
            return answers_view.problem(wording.OLD_BUTTON)
        refusal = await self._refusal(asked.user, name, asked.channel)
        if refusal is not None:
            return refusal
        if name == cards.ACKNOWLEDGE:
            return attention_view.acknowledged(
                await self._desk.attention.acknowledge(number, asked.user)
            )
        await self._desk.incident(number)  # one that is not there is refused here and now
        opened = await self._windows.open(
            str(body.get("trigger_id") or ""), form(number, asked.channel)
        )
        return answers_view.problem(wording_plans.WINDOW_GONE) if opened is None else IN_WINDOW

    async def _refusal(self, user: str, name: str, channel: str) -> prose.Page | None:
        what = wording_attention.DEEDS[name]
        return await self._rights.refusal(user, NEEDED[name], channel=channel, what=what)

    async def submitted(self, body: Mapping[str, Any], refused: str) -> None:
        """Do what a window was submitted for, and say what came of it in that window.

        `refused` is why whoever submitted it may not use the bot at all, or empty.
        """
        filled = read(body)
        page = answers_view.problem(refused)
        if not refused:
            page = await answering.within(self._longest, self._silenced(filled))
        await self._told(filled, page)

    async def went_wrong(self, body: Mapping[str, Any], reference: str) -> None:
        """Say that the fault is the bot's own."""
        await self._told(read(body), answers_view.problem(wording.went_wrong(reference)))

    async def _told(self, filled: Form, page: prose.Page) -> None:
        if not await self._windows.fill(windows.Window(filled.view), page):
            asked = replies.Asked(user=filled.user, channel=filled.channel)
            await self._replies.send(asked, page)

    async def _silenced(self, filled: Form) -> prose.Page:
        if self._desk.attention is None or not filled.number:
            return answers_view.problem(wording_plans.OLD_WINDOW)
        refusal = await self._refusal(filled.user, cards.SILENCE, filled.channel)
        if refusal is not None:
            return refusal
        if filled.problem:
            return answers_view.problem(filled.problem)
        made = await self._desk.attention.silence_incident(
            filled.number, filled.user, lasts=filled.lasts, reason=filled.reason
        )
        return attention_view.silenced(made, now=self._clock.now())


IN_WINDOW = prose.Page(title="")
"""Stands for an answer that a window gives."""


def ours(body: Mapping[str, Any]) -> bool:
    """Whether a submitted window is the one that silences."""
    return _part(body, "view").get("callback_id") == cards.SILENCE


def form(number: int, channel: str) -> Json:
    """Ask for how long an incident is to be silenced, and why."""
    return {
        "type": "modal",
        "callback_id": cards.SILENCE,
        "private_metadata": json.dumps([number, channel[:40]]),
        "title": _plain(wording_attention.SILENCE_TITLE),
        "submit": _plain(wording_attention.SILENCE_SUBMIT),
        "close": _plain(wording_plans.CLOSE),
        "blocks": [
            _input(
                LASTS,
                wording_attention.LASTS_LABEL,
                wording_attention.LASTS_HINT,
                initial_value=_SUGGESTED,
                max_length=_DURATION,
            ),
            _input(
                WHY,
                wording_attention.REASON_LABEL,
                wording_attention.REASON_HINT,
                optional=True,
                max_length=attending.REASON,
                focus_on_load=True,
            ),
        ],
    }


def _input(name: str, label: str, hint: str, *, optional: bool = False, **more: object) -> Json:
    return {
        "type": "input",
        "block_id": name,
        "optional": optional,
        "label": _plain(label),
        "hint": _plain(hint),
        "element": {"type": "plain_text_input", "action_id": name, **more},
    }


def read(body: Mapping[str, Any]) -> Form:
    """Read what was submitted; never raises, whatever it is."""
    view = _part(body, "view")
    values = _part(_part(view, "state"), "values")
    word = _value(values, LASTS)
    found = grammar_attention.length(word)
    number, channel = _carried(view.get("private_metadata"))
    problem = found.text if isinstance(found, typed.Problem) else ""
    return Form(
        view=str(view.get("id") or ""),
        user=str(_part(body, "user").get("id") or ""),
        number=number,
        channel=channel,
        lasts=timedelta() if isinstance(found, typed.Problem) else found,
        reason=_value(values, WHY)[: attending.REASON],
        problem=problem,
    )


def acknowledgement(body: Mapping[str, Any]) -> Json:
    """What a submission is acknowledged with: what to mend, or that it is under way."""
    filled = read(body)
    if filled.problem:
        return {"response_action": "errors", "errors": {LASTS: filled.problem}}
    page = answers_view.told(wording_plans.SENT)
    return {"response_action": "update", "view": windows.view(blocks.render(page))}


def _value(values: Mapping[str, Any], name: str) -> str:
    typed_in = _part(_part(values, name), name).get("value")
    return typed_in.strip() if isinstance(typed_in, str) else ""


def _carried(value: object) -> tuple[int, str]:
    try:
        held = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        held = None
    match held:
        case [int(number), str(channel)] if 0 < number < 10**9:
            return number, channel
    return 0, ""


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}
