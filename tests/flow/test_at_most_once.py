"""Two replicas, clicks that double and cross, crashes: one plan is carried out at most once."""

import asyncio
import contextlib
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.store import memory
from bot.domain import approval, errors, run
from bot.domain.access import Person, Role
from bot.domain.approval import Choice, Vote
from bot.domain.plan import Plan, State
from bot.flow.remedy_ports import Remedies as RemedyUnit
from tests.domain import plans
from tests.domain.plans import START

PEOPLE = {
    name: Person(name, frozenset({Role.VIEWER, *roles}))
    for name, roles in {
        "UAPP": (Role.APPROVER,),
        "UAPP2": (Role.APPROVER,),
        "UREQ": (Role.REQUESTER, Role.APPROVER),
        "UVIEW": (),
    }.items()
}
ACTS = st.tuples(
    st.sampled_from(
        [
            "look",
            "approve",
            "reject",
            "supersede",
            "expire",
            "abandon",
            "claim",
            "step",
            "take over",
            "crash",
        ]
    ),
    st.integers(0, 1),
    st.sampled_from(sorted(PEOPLE)),
    st.sampled_from(["", "", "", "0" * 64]),
)


class Replica:
    """One process: it acts by what it saw last, which may be old by now."""

    def __init__(self, store: memory.MemoryStore, name: str) -> None:
        self.store, self.name = store, name
        self.plan: Plan | None = None
        self.votes: list[Vote] = []
        self.run: run.Run | None = None
        self.wrote = 0

    async def act(self, what: str, person: Person, forged: str, minute: int) -> None:
        now = START + timedelta(minutes=minute)
        async with self.store.unit() as unit:
            remedy = unit.remedy
            if what == "look":
                self.plan, self.votes = await remedy.plan(1), await remedy.votes(1)
                return
            if what == "crash":
                self.plan, self.votes, self.run = None, [], None
                return
            if what == "take over":
                held = await remedy.run(1)
                if held is not None and not held.over:
                    mine = run.take_over(held, executor=self.name)
                    await remedy.save_run(mine, epoch=held.epoch)
                    self.run = mine
                return
            if what == "step":
                await self._step(remedy, now)
                return
            if self.plan is None:
                return
            if what == "claim":
                self.run = await remedy.start(
                    self.plan, run.begin(self.plan, executor=self.name, now=now)
                )
            elif what == "abandon":
                after = approval.abandon(self.plan, now=now, reason="nobody watches")
                await remedy.lapse(after)
            elif what in ("supersede", "expire"):
                after = (
                    approval.expire(self.plan, now=now)
                    if what == "expire"
                    else approval.supersede(self.plan, now=now, reason="moved")
                )
                await remedy.save_plan(after)
            else:
                digest = forged or self.plan.digest
                cast = approval.vote(
                    self.plan, self.votes, person, Choice(what), digest=digest, now=now
                )
                if cast.vote is not None:
                    await remedy.add_vote(cast.vote)
                if cast.changed:
                    await remedy.save_plan(cast.plan)

    async def _step(self, remedy: RemedyUnit, now: datetime) -> None:
        """Journal the only step's intention, after which the cluster is written to."""
        plan = await remedy.plan(1)
        if self.run is None or plan is None:
            return
        begun = run.intend(self.run, plan, 0, now=now)
        await remedy.save_run(begun, epoch=self.run.epoch)
        self.run = begun
        self.wrote += 1


Acts = list[tuple[str, int, str, str]]


async def played(quorum: int, acts: Acts) -> int:
    """Play a story and return how often the cluster was written to."""
    store = memory.MemoryStore()
    async with store.unit() as unit:
        plan = await unit.remedy.save_plan(plans.plan(id=0, quorum=quorum))
    replicas = [Replica(store, name) for name in ("a", "b")]
    for minute, (what, which, name, forged) in enumerate(acts):
        with contextlib.suppress(errors.Conflict, errors.Refused):
            await replicas[which].act(what, PEOPLE[name], forged, minute)
    decided = await store.remedy.plan(plan.id)
    assert decided is not None
    wrote = sum(one.wrote for one in replicas)
    assert wrote <= 1, "written twice"
    runs = await store.remedy.runs()
    assert len(runs) <= 1
    if not runs:
        assert not wrote
        return wrote
    votes = await store.remedy.votes(plan.id)
    agreed = {
        one.user for one in votes if one.choice is Choice.APPROVE and one.digest == plan.digest
    }
    assert decided.state is State.APPROVED
    assert runs[0].digest == plan.digest
    assert len(agreed) >= quorum
    assert agreed <= {"UAPP", "UAPP2"}
    assert decided.decided_at is not None
    assert decided.decided_at < plan.expires_at
    return wrote


@settings(max_examples=200)
@given(st.integers(1, 2), st.lists(ACTS, max_size=30))
def test_whatever_crosses_a_plan_is_carried_out_once_and_only_if_enough_approved_it(
    quorum: int, acts: Acts
) -> None:
    asyncio.run(played(quorum, acts))


def test_the_story_without_disturbance_does_write_once() -> None:
    acts = [("look", 0, "UAPP", ""), ("approve", 0, "UAPP", ""), ("look", 1, "UAPP", ""),
            ("claim", 1, "UAPP", ""), ("step", 1, "UAPP", ""), ("look", 0, "UAPP", ""),
            ("claim", 0, "UAPP", ""), ("take over", 0, "UAPP", ""), ("step", 0, "UAPP", ""),
            ("step", 1, "UAPP", "")]  # fmt: skip
    assert asyncio.run(played(1, acts)) == 1
