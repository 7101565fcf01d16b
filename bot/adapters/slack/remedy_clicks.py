"""Clicks that ask for changes or decide on them, and the windows that two of them open.

The value of a button proves itself at remediation; here it is handed on as it came. What a click
is allowed to do follows from who clicked, judged now, and again when a window is submitted.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from bot.adapters.slack import (
    actions,
    answering,
    answers_view,
    cards,
    plan_buttons,
    plan_pages,
    prose,
    remedy_forms,
    replies,
    rights,
    windows,
    wording,
    wording_changes,
    wording_plans,
)
from bot.domain import ticket
from bot.domain.access import Role
from bot.domain.approval import Choice
from bot.flow import answers, remedy_answers

log = structlog.get_logger(__name__)

NEEDED: Mapping[str, tuple[Role, ...]] = {
    cards.PROPOSE: (Role.REQUESTER,),
    plan_buttons.APPROVE: (Role.APPROVER,),
    plan_buttons.REJECT: (Role.APPROVER,),
    plan_buttons.EDIT: (Role.REQUESTER,),
    plan_buttons.CANCEL: (Role.REQUESTER, Role.APPROVER, Role.ADMIN),
    plan_buttons.WAIT: (Role.REQUESTER, Role.APPROVER, Role.ADMIN),
    plan_buttons.UNDO: (Role.REQUESTER,),
}
"""The role that each click needs, one of them; remediation may ask for more."""


class Clicks:
    """Answers clicks and submitted windows.

    Args:
        after: seconds after which somebody who waits is told that it takes a while.
        longest: seconds for an answer in all.
    """

    def __init__(
        self,
        desk: answers.Desk,
        *,
        may: rights.Rights,
        opening: windows.Windows,
        answering_: replies.Replies,
        after: float,
        longest: float,
    ) -> None:
        self._desk = desk
        self._rights = may
        self._windows = opening
        self._replies = answering_
        self._after = after
        self._longest = longest

    async def answer(self, body: Mapping[str, Any]) -> prose.Page | None:
        """Do what a click asks for and say what came of it; None if a window says it."""
        name = str(actions.action(body).get("action_id", ""))
        work = self._clicked(name, body)
        task = asyncio.ensure_future(answering.within(self._longest, work))
        try:
            await asyncio.wait({task}, timeout=self._after)
            if not task.done():
                # Not by the click's address: what replaces there would replace the card.
                await self._replies.send(
                    actions.asked(body), answers_view.told(wording_changes.TAKES_A_WHILE)
                )
            page = await task
        finally:
            task.cancel()
        return None if page is _IN_WINDOW else page

    async def _clicked(self, name: str, body: Mapping[str, Any]) -> prose.Page:
        remedy = self._desk.remedy
        what = wording_changes.DEEDS[name]
        if remedy is None or not remedy.enabled:
            return answers_view.problem(wording.cannot_act(what))
        asked, value = actions.asked(body), str(actions.action(body).get("value", ""))
        refusal = await self._rights.refusal(
            asked.user, NEEDED[name], channel=asked.channel, what=what
        )
        if refusal is not None:
            return refusal
        match name:
            case cards.PROPOSE:
                return plan_pages.proposal(await remedy.fix(value, asked.user))
            case plan_buttons.APPROVE:
                voted = await remedy.vote(value, asked.user, Choice.APPROVE)
                return plan_pages.outcome(voted)
            case plan_buttons.CANCEL:
                return plan_pages.said(await remedy.cancel(value, asked.user))
            case plan_buttons.WAIT:
                return plan_pages.said(await remedy.prolong(value, asked.user))
            case plan_buttons.UNDO:
                return plan_pages.proposal(await remedy.undo(value, asked.user))
            case plan_buttons.EDIT:
                return await self._edit(remedy, value, body)
            case _:
                form = remedy_forms.reject(remedy_forms.Carried(value, asked.channel))
                return await self._opened(body, form)

    async def _opened(self, body: Mapping[str, Any], form: windows.Json) -> prose.Page:
        opened = await self._windows.open(str(body.get("trigger_id") or ""), form)
        return answers_view.problem(wording_plans.WINDOW_GONE) if opened is None else _IN_WINDOW

    async def _edit(
        self, remedy: remedy_answers.Remediation, value: str, body: Mapping[str, Any]
    ) -> prose.Page:
        named = ticket.number(value)
        if named is None or named[0] is not ticket.Kind.PLAN:
            return answers_view.problem(wording.OLD_BUTTON)
        # The permission to open a window may be over by when the bounds are known.
        window = await self._windows.open(str(body.get("trigger_id") or ""), remedy_forms.waiting())
        if window is None:
            return answers_view.problem(wording_plans.WINDOW_GONE)
        found: list[windows.Json] = []

        async def bounds() -> prose.Page:
            shown = await remedy.plan(named[1])
            limits = await remedy.memory_bounds(shown.plan.cluster)
            carried = remedy_forms.Carried(value, actions.asked(body).channel)
            found.append(remedy_forms.edit(carried, limits))
            return _IN_WINDOW

        page = await answering.within(self._longest, bounds())
        if found:
            await self._windows.change(window, found[0])
            return _IN_WINDOW
        return _IN_WINDOW if await self._windows.fill(window, page) else page

    async def submitted(self, body: Mapping[str, Any], refused: str) -> None:
        """Do what a window was submitted for, and say what came of it in that window.

        `refused` is why whoever submitted it may not use the bot at all, or empty.
        """
        form = remedy_forms.read(body)
        asked = replies.Asked(user=form.user, channel=form.carried.channel)
        page = answers_view.problem(refused)
        if not refused:
            page = await answering.within(self._longest, self._decided(form, asked))
        if not await self._windows.fill(windows.Window(form.view), page):
            await self._replies.send(asked, page)

    async def went_wrong(self, body: Mapping[str, Any], reference: str) -> None:
        """Say that the fault is the bot's own."""
        form = remedy_forms.read(body)
        page = answers_view.problem(wording.went_wrong(reference))
        if not await self._windows.fill(windows.Window(form.view), page):
            asked = replies.Asked(user=form.user, channel=form.carried.channel)
            await self._replies.send(asked, page)

    async def _decided(self, form: remedy_forms.Form, asked: replies.Asked) -> prose.Page:
        remedy = self._desk.remedy
        what = wording_changes.DEEDS.get(form.name, "")
        if form.name not in remedy_forms.NAMES:
            return answers_view.problem(wording_plans.OLD_WINDOW)
        if remedy is None or not remedy.enabled:
            return answers_view.problem(wording.cannot_act(what))
        refusal = await self._rights.refusal(
            asked.user, NEEDED[form.name], channel=asked.channel, what=what
        )
        if refusal is not None:
            return refusal
        if form.problem:
            return answers_view.problem(form.problem)
        value = form.carried.ticket
        if form.name == plan_buttons.REJECT:
            voted = await remedy.vote(value, asked.user, Choice.REJECT, reason=form.text)
            return plan_pages.outcome(voted)
        wishes = remedy_answers.Wishes(memory_bytes=form.size)
        return plan_pages.proposal(await remedy.amend(value, asked.user, wishes=wishes))


_IN_WINDOW = prose.Page(title="")
"""Stands for an answer that a window gives."""
