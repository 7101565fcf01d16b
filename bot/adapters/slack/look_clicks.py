"""Clicks that allow a look by a probe pod."""

from collections.abc import Mapping
from typing import Any

from bot.adapters.slack import (
    actions,
    answering,
    answers_view,
    nics_view,
    plan_pages,
    prose,
    replies,
    rights,
    wording_work,
)
from bot.domain.access import Role
from bot.flow import answers, remedy_answers


class LookClicks:
    """Answers them.

    Args:
        longest: seconds for an answer in all.
    """

    def __init__(
        self,
        desk: answers.Desk,
        *,
        may: rights.Rights,
        answering_: replies.Replies,
        longest: float,
    ) -> None:
        self._desk = desk
        self._rights = may
        self._replies = answering_
        self._longest = longest

    async def answer(self, body: Mapping[str, Any]) -> prose.Page:
        """Have the look taken if that person may allow it, and tell what it showed."""
        return await answering.within(self._longest, self._clicked(body))

    async def _clicked(self, body: Mapping[str, Any]) -> prose.Page:
        asked, value = actions.asked(body), str(actions.action(body).get("value", ""))
        refusal = await self._rights.refusal(
            asked.user, (Role.APPROVER,), channel=asked.channel, what=wording_work.LOOK_DEED
        )
        if refusal is not None:
            return refusal
        # A pod takes seconds to start, and no click is silent that long.
        await self._replies.send(asked, answers_view.told(wording_work.LOOKING))
        told = await self._desk.allow_look(value, asked.user)
        if isinstance(told, remedy_answers.Said):
            return plan_pages.said(told)
        return nics_view.node(told)
