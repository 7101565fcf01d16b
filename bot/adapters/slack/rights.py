"""Whether somebody may change anything from where they stand: their role, and the place.

Judged before anything is asked of remediation, which judges again by itself. Who cannot be
placed may not, and neither may anybody where outsiders read along.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from bot.adapters.slack import answers_view, client, people, plan_pages, prose, wording_changes
from bot.domain import errors
from bot.domain.access import Role
from bot.flow import ports

log = structlog.get_logger(__name__)

_SHARED = ("is_ext_shared", "is_org_shared", "is_pending_ext_shared")


class Rights:
    """Answers whether a person may, with a page that says why not.

    Args:
        of: who has which role; None where nobody has any.
        ttl: seconds for which it is believed that a channel is shared with nobody outside.
    """

    def __init__(
        self, web: client.Web, of: people.People | None, *, clock: ports.Clock, ttl: float
    ) -> None:
        self._web = web
        self._people = of
        self._clock = clock
        self._ttl = ttl
        self._inside: dict[str, float] = {}

    async def refusal(
        self, user: str, roles: Sequence[Role], *, channel: str, what: str
    ) -> prose.Page | None:
        """Return why somebody may not do something in a channel; None if they may.

        `roles` are those of which one is needed, in whichever cluster: remediation asks for it in
        the cluster that the deed is about. `what` is the deed in a few words.
        """
        if self._people is None:
            return answers_view.problem(wording_changes.OFF)
        try:
            await self._require_inside(channel)
            person = await self._people.somewhere(user)
        except errors.Refused as error:
            return answers_view.problem(*error.reasons[:2])
        except errors.BotError as error:
            return answers_view.problem(str(error))
        if any(person.may(role) for role in roles):
            return None
        log.info("role_lacking", user=user, needed=[role.value for role in roles], what=what)
        # Any of the roles would do, so whoever has one of them can help.
        able = [each for role in roles for each in await self._people.anybody(role)]
        return plan_pages.may_not(
            wording_changes.may_not(what), list(dict.fromkeys(able)), roles[0]
        )

    async def _require_inside(self, channel: str) -> None:
        if channel.startswith("D"):
            # Between one person and the bot; the person is judged by themselves.
            return
        known = self._inside.get(channel)
        if known is not None and self._clock.monotonic() - known < self._ttl:
            return
        try:
            told = await self._web.call(
                "conversations.info", self._web.sdk.conversations_info(channel=channel)
            )
        except errors.BotError as error:
            log.warning("channel_unknown", channel=channel, error=str(error))
            raise errors.Unavailable(wording_changes.UNKNOWN_CHANNEL) from error
        found: Any = told.get("channel")
        if not isinstance(found, dict) or found.get("id") != channel:
            raise errors.Unavailable(wording_changes.UNKNOWN_CHANNEL)
        if any(found.get(key) for key in _SHARED):
            raise errors.Refused(wording_changes.SHARED_CHANNEL)
        self._inside[channel] = self._clock.monotonic()
