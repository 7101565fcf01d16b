"""Nothing is begun that the API server would not take to its end: writes are tried dry before."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.adapters.store.memory import MemoryStore
from bot.domain import errors, run
from bot.domain.approval import Answer
from bot.domain.plan import Plan
from bot.flow import actuation, dryruns
from bot.flow.remedy_answers import Wishes
from bot.guards import Stage
from tests.flow.fakes import LoopClock
from tests.flow.office import Office, approved, ended
from tests.flow.plant import Plant
from tests.flow.test_execute import MAKES, on_delete, patched, rolling, wait
from tests.flow.test_remediation import Bench

pytestmark = pytest.mark.looptime

LACKING = "not allowed to patch daemonset kube-flannel/kube-flannel-ds"
DRY = "dry run"


def refusing() -> errors.BotError:
    return errors.Refused(LACKING)


def tries(plant: Plant) -> int:
    return sum(verb == DRY for verb, _ in plant.asked)


async def test_a_plan_that_the_api_server_would_refuse_opens_no_request_and_says_why() -> None:
    bench = Bench()
    bench.drafts.next = rolling(patched(), wait(), replace(patched(), batch=2))
    # Of two patches the second: without asking, the run would end after the first.
    bench.plant.faults += [(DRY, lambda: None), (DRY, refusing)]
    made = await bench.desk.propose(None, "anchor_regex", "UREQ", wishes=Wishes())
    assert [one.guard for one in made.denials] == ["permitted"]
    assert LACKING in made.denials[0].reason
    assert await bench.store.remedy.plans() == []


async def test_a_right_that_goes_before_the_click_or_before_the_first_write_stops_it() -> None:
    bench = Bench()
    held = await bench.asked()
    bench.plant.faults.append((DRY, refusing))
    assert await bench.click(held, "UAPP") is Answer.DENIED
    assert await bench.click(held, "UAPP") is Answer.APPROVED
    bench.plant.faults.append((DRY, refusing))
    await bench.office.work()
    over = await ended(bench.store)
    assert over.state is not run.State.SUCCEEDED
    assert LACKING in over.cause
    assert bench.plant.patches == []


async def test_what_cannot_be_asked_is_denied() -> None:
    bench = Bench()
    bench.plant.faults.append((DRY, lambda: errors.Unavailable("the API server is silent")))
    made = await bench.desk.propose(None, "anchor_regex", "UREQ", wishes=Wishes())
    assert [one.guard for one in made.denials] == ["permitted"]


async def test_a_bot_that_only_observes_tries_no_write_not_even_dry() -> None:
    bench = Bench(enabled=False)
    site = bench.office.site
    given = await bench.office.situations.of(rolling(), site, Stage.PROPOSE)
    assert given.refusals == ()
    assert tries(bench.plant) == 0


async def test_a_run_that_has_begun_is_not_given_up_for_a_dry_run() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock, strategy="OnDelete")
    await approved(store, clock, on_delete())
    plant.faults += [(DRY, lambda: None), (DRY, lambda: None), (DRY, refusing)]
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    assert tries(plant) == 2, "the patch, and one deletion for all"


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        ("rolling", 1),
        ("deletes", 2),
        ("drain", 2),
        ("evict", 1),
        ("restart", 1),
    ],
)
async def test_each_kind_of_write_is_tried_and_does_nothing(make: str, asked: int) -> None:
    plant = Plant(LoopClock(), strategy="OnDelete")
    before = (plant.args, dict(plant.nodes), {name: one.uid for name, one in plant.pods.items()})
    steps = MAKES[make]().steps
    assert await dryruns.refusals(plant, steps, plant.snapshot()) == ()
    assert tries(plant) == asked
    after = (plant.args, dict(plant.nodes), {name: one.uid for name, one in plant.pods.items()})
    assert after == before


@pytest.mark.parametrize(
    "error",
    [
        lambda: errors.Conflict("it was changed meanwhile"),
        lambda: actuation.NoDryRun("admission webhook does not support dry run"),
    ],
)
async def test_what_says_nothing_of_rights_is_no_refusal(
    error: Callable[[], errors.BotError],
) -> None:
    plant = Plant(LoopClock())
    plant.faults.append((DRY, error))
    assert await dryruns.refusals(plant, rolling().steps, plant.snapshot()) == ()


async def test_a_refusal_is_said_once_however_many_steps_meet_it() -> None:
    plant = Plant(LoopClock())
    plant.faults += [(DRY, refusing), (DRY, refusing)]
    twice: Plan = rolling(patched(), replace(patched(), batch=1))
    assert await dryruns.refusals(plant, twice.steps, plant.snapshot()) == (LACKING,)
