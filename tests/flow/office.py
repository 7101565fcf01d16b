"""One process of the bot, as far as remediation goes: executor and desk over a store and a plant."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from bot.adapters.store.memory import MemoryStore
from bot.domain import errors, run
from bot.domain.access import Person, Role
from bot.domain.approval import Choice, Vote
from bot.domain.plan import Plan
from bot.domain.plan import State as PlanState
from bot.domain.run import Run
from bot.domain.verification import NodeLook
from bot.flow import carry, execute, insight
from bot.flow.journal import Journal
from bot.flow.rules import Rules
from bot.flow.sight import Sight
from bot.flow.site import Site
from bot.flow.situations import Situations
from tests.domain import plans
from tests.flow.fakes import LoopClock
from tests.flow.plant import Gate, Gated, GatedStore, Plant

ROLES = {
    "UREQ": {Role.REQUESTER},
    "UAPP": {Role.APPROVER},
    "UAPP2": {Role.APPROVER},
    "UBOTH": {Role.REQUESTER, Role.APPROVER},
    "UADM": {Role.ADMIN},
    "UVIEW": set(),
}


@dataclass
class Staff:
    """Who somebody is; people may lose roles, and Slack may be silent."""

    roles: dict[str, set[Role]] = field(
        default_factory=lambda: {user: set(held) for user, held in ROLES.items()}
    )
    silent: bool = False

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> Person:
        if self.silent:
            raise errors.Unavailable("Slack does not say")
        if user not in self.roles:
            raise errors.Refused("guests may not ask")
        return Person(user, frozenset({Role.VIEWER, *self.roles[user]}))

    async def who(self, role: Role, cluster: str | None) -> tuple[str, ...]:
        return tuple(sorted(user for user, held in self.roles.items() if role in held))


class PlantSite(Site):
    """A site whose looks are the plant's own."""

    async def look(
        self,
        nodes: Sequence[str],
        *,
        max_age: timedelta,  # type: ignore[override]
    ) -> Mapping[str, NodeLook]:
        return await cast("Plant", self.mirror).look(list(nodes), max_age=max_age)


@dataclass
class Office:
    """A process. `gate` can end it at any instant."""

    plant: Plant
    store: MemoryStore
    clock: LoopClock
    staff: Any = field(default_factory=Staff)
    """A `remedy_answers.People`."""
    gate: Gate = field(default_factory=Gate)
    enabled: bool = True
    name: str = "pod-1"
    recheck: str = ""

    def __post_init__(self) -> None:
        gated = cast("MemoryStore", GatedStore(self.store, self.gate))
        self.site = PlantSite(
            mirror=self.plant,
            actuator=cast("Any", Gated(self.plant, self.gate)),
            sight=cast("Sight", None),
            looks=cast("Any", None),
            known=insight.Insight(),
            channel="C1",
            rules=Rules(enabled=self.enabled, allowed=frozenset({"anchor_regex"})),
        )
        self.journal = Journal(gated, lambda _: "C1", clock=self.clock)
        self.situations = Situations(gated, self.staff, clock=self.clock)

        async def recheck(_plan: Plan) -> str:
            plant = self.plant
            cordoned = any(one.cordoned_by for one in plant.nodes.values())
            # After any write another plan would be drafted.
            written = plant.patches or plant.evicted or cordoned
            return self.recheck or ("what it is bound to changed since" if written else "")

        self.means = carry.Means(
            journal=self.journal, situations=self.situations, people=self.staff,
            clock=self.clock, recheck=recheck,
        )  # fmt: skip
        self.executor = execute.Executor({"prod": self.site}, self.means, name=self.name)

    async def work(self, *, within: float = 3600) -> None:
        """Run until no run is under way, or the process is killed."""
        task = asyncio.create_task(self.executor.run())
        dead = asyncio.create_task(self.gate.dead.wait())
        idle = asyncio.create_task(self._idle())
        await asyncio.wait({task, dead, idle}, timeout=within, return_when="FIRST_COMPLETED")
        for one in (task, dead, idle):
            one.cancel()
        await asyncio.gather(task, dead, idle, return_exceptions=True)

    async def _idle(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            runs = await self.store.remedy.runs(ended_after=plans.START - timedelta(days=1))
            if not await self.store.remedy.unclaimed() and all(one.over for one in runs):
                return


async def approved(store: MemoryStore, clock: LoopClock, plan: Plan, by: str = "UAPP") -> Plan:
    """Put an approved plan into the store."""
    async with store.unit() as unit:
        kept = await unit.remedy.save_plan(replace(plan, id=0, state=PlanState.PROPOSED))
        await unit.remedy.add_vote(Vote(kept.id, by, Choice.APPROVE, kept.digest, kept.created_at))
        return await unit.remedy.save_plan(
            replace(kept, state=PlanState.APPROVED, decided_at=clock.now(), decided_by=(by,))
        )


async def ended(store: MemoryStore) -> Run:
    """Return the only run, which must have ended."""
    (only,) = await store.remedy.runs(ended_after=plans.START - timedelta(days=1))
    assert only.state is not run.State.RUNNING, only
    return only
