"""What one process wishes, another does: once, as if the person stood before it, or not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.adapters.store.memory import MemoryStore
from bot.domain import errors
from bot.domain.approval import Answer, Choice, Outcome, Vote
from bot.domain.plan import Plan
from bot.flannel import inspection, kernel
from bot.flow import asking, elsewhere, granting, ports, pulse
from bot.flow.permits import Permits
from bot.flow.remedy_answers import MemoryBounds, Proposal, Wishes
from tests.checks import worlds
from tests.domain import plans
from tests.flow import office
from tests.flow.fakes import LoopClock
from tests.flow.plant import Gate, Gated, GatedStore

pytestmark = pytest.mark.looptime

NOW = timedelta(0)


@dataclass
class Drafts:
    """Writes down what it is asked for, and by whom."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    error: Exception | None = None
    hold: asyncio.Event | None = None

    async def _made(self, *what: Any) -> Proposal:
        self.asked.append(what)
        if self.hold is not None:
            await self.hold.wait()
        if self.error is not None:
            raise self.error
        return Proposal(reason=f"no {what[0]}")

    async def fix(self, ticket: str, user: str, *, runbook: str = "") -> Proposal:
        return await self._made("fix", ticket, user, runbook)

    async def fix_incident(self, number: int, user: str, *, runbook: str = "") -> Proposal:
        return await self._made("fix_incident", number, user, runbook)

    async def propose(
        self, cluster: str | None, runbook: str, user: str, *, wishes: Wishes, what_if: bool = False
    ) -> Proposal:
        return await self._made("propose", cluster, runbook, user, wishes, what_if)

    async def memory_bounds(self, cluster: str | None) -> MemoryBounds:
        self.asked.append(("bounds", cluster))
        return MemoryBounds(2, 1, 3, None)

    async def amend(self, ticket: str, user: str, *, wishes: Wishes) -> Proposal:
        return await self._made("amend", ticket, user, wishes)

    async def undo(self, ticket: str, user: str) -> Proposal:
        return await self._made("undo", ticket, user)

    async def undo_run(self, number: int, user: str) -> Proposal:
        return await self._made("undo_run", number, user)


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(1, count + 1)]


@dataclass
class Nodes:
    """Nodes that are looked at; `lots` are the questions, `mute` those that do not answer."""

    clock: LoopClock
    permits: Permits | None = None
    lots: list[Sequence[str]] = field(default_factory=list)
    mute: set[str] = field(default_factory=set)

    def unseen(self) -> Mapping[str, inspection.Unseen]:
        return {name: inspection.Unseen(self.clock.now(), "mute") for name in self.mute}

    async def nodes(
        self, wanted: Sequence[str], *, max_age: timedelta, progress: Any = None
    ) -> Mapping[str, inspection.Inspection | str]:
        self.lots.append(wanted)
        found: dict[str, inspection.Inspection | str] = {}
        for name in wanted:
            way = inspection.Way.EXEC
            if name in self.mute:
                allowed = self.permits is not None and self.permits.take(name)
                way = inspection.Way.PROBE if allowed else inspection.Way.LOG
            if name in self.mute and self.permits is None:
                found[name] = "it is mute"
            else:
                found[name] = inspection.Inspection(name, self.clock.now(), way, kernel.Kernel())
        return found


@dataclass
class Seen:
    """A mirror of so many nodes, on all of which flannel is."""

    count: int = 3
    cluster: str = "prod"

    def snapshot(self) -> Any:
        return worlds.world(*(worlds.node(name) for name in names(self.count)))


class GatedWishes(GatedStore):
    """A store that passes the gate at each thing that is asked of its wishes, too."""

    @property
    def wishes(self) -> Any:
        return Gated(self._inner.wishes, self._gate)


