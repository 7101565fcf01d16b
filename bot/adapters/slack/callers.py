"""Who may ask: every full member of the workspace; never guests, outsiders or bots.

Decided by user id, by what the payload says of that user (not of the app: Bolt's context tells
the app's own workspace, even for strangers in a shared channel) and by what Slack says of the
user now. When Slack does not say, the answer is no.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from bot.adapters.slack import client, lookups, wording
from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who acted, as the payload tells it. `teams` are theirs, not the app's."""

    user: str
    teams: tuple[str, ...]


def of_command(body: Mapping[str, Any]) -> Caller:
    """Read who typed a slash command; there `team_id` is the person's own."""
    return Caller(_text(body, "user_id"), _present([_text(body, "team_id")]))


def of_interaction(body: Mapping[str, Any]) -> Caller:
    """Read who clicked or submitted; `team` is where the app lives, `user.team_id` where they do.

    A person without a team of their own is nobody we know.
    """
    user = body.get("user")
    user = user if isinstance(user, Mapping) else {}
    return Caller(_text(user, "id"), _present([_text(user, "team_id")]))


def of_event(event: Mapping[str, Any]) -> Caller:
    """Read who wrote a message; every team the event names as theirs counts."""
    keys = ("user_team", "source_team", "team")
    return Caller(_text(event, "user"), _present(_text(event, key) for key in keys))


class Callers:
    """Judges callers, remembering Slack's word of each for `ttl` seconds."""

    def __init__(self, web: client.Web, *, clock: ports.Clock, ttl: float) -> None:
        self._web = web
        self._users = lookups.Lookups(self._asked, clock=clock, ttl=ttl)

    async def refusal(self, caller: Caller) -> str:
        """Return why that person may not ask, or an empty text if they may."""
        identity = self._web.identity
        if identity is None:
            return wording.NOT_READY
        if not caller.user or not caller.teams:
            return wording.OUTSIDER
        if any(not _ours(team, identity) for team in caller.teams):
            return wording.OUTSIDER
        try:
            user = await self._users.get(caller.user)
        except errors.BotError as error:
            log.warning("caller_unknown", user=caller.user, error=str(error))
            return wording.UNKNOWN_CALLER
        return _judged(user, identity)

    async def refusal_of(self, user: str) -> str:
        """Return the same where the payload does not tell a person's team.

        Then Slack's word alone decides; enough for what may only be read.
        """
        identity = self._web.identity
        if identity is None:
            return wording.NOT_READY
        return await self.refusal(Caller(user, (identity.team_id,)))

    async def require(self, user: str, *, fresh: bool = False) -> None:
        """Return if that is a full member of the workspace, asked of Slack anew with `fresh`.

        Raises Refused if they are not; Unavailable where Slack does not say.
        """
        identity = self._web.identity
        if identity is None:
            raise errors.Unavailable(wording.NOT_READY)
        try:
            found = await self._users.get(user, fresh=fresh)
        except errors.BotError as error:
            log.warning("caller_unknown", user=user, error=str(error))
            raise errors.Unavailable(wording.UNKNOWN_CALLER) from error
        refusal = _judged(found, identity)
        if refusal:
            raise errors.Refused(refusal)

    async def _asked(self, user: str) -> Mapping[str, Any]:
        told = await self._web.call("users.info", self._web.sdk.users_info(user=user))
        found = told.get("user")
        if not isinstance(found, Mapping) or found.get("id") != user:
            raise errors.Unavailable("Slack's answer does not name the user (users.info)")
        return found


def _judged(user: Mapping[str, Any], identity: client.Identity) -> str:
    if user.get("is_bot") or user.get("id") == "USLACKBOT":
        return wording.BOT_CALLER
    if user.get("deleted"):
        return wording.DEACTIVATED
    if user.get("is_stranger") or not _member(user, identity):
        return wording.OUTSIDER
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return wording.GUEST
    return ""


def _member(user: Mapping[str, Any], identity: client.Identity) -> bool:
    if user.get("team_id") == identity.team_id:
        return True
    # In an Enterprise Grid a person's `team_id` is the workspace they signed up in; which ones
    # they belong to now is told apart.
    enterprise = user.get("enterprise_user")
    if not identity.enterprise_id or not isinstance(enterprise, Mapping):
        return False
    teams = enterprise.get("teams")
    return (
        enterprise.get("enterprise_id") == identity.enterprise_id
        and isinstance(teams, list)
        and identity.team_id in teams
    )


def _ours(team: str, identity: client.Identity) -> bool:
    # In a Grid a member may act out of another of its workspaces: then users.info decides.
    return team == identity.team_id or bool(identity.enterprise_id)


def _text(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return value if isinstance(value, str) else ""


def _present(teams: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(team for team in teams if team))
