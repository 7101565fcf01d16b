"""Who may do what, as Slack says now: user ids and the members of user groups.

Only full members of the workspace have a role. Whom Slack does not vouch for right now has none:
a group that cannot be asked counts as empty, and whoever has their role by it alone is told so.
"""

from collections.abc import Collection

import structlog

from bot.adapters.slack import callers, client, lookups, wording_plans
from bot.domain import access, errors
from bot.flow import ports

log = structlog.get_logger(__name__)


class People:
    """Slack as `bot.flow.remedy_answers.People`.

    Args:
        policy: who has which role, by user ids and user groups.
        ttl: seconds for which what Slack said is believed; it is asked anew on demand.
    """

    def __init__(
        self, web: client.Web, *, policy: access.Policy, clock: ports.Clock, ttl: float = 60.0
    ) -> None:
        self._web = web
        self._policy = policy
        self._who = callers.Callers(web, clock=clock, ttl=ttl)
        self._members = lookups.Lookups(self._asked, clock=clock, ttl=ttl)

    async def person(self, user: str, *, fresh: bool = False) -> access.Person:
        """Return a full member of the workspace with their roles.

        Raises Refused for guests, outsiders, bots and whoever is deactivated; Unavailable where
        Slack does not say, be it of them or of a group that would give them their only role.
        """
        await self._who.require(user, fresh=fresh)
        groups, unknown = await self._groups_of(user, fresh=fresh)
        found = self._policy.person(user, groups=groups)
        if unknown and found.roles == {access.Role.VIEWER}:
            raise errors.Unavailable(wording_plans.UNKNOWN_GROUPS)
        return found

    async def who(self, role: access.Role) -> tuple[str, ...]:
        """Return the user ids that have a role, those of groups behind those named.

        For telling only: members of groups that cannot be asked now are left out.
        """
        told = dict.fromkeys(self._policy.named(role))
        for group in sorted(self._policy.members.get(role, access.Members()).groups):
            told.update(dict.fromkeys(sorted(await self._of(group, fresh=False) or ())))
        return tuple(told)

    async def _groups_of(self, user: str, *, fresh: bool) -> tuple[Collection[str], bool]:
        """Return the groups that matter and hold that person, and whether one is not known."""
        inside: set[str] = set()
        unknown = False
        for group in sorted(self._policy.groups):
            members = await self._of(group, fresh=fresh)
            unknown = unknown or members is None
            if members is not None and user in members:
                inside.add(group)
        return inside, unknown

    async def _of(self, group: str, *, fresh: bool) -> frozenset[str] | None:
        """Return the members of a group; None where Slack does not say."""
        try:
            return await self._members.get(group, fresh=fresh)
        except errors.BotError:
            return None

    async def _asked(self, group: str) -> frozenset[str]:
        verb = "usergroups.users.list"
        try:
            told = await self._web.call(verb, self._web.sdk.usergroups_users_list(usergroup=group))
            users = told.get("users")
            if not isinstance(users, list):
                raise errors.Unavailable(f"no list of users ({verb})")
        except errors.BotError as error:
            log.warning("group_unknown", group=group, error=str(error))
            raise
        return frozenset(user for user in users if isinstance(user, str))