class Two:
    """Both processes on one store."""

    def __init__(self, *, count: int = 3) -> None:
        self.clock, self.store, self.drafts = LoopClock(), MemoryStore(), Drafts()
        self.staff = office.Staff()
        self.permits = Permits("prod", self.staff, clock=self.clock)
        self.nodes = Nodes(self.clock, self.permits)
        self.voided: Outcome | None = None
        self.listener = pulse.Listener(self.store, clock=self.clock)
        self.asking = asking.Asking(self.store, self.listener, clock=self.clock)
        self.drafting = elsewhere.Drafting(self.asking)
        self.mirror = Seen(count)
        self.allowing = elsewhere.Allowing("prod", self.staff, self.asking, clock=self.clock)
        self.looks = elsewhere.Looking(
            cast("ports.Mirror", self.mirror), self.asking, cast("Any", None),
            clock=self.clock, options=cast("Any", None), permits=self.allowing,
        )  # fmt: skip

    async def _void(self, held: Plan) -> Outcome | None:
        return self.voided

    @contextlib.asynccontextmanager
    async def executor(self, name: str = "e/1", gate: Gate | None = None) -> AsyncIterator[None]:
        """An executor; with a gate, one that dies at an instant and gives no sign any more."""
        store = self.store if gate is None else cast("MemoryStore", GatedWishes(self.store, gate))
        place = granting.Place(cast("ports.Inspections", self.nodes), self.nodes.permits)
        server = granting.Granting(
            store, {"prod": place}, drafting=self.drafts, void=self._void, clock=self.clock,
            name=name,
        )  # fmt: skip
        signs = pulse.Pulse(store, name=name, clock=self.clock)
        async with running(server.run(), signs.run()):
            yield

    @contextlib.asynccontextmanager
    async def both(self) -> AsyncIterator[None]:
        async with self.executor(), running(self.listener.run()):
            await asyncio.sleep(2)
            yield


@contextlib.asynccontextmanager
async def running(*works: Any) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in works]
    try:
        yield
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_every_request_comes_to_who_may_draft_it_as_it_was_asked() -> None:
    two = Two()
    chosen, here = Wishes(node="n1", memory_bytes=5), two.drafting
    async with two.both():
        assert (await here.fix("t", "U1", runbook="drain")).reason == "no fix"
        await here.fix_incident(7, "U1")
        await here.propose(None, "drain", "U2", wishes=chosen, what_if=True)
        await here.propose("prod", "drain", "U2", wishes=chosen)
        assert await here.memory_bounds("prod") == MemoryBounds(2, 1, 3, None)
        await here.amend("p", "U3", wishes=chosen)
        await here.undo("r", "U4")
        await here.undo_run(9, "U4")
    assert two.drafts.asked == [
        ("fix", "t", "U1", "drain"),
        ("fix_incident", 7, "U1", ""),
        ("propose", None, "drain", "U2", chosen, True),
        ("propose", "prod", "drain", "U2", chosen, False),
        ("bounds", "prod"),
        ("amend", "p", "U3", chosen),
        ("undo", "r", "U4"),
        ("undo_run", 9, "U4"),
    ]


async def test_a_refusal_stays_one_and_a_mistake_there_ends_nothing() -> None:
    two = Two()
    async with two.both():
        two.drafts.error = errors.Refused("you may not", "nobody may")
        with pytest.raises(errors.Refused, match="you may not"):
            await two.drafting.undo_run(1, "U1")
        two.drafts.error = RuntimeError("a mistake of ours")
        with pytest.raises(errors.Unavailable, match="made a mistake"):
            await two.drafting.undo_run(1, "U1")
        two.drafts.error = None
        assert (await two.drafting.undo_run(1, "U1")).reason == "no undo_run"


async def test_whether_an_approval_may_count_is_judged_there() -> None:
    two = Two()
    async with two.store.unit() as unit:
        held = await unit.remedy.save_plan(plans.plan(id=0))
    rechecking = elsewhere.Rechecking(two.asking)
    async with two.both():
        assert await rechecking.void(held) is None
        two.voided = Outcome(Answer.DENIED, held, "not now")
        assert await rechecking.void(held) == two.voided
        with pytest.raises(errors.Refused, match="PLAN-9"):
            await rechecking.void(replace(held, id=9))


async def test_without_an_executor_it_is_said_at_once_and_nothing_is_left_to_be_done() -> None:
    two = Two()
    async with running(two.listener.run()):
        await asyncio.sleep(1)
        began = two.clock.monotonic()
        with pytest.raises(errors.Unavailable, match="no executor is running"):
            await two.drafting.undo_run(1, "U1")
        assert two.clock.monotonic() == began
    async with two.both():
        assert two.listener.trouble == ""
    assert two.drafts.asked == []


async def test_one_that_ended_in_order_is_missed_at_once_and_one_that_died_soon() -> None:
    two = Two()
    async with running(two.listener.run()):
        async with two.executor():
            await asyncio.sleep(20)
            assert two.listener.trouble == ""
        await asyncio.sleep(1.5)
        assert "no executor is running" in two.listener.trouble
        gate = Gate()
        async with two.executor("e/2", gate):
            await asyncio.sleep(20)
            assert two.listener.trouble == ""
            gate.dead.set()
            await asyncio.sleep(pulse.SILENT + pulse.EVERY + 1)
            assert "no sign of life" in two.listener.trouble
        async with two.executor("e/3"):
            await asyncio.sleep(1.5)
            assert two.listener.trouble == ""


