"""Permits: looks by probe pod that a person has allowed, each for one pod on one node, and soon.

A permit lives in this process alone. It is spent by the look that it allows, or runs out: who
allowed a look an hour ago has not allowed the one that somebody asks for now.
"""

from datetime import datetime, timedelta

from bot.domain.access import Role
from bot.flow import ports, remedy_answers
from bot.flow.remedy_answers import Said

VALID = timedelta(minutes=2)
"""From the click to the pod: a look that is under way may have to end first."""


class Permits:
    """One cluster's permits. Implements `probe_ports.Permission`.

    Args:
        people: who somebody is now.
        clock: time.
    """

    def __init__(self, people: remedy_answers.People, *, clock: ports.Clock) -> None:
        self._people = people
        self._clock = clock
        self._granted: dict[str, tuple[str, datetime]] = {}

    async def grant(self, node: str, user: str) -> Said:
        """Allow one look at a node, and say so; or say who could allow it.

        One approver is enough, and may be who asks: nothing that runs in the cluster is changed.

        Raises:
            Refused: that person may not act here at all.
            Unavailable: who they are cannot be seen now.
        """
        person = await self._people.person(user, fresh=True)
        if not person.may(Role.APPROVER):
            may = await self._people.who(Role.APPROVER)
            said = "only approvers may allow a look by a probe pod"
            return Said(False, said if may else f"{said}, and nobody is one", people=may)
        self._granted[node] = (user, self._clock.now())
        return Said(True, f"one look at {node} by a probe pod is allowed")

    def take(self, node: str) -> str:
        """Spend the permit of a node and return who gave it; an empty text where there is none."""
        user, at = self._granted.pop(node, ("", None))
        return user if at is not None and self._clock.now() - at < VALID else ""
