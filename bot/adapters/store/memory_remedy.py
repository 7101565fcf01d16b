"""Plans, votes, runs, freezes and the chain of deeds, in memory."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime

from bot.domain import audit, errors
from bot.domain.approval import Vote
from bot.domain.freeze import Freeze
from bot.domain.plan import Plan
from bot.domain.plan import State as PlanState
from bot.domain.run import Run
from bot.domain.run import State as RunState

_LATEST = 100


@dataclasses.dataclass(slots=True)
class Remedy:
    """Everything remembered of remediation. Values are frozen."""

    plans: dict[int, Plan] = dataclasses.field(default_factory=dict)
    votes: dict[tuple[int, str], Vote] = dataclasses.field(default_factory=dict)
    runs: dict[int, Run] = dataclasses.field(default_factory=dict)
    freezes: dict[int, Freeze] = dataclasses.field(default_factory=dict)
    deeds: tuple[audit.Entry, ...] = ()

    def copy(self) -> "Remedy":
        """Return an independent state."""
        return Remedy(
            plans=dict(self.plans),
            votes=dict(self.votes),
            runs=dict(self.runs),
            freezes=dict(self.freezes),
            deeds=self.deeds,
        )

    def votes_on(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""
        found = [vote for (number, _), vote in self.votes.items() if number == plan]
        return sorted(found, key=lambda vote: (vote.at, vote.user))

    def run_of(self, plan: int) -> Run | None:
        """Return the run of a plan."""
        return next((run for run in self.runs.values() if run.plan == plan), None)


class MemoryRemedies:
    """Remediation's part of one open transaction. Implements `remedy_ports.Remedies`."""

    def __init__(self, draft: Remedy) -> None:
        self._draft = draft

    async def plan(self, number: int) -> Plan | None:
        """Return one plan."""
        return self._draft.plans.get(number)

    async def save_plan(self, value: Plan) -> Plan:
        """Insert (id 0), or replace a PROPOSED one. Raises Conflict for one that is decided."""
        plans = self._draft.plans
        if value.id == 0:
            value = dataclasses.replace(value, id=max(plans, default=0) + 1)
        elif value.id not in plans or plans[value.id].state is not PlanState.PROPOSED:
            raise errors.Conflict(f"{value.name} is decided already, or not in the store")
        plans[value.id] = value
        return value

    async def lapse(self, value: Plan) -> None:
        """Replace an approved plan by its end. Raises Conflict where a run was begun for it."""
        stored = self._draft.plans.get(value.id)
        if (
            stored is None
            or stored.state is not PlanState.APPROVED
            or self._draft.run_of(value.id) is not None
        ):
            raise errors.Conflict(f"{value.name} is decided already, or not in the store")
        self._draft.plans[value.id] = value

    async def votes(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""
        return self._draft.votes_on(plan)

    async def add_vote(self, vote: Vote) -> None:
        """Keep a vote. Raises Conflict where that person has voted on that plan."""
        if (vote.plan, vote.user) in self._draft.votes:
            raise errors.Conflict(f"{vote.user} has voted on PLAN-{vote.plan} already")
        self._draft.votes[vote.plan, vote.user] = vote

    async def start(self, plan: Plan, run: Run) -> Run:
        """Claim an approved plan for this run. Raises Conflict where it cannot be claimed."""
        stored = self._draft.plans.get(plan.id)
        if (
            stored is None
            or stored.state is not PlanState.APPROVED
            or stored.digest != run.digest
            or self._draft.run_of(plan.id) is not None
        ):
            raise errors.Conflict(f"{plan.name} is not there to be started: not approved, or begun")
        run = dataclasses.replace(run, id=max(self._draft.runs, default=0) + 1)
        self._draft.runs[run.id] = run
        return run

    async def run(self, number: int) -> Run | None:
        """Return one run."""
        return self._draft.runs.get(number)

    async def save_run(self, value: Run, *, epoch: int) -> None:
        """Replace a running run of that epoch. Raises Conflict otherwise."""
        stored = self._draft.runs.get(value.id)
        if stored is None or stored.epoch != epoch or stored.state is not RunState.RUNNING:
            raise errors.Conflict(f"{value.name} was taken over by another executor, or has ended")
        self._draft.runs[value.id] = value

    async def save_freeze(self, value: Freeze, *, number: int = 0) -> int:
        """Insert a freeze, or replace the one of that number; return its number."""
        number = number or max(self._draft.freezes, default=0) + 1
        self._draft.freezes[number] = value
        return number

    async def record(
        self, *, at: datetime, actor: str, subject: str, kind: str, text: str
    ) -> audit.Entry:
        """Append to the chain of deeds."""
        deeds = self._draft.deeds
        previous = deeds[-1].hash if deeds else audit.BEGINNING
        sealed = audit.sealed(
            previous=previous, at=at, actor=actor, subject=subject, kind=kind, text=text
        )
        entry = audit.Entry(
            number=deeds[-1].number + 1 if deeds else 1,
            at=at,
            actor=actor,
            subject=subject,
            kind=kind,
            text=text,
            previous=previous,
            hash=sealed,
        )
        self._draft.deeds = (*deeds, entry)
        return entry


class MemoryRemedyReads:
    """What may be read at any time. Implements `remedy_ports.RemedyReads`."""

    def __init__(self, state: Callable[[], Remedy]) -> None:
        self._state = state

    async def plan(self, number: int) -> Plan | None:
        """Return one plan."""
        return self._state().plans.get(number)

    async def plans(self, *, cluster: str | None = None, open_only: bool = True) -> list[Plan]:
        """Return plans, newest first: those proposed, or the last hundred of any state."""
        found = [
            plan
            for _, plan in sorted(self._state().plans.items(), reverse=True)
            if cluster in (None, plan.cluster)
            and (not open_only or plan.state is PlanState.PROPOSED)
        ]
        return found[:_LATEST]

    async def votes(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""
        return self._state().votes_on(plan)

    async def run(self, number: int) -> Run | None:
        """Return one run."""
        return self._state().runs.get(number)

    async def run_of(self, plan: int) -> Run | None:
        """Return the run of a plan, if it was ever started."""
        return self._state().run_of(plan)

    async def runs(
        self, *, cluster: str | None = None, ended_after: datetime | None = None
    ) -> list[Run]:
        """Return runs that are running, and those that ended after that moment, newest first."""

        def wanted(run: Run) -> bool:
            if run.state is RunState.RUNNING:
                return True
            if ended_after is None or run.ended_at is None:
                return False
            return run.ended_at > ended_after

        return [
            run
            for _, run in sorted(self._state().runs.items(), reverse=True)
            if cluster in (None, run.cluster) and wanted(run)
        ]

    async def unclaimed(self, *, cluster: str | None = None) -> list[Plan]:
        """Return approved plans that no run was started for, oldest first."""
        return [
            plan
            for _, plan in sorted(self._state().plans.items())
            if plan.state is PlanState.APPROVED
            and cluster in (None, plan.cluster)
            and self._state().run_of(plan.id) is None
        ]

    async def freezes(self, *, now: datetime) -> list[tuple[int, Freeze]]:
        """Return freezes that are not over, with their numbers."""
        return [
            (number, value)
            for number, value in sorted(self._state().freezes.items())
            if value.until > now and value.lifted_at is None
        ]

    async def deeds(self, *, after: int = 0, limit: int = 1_000) -> Sequence[audit.Entry]:
        """Return entries of the chain with higher numbers than that, in order."""
        return [entry for entry in self._state().deeds if entry.number > after][:limit]

    async def latest_deeds(self, limit: int) -> Sequence[audit.Entry]:
        """Return the last entries of the chain, in order."""
        return list(self._state().deeds[-limit:])
