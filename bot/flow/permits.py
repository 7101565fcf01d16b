"""Permits: looks by probe pod that a person has allowed, each for one pod on one node, and soon.

Offers and permits live in this process alone. A permit is spent by the look that it allows, or
runs out: who allowed a look an hour ago has not allowed the one that somebody asks for now.
"""

import secrets
from datetime import timedelta
from typing import TypeVar

from bot.domain.access import Role
from bot.flow import ports, remedy_answers
from bot.flow.remedy_answers import Said

VALID = timedelta(minutes=2)
"""From the click to the pod: a look that is under way may have to end first."""

OFFERED = timedelta(minutes=15)
"""How long an answer's button works."""

_MOST = 1_000
"""Buttons that are remembered, and nodes that lacked a permit."""

T = TypeVar("T")


class Permits:
    """One cluster's permits. Implements `probe_ports.Permission`.

    Args:
        cluster: its name.
        people: who somebody is now.
        clock: time.
    """

    def __init__(self, cluster: str, people: remedy_answers.People, *, clock: ports.Clock) -> None:
        self._cluster = cluster
        self._people = people
        self._clock = clock
        self._granted: dict[str, tuple[str, float]] = {}
        self._lacked: dict[str, None] = {}
        self._offers: dict[str, tuple[str, float]] = {}

    def offer(self, node: str) -> str:
        """Return the value of a button that allows a look; empty where the last lacked no permit.

        It names nothing and grants nothing: whoever clicks is judged by `grant`.
        """
        if node not in self._lacked:
            return ""
        ticket = secrets.token_hex(16)
        self._offers[ticket] = (node, self._clock.monotonic())
        _keep_newest(self._offers)
        return ticket

    def offered(self, ticket: str) -> str:
        """Return the node that a button is for; empty if it is none of ours, or has run out."""
        node, at = self._offers.get(ticket, ("", None))
        return node if self._since(at, OFFERED) else ""

    async def grant(self, node: str, user: str) -> Said:
        """Allow one look at a node, and say so; or say who could allow it.

        One approver is enough, and may be who asks: nothing that runs in the cluster is changed.

        Raises:
            Refused: that person may not act here at all.
            Unavailable: who they are cannot be seen now.
        """
        person = await self._people.person(user, self._cluster, fresh=True)
        if not person.may(Role.APPROVER):
            may = await self._people.who(Role.APPROVER, self._cluster)
            said = "only approvers may allow a look by a probe pod"
            return Said(False, said if may else f"{said}, and nobody is one", people=may)
        self._keep(node, user)
        return Said(True, f"one look at {node} by a probe pod is allowed")

    def lacked(self, node: str) -> bool:
        """Whether a permit was missing when it was last looked at."""
        return node in self._lacked

    def pending(self, node: str) -> bool:
        """Whether a permit waits to be spent."""
        _, at = self._granted.get(node, ("", None))
        return self._since(at, VALID)

    def take(self, node: str) -> str:
        """Spend the permit of a node and return who gave it; an empty text where there is none."""
        user, at = self._granted.pop(node, ("", None))
        if self._since(at, VALID):
            self._note(node, lacks=False)
            return user
        self._note(node, lacks=True)
        return ""

    def _keep(self, node: str, user: str) -> None:
        """Remember a permit, and forget those that have run out."""
        self._granted = {
            name: one for name, one in self._granted.items() if self._since(one[1], VALID)
        }
        self._granted[node] = (user, self._clock.monotonic())

    def _since(self, at: float | None, most: timedelta) -> bool:
        """Whether something is less than that long ago. A clock set back prolongs nothing."""
        return at is not None and self._clock.monotonic() - at < most.total_seconds()

    def _note(self, node: str, *, lacks: bool) -> None:
        self._lacked.pop(node, None)
        if lacks:
            self._lacked[node] = None
            _keep_newest(self._lacked)


def _keep_newest(kept: dict[str, T]) -> None:
    while len(kept) > _MOST:
        del kept[next(iter(kept))]
