"""The message shortcut: from a card, or any message that names an incident, to its story.

The permission to open a window ends three seconds after the click, sooner than an answer may be
there: so an empty window comes first and is filled after. What it shows before the caller is
judged says nothing.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any

import structlog

from bot.adapters.slack import (
    actions,
    answers_view,
    blocks,
    callers,
    client,
    commands,
    prose,
    replies,
    windows,
    wording,
    wording_windows,
)

log = structlog.get_logger(__name__)

SHOW_INCIDENT = "show_incident"
"""The callback id in the app's manifest."""

_NAMED = re.compile(r"\bINC-([1-9][0-9]{0,8})\b")
_LISTED = 5


class Shortcuts:
    """Answers shortcuts in windows."""

    def __init__(
        self,
        web: client.Web,
        *,
        who: callers.Callers,
        asking: commands.Commands,
        answering: replies.Replies,
    ) -> None:
        self._windows = windows.Windows(web)
        self._who = who
        self._commands = asking
        self._replies = answering

    async def used(self, body: Mapping[str, Any]) -> None:
        """Answer a shortcut, in a window or, if none could be opened, by a reply."""
        trigger = str(body.get("trigger_id") or "")
        empty = windows.view(blocks.render(answers_view.waiting()))
        window = await self._windows.open(trigger, empty)
        try:
            page = await self._page(body)
        except Exception:  # the seam of one shortcut: whoever used it hears of it
            reference = uuid.uuid4().hex[:8]
            log.exception("shortcut_failed", reference=reference)
            page = answers_view.problem(wording.went_wrong(reference))
        if window is None:
            await self._replies.send(actions.asked(body), page)
        else:
            # One that was closed meanwhile is missed by nobody.
            await self._windows.fill(window, page)

    async def _page(self, body: Mapping[str, Any]) -> prose.Page:
        caller = callers.of_interaction(body)
        # Not every message shortcut tells the person's team.
        judging = self._who.refusal(caller) if caller.teams else self._who.refusal_of(caller.user)
        refusal = await judging
        if refusal:
            log.info("caller_refused", user=caller.user, teams=caller.teams, reason=refusal)
            return answers_view.problem(refusal)
        if body.get("callback_id") != SHOW_INCIDENT:
            return answers_view.problem(wording_windows.OLD_SHORTCUT)
        found = incidents_of(body.get("message"))
        if not found:
            return answers_view.problem(wording_windows.NO_INCIDENT_THERE, wording.TRY_HELP)
        if len(found) > 1:
            return answers_view.problem(wording_windows.several_incidents(found[:_LISTED]))
        channel = str(actions.asked(body).channel)
        return await self._commands.answer(f"incident {found[0]}", channel=channel)


def incidents_of(message: object) -> list[int]:
    """Return the incidents that a message is about: as it carries unseen, else as it says."""
    if not isinstance(message, Mapping):
        return []
    carried = message.get("metadata")
    payload = carried.get("event_payload") if isinstance(carried, Mapping) else None
    number = payload.get("incident") if isinstance(payload, Mapping) else None
    if isinstance(number, int) and number > 0:
        return [number]
    said = str(message.get("text") or "")
    return [int(one) for one in dict.fromkeys(_NAMED.findall(said))]
