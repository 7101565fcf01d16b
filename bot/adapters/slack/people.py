"""Who may do what, as Slack says now: user ids and the members of user groups.

Only full members of the workspace have a role. Whom Slack does not vouch for right now has none:
a group that cannot be asked counts as empty, and whoever has their role by it alone is told so.
"""

from collections.abc import Collection, Sequence

import structlog

from bot.adapters.slack import callers, client, lookups, wording_plans
from bot.domain import access, errors
from bot.flow import ports

log = structlog.get_logger(__name__)


class People:
    """Slack as `bot.flow.remedy_answers.People`.

    Args:
        policies: who has which role in which cluster, by user ids and user groups.
        ttl: seconds for which what Slack said is believed; it is asked anew on demand.
    """

    def __init__(
        self, web: client.Web, *, policies: access.Policies, clock: ports.Clock, ttl: float = 60.0
    ) -> None:
        self._web = web
        self.policies = policies
        """Replaced where clusters come or go."""
        self._who = callers.Callers(web, clock=clock, ttl=ttl)
        self._members = lookups.Lookups(self._asked, clock=clock, ttl=ttl)

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> access.Person:
        """Return a full member of the workspace with their roles in a cluster; None: in every one.

        Raises Refused for guests, outsiders, bots and whoever is deactivated; Unavailable where
        Slack does not say, be it of them or of a group that would give them their only role.
        """
        policies = self.policies
        groups, unknown = await self._groups_of(user, policies.of(cluster), fresh=fresh)
        return _vouched(policies.person(user, cluster, groups=groups), unknown=unknown)

    async def somewhere(self, user: str) -> access.Person:
        """Return a full member with every role that they have in any cluster; raises likewise.

        It allows nothing: a deed is judged by the cluster that it is about.
        """
        everywhere = self.policies.of(None)
        groups, unknown = await self._groups_of(user, everywhere, fresh=False)
        found = frozenset().union(*(one.person(user, groups=groups).roles for one in everywhere))
        return _vouched(access.Person(user, found), unknown=unknown)

    async def who(self, role: access.Role, cluster: str | None) -> tuple[str, ...]:
        """Return the user ids that have a role, those of groups behind those named.

        For telling only: members of groups that cannot be asked now are left out.
        """
        first, *others = [await self._named(role, one) for one in self.policies.of(cluster)]
        return tuple(user for user in first if all(user in one for one in others))

    async def anybody(self, role: access.Role) -> tuple[str, ...]:
        """Return the user ids that have a role in any cluster, for telling only."""
        told: dict[str, None] = {}
        for one in self.policies.of(None):
            told.update(await self._named(role, one))
        return tuple(told)

    async def _named(self, role: access.Role, policy: access.Policy) -> dict[str, None]:
        told = dict.fromkeys(policy.named(role))
        for group in sorted(policy.members.get(role, access.Members()).groups):
            told.update(dict.fromkeys(sorted(await self._of(group, fresh=False) or ())))
        return told

    async def _groups_of(
        self, user: str, policies: Sequence[access.Policy], *, fresh: bool
    ) -> tuple[Collection[str], bool]:
        """Return the groups that matter and hold a full member, and whether one is not known.

        Raises Refused for whoever is none.
        """
        await self._who.require(user, fresh=fresh)
        inside: set[str] = set()
        unknown = False
        for group in sorted(frozenset().union(*(one.groups for one in policies))):
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


def _vouched(found: access.Person, *, unknown: bool) -> access.Person:
    """Return somebody as found. Raises Unavailable where a group unknown may give the only role."""
    if unknown and found.roles == {access.Role.VIEWER}:
        raise errors.Unavailable(wording_plans.UNKNOWN_GROUPS)
    return found
