"""What remediation needs of the store: plans, votes, runs, freezes and the chain of deeds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.approval import Vote
from bot.domain.audit import Entry
from bot.domain.freeze import Freeze
from bot.domain.plan import Plan
from bot.domain.run import Run


class Remedies(Protocol):
    """Remediation's part of one open transaction, serialised with every other writer."""

    async def plan(self, number: int) -> Plan | None:
        """Return one plan."""

    async def save_plan(self, value: Plan) -> Plan:
        """Insert (id 0), or replace a PROPOSED one; return it with its id.

        Raises Conflict for one that has left PROPOSED: what is decided stays decided.
        """

    async def votes(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""

    async def add_vote(self, vote: Vote) -> None:
        """Keep a vote. Raises Conflict where that person has voted on that plan."""

    async def start(self, plan: Plan, run: Run) -> Run:
        """Claim an approved plan for this run and store it, with its id.

        Compare-and-swap: raises Conflict unless the stored plan is approved with that digest and
        no run was ever started for it.
        """

    async def lapse(self, value: Plan) -> None:
        """Replace an approved plan by its end: nobody can begin it any more.

        Compare-and-swap, as `start`: raises Conflict where that came first.
        """

    async def run(self, number: int) -> Run | None:
        """Return one run."""

    async def save_run(self, value: Run, *, epoch: int) -> None:
        """Replace a run that is stored with that epoch and is running.

        Raises Conflict otherwise: another executor has taken over, or it has ended.
        """

    async def save_freeze(self, value: Freeze, *, number: int = 0) -> int:
        """Insert a freeze, or replace the one of that number; return its number."""

    async def record(
        self, *, at: datetime, actor: str, subject: str, kind: str, text: str
    ) -> Entry:
        """Append to the chain of deeds."""


class RemedyReads(Protocol):
    """What may be read at any time, perhaps by another connection."""

    async def plan(self, number: int) -> Plan | None:
        """Return one plan."""

    async def plans(self, *, cluster: str | None = None, open_only: bool = True) -> list[Plan]:
        """Return plans, newest first: those proposed, or the last hundred of any state."""

    async def votes(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""

    async def run(self, number: int) -> Run | None:
        """Return one run."""

    async def run_of(self, plan: int) -> Run | None:
        """Return the run of a plan, if it was ever started."""

    async def runs(
        self, *, cluster: str | None = None, ended_after: datetime | None = None
    ) -> list[Run]:
        """Return runs that are running, and those that ended after that moment, newest first."""

    async def unclaimed(self, *, cluster: str | None = None) -> list[Plan]:
        """Return approved plans that no run was started for, oldest first."""

    async def freezes(self, *, now: datetime) -> list[tuple[int, Freeze]]:
        """Return freezes that are not over, with their numbers."""

    async def deeds(self, *, after: int = 0, limit: int = 1_000) -> Sequence[Entry]:
        """Return entries of the chain with higher numbers than that, in order."""

    async def latest_deeds(self, limit: int) -> Sequence[Entry]:
        """Return the last entries of the chain, in order."""
