"""Authority: in which cluster something is asked for, and whether that person may ask for it."""

from collections.abc import Mapping

from bot.domain import errors
from bot.domain.access import Role
from bot.flow import remedy_answers, stops
from bot.flow.remedy_answers import Said
from bot.flow.site import Ground

CLI = "cli"
"""Who acts by the command line: whoever can reach the database may stop things."""

_SAY = (Role.REQUESTER, Role.APPROVER, Role.ADMIN)
"""Whoever has a say in changes may stop them, or have them wait."""


def named(grounds: Mapping[str, Ground], cluster: str | None) -> str:
    """Return the cluster that is meant; one of several has to be named. Raises Refused."""
    if cluster is None and len(grounds) == 1:
        return next(iter(grounds))
    if (cluster or "") not in grounds:
        known = ", ".join(f"@{one}" for one in grounds)
        raise errors.Refused(f"say which cluster: {known}")
    return cluster or ""


class Authority:
    """Judges who asks, anew at each call.

    Args:
        grounds: by cluster.
        people: who somebody is now.
    """

    def __init__(self, grounds: Mapping[str, Ground], people: remedy_answers.People) -> None:
        self._grounds = grounds
        self._people = people

    @property
    def enabled(self) -> bool:
        """Whether anything may be changed in any cluster."""
        return any(ground.rules.enabled for ground in self._grounds.values())

    def named(self, cluster: str | None) -> str:
        """Return the cluster that is meant; one of several has to be named. Raises Refused."""
        return named(self._grounds, cluster)

    async def require(self, user: str, role: Role, cluster: str) -> None:
        """Raise Refused, naming who may, where somebody lacks a role in a cluster."""
        if not self._grounds[self.named(cluster)].rules.enabled and role is not Role.VIEWER:
            if self.enabled:
                raise errors.Refused(
                    f"this bot only observes {cluster}: `remediation.enabled` is off there"
                )
            raise errors.Refused("this bot only observes: `remediation.enabled` is off")
        person = await self._people.person(user, cluster)
        if not person.may(role):
            raise errors.Refused((await self.cannot("ask for a change", role, cluster)).text)

    async def has_a_say(self, user: str, cluster: str | None) -> bool:
        """Whether somebody may stop changes or let them go on, there or everywhere."""
        if user == CLI:
            return True
        person = await self._people.person(user, cluster, fresh=True)
        return any(person.may(role) for role in _SAY)

    async def cannot(self, what: str, role: Role, cluster: str | None) -> Said:
        """Say that somebody may not do something there, and who may."""
        who = await self._people.who(role, cluster)
        key = f"access.{role.value}s"
        others = f"{', '.join(f'<@{one}>' for one in who)} may" if who else f"`{key}` names nobody"
        if len(self._grounds) == 1:
            return Said(False, f"You may not {what}: {others}.", who)
        return Said(False, f"You may not {what} in {cluster or stops.ALL}: {others}.", who)