async def test_whoever_stops_waiting_before_anybody_took_it_has_nothing_done() -> None:
    two = Two()
    waiting = asyncio.create_task(two.drafting.undo_run(1, "U1"))
    await asyncio.sleep(5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    late = asyncio.create_task(two.drafting.undo_run(2, "U1"))
    with pytest.raises(errors.Unavailable):
        await late
    assert two.clock.monotonic() < asking.UNTAKEN + 10
    async with two.both():
        await asyncio.sleep(60)
    assert two.drafts.asked == []


async def test_killed_at_any_instant_each_wish_is_done_at_most_once_and_is_answered() -> None:
    kill_at, answers = 0, set()
    while True:
        kill_at += 1
        two, gate = Two(), Gate()
        async with running(two.listener.run()):
            async with two.executor("e/1", gate):
                await asyncio.sleep(2)
                gate.kill_at = gate.instants + kill_at
                asked = asyncio.create_task(two.drafting.undo_run(1, "U1"))
                dead = asyncio.create_task(gate.dead.wait())
                await asyncio.wait({asked, dead}, return_when=asyncio.FIRST_COMPLETED)
                dead.cancel()
            async with two.executor("e/2"):
                (found,) = await asyncio.gather(asked, return_exceptions=True)
        assert len(two.drafts.asked) <= 1, kill_at
        assert isinstance(found, Proposal | errors.Unavailable), found
        answers.add(type(found))
        if not gate.dead.is_set():
            break
    assert kill_at > 4
    assert answers == {Proposal, errors.Unavailable}


async def test_many_nodes_are_asked_for_in_lots_and_each_is_answered() -> None:
    two = Two(count=60)
    steps: list[tuple[int, int]] = []
    async with two.both():
        found = await two.looks.nodes(
            [*names(60), "nowhere"], max_age=NOW, progress=lambda *at: steps.append(at)
        )
        assert [name for name, one in found.items() if isinstance(one, str)] == ["nowhere"]
        assert len(two.looks.latest()) == 60
        assert sorted(len(lot) for lot in two.nodes.lots) == [10, 25, 25]
        assert steps[-1] == (61, 61)
        # What is young enough is not asked for again.
        await two.looks.nodes(names(60), max_age=timedelta(minutes=5))
        assert len(two.nodes.lots) == 3


async def test_more_nodes_than_a_lot_are_refused_whoever_asks() -> None:
    two = Two(count=60)
    what = granting.wish_ports.Inspect(tuple(names(26)), NOW)
    async with two.both():
        with pytest.raises(errors.Refused, match="too many nodes"):
            await two.asking.ask(what, granting.Looks, cluster="prod")
        with pytest.raises(errors.Refused, match="no cluster"):
            await two.asking.ask(what, granting.Looks, cluster="east")
    assert two.nodes.lots == []


async def test_a_look_by_probe_pod_is_allowed_there_by_who_may_and_spent_by_one_look() -> None:
    two = Two()
    two.nodes.mute = {"n1"}
    async with two.both():
        found = await two.looks.nodes(["n1"], max_age=NOW)
        assert cast("inspection.Inspection", found["n1"]).way is inspection.Way.LOG
        assert set(two.looks.unseen()) == {"n1"}
        ticket = two.allowing.offer("n1")
        assert two.allowing.offered(ticket) == "n1"
        assert not (await two.allowing.grant("n1", "UVIEW")).done
        assert not two.allowing.pending("n1")
        assert (await two.allowing.grant("n1", "UAPP")).done
        assert two.allowing.pending("n1")
        found = await two.looks.nodes(["n1"], max_age=NOW)
        assert cast("inspection.Inspection", found["n1"]).way is inspection.Way.PROBE
        assert not two.allowing.pending("n1")
        assert two.allowing.offer("n1") == ""


async def test_votes_of_a_request_that_came_by_a_wish_are_what_begins_it() -> None:
    """The other process may write what it likes: an approval is counted, not believed."""
    store, clock = MemoryStore(), LoopClock()
    async with store.unit() as unit:
        held = await unit.remedy.save_plan(plans.plan(plans.step(), id=0))
        vote = Vote(held.id, "UREQ", Choice.APPROVE, held.digest, clock.now())
        await unit.remedy.add_vote(vote)
    assert held.requester == "UREQ"
    journal = office.Journal(store, lambda _: "C1", clock=clock)
    claimed = replace(
        held, state=office.PlanState.APPROVED, decided_at=clock.now(), decided_by=("UAPP",)
    )
    with pytest.raises(errors.Refused, match="the votes do not"):
        await journal.start(claimed, executor="e")
