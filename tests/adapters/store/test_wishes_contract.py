"""What every store promises of wishes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.store import upkeep
from bot.domain import approval, errors
from bot.flannel import inspection, kernel
from bot.flow import ports, wish_ports
from bot.flow.remedy_answers import MemoryBounds, Proposal, Said
from bot.flow.wish_ports import Answer, Wish
from bot.runbooks import Wishes as Chosen
from tests.adapters.store.conftest import NOW, Opener
from tests.domain import plans

LATER = NOW + timedelta(seconds=20)
LOOK = inspection.Inspection(
    node="n1",
    taken_at=NOW,
    way=inspection.Way.EXEC,
    kernel=kernel.Kernel(links=(kernel.Link(name="eth1", index=2),), subnet_missing=True),
    problems=("a half ✂",),
    pods_behind={"veth1": "shop/web-7"},
)
ASKED: list[tuple[Any, Any]] = [
    (
        wish_ports.Inspect(("n1", "n2"), timedelta(seconds=1.5)),
        wish_ports.Looks(
            seen={"n1": LOOK},
            failed={"n2": "its kubelet is silent"},
            unseen={"n2": inspection.Unseen(NOW, "silent")},
            lacking=("n2",),
            pending=("n3",),
        ),
    ),
    (wish_ports.Permit("n1"), Said(False, "only approvers may", ("U1",))),
    (wish_ports.Bounds(), MemoryBounds(3, 1, 9, None, ("so",))),
    (wish_ports.Fix(ticket="t", runbook="drain"), Proposal(plan=plans.plan(id=7))),
    (
        wish_ports.Propose("drain", Chosen("n1", 2**31, lose_empty_dirs=True), what_if=True),
        Proposal(reason="no", manual="kubectl ✂"),
    ),
    (wish_ports.Amend("t", Chosen(memory_bytes=5)), Proposal()),
    (wish_ports.Undo(number=3), Proposal(reason="nothing to undo")),
    (
        wish_ports.Recheck(7),
        wish_ports.Rechecked(
            approval.Outcome(approval.Answer.DENIED, plans.plan(id=7), "not now", people=("U2",))
        ),
    ),
]


def wish(what: wish_ports.What = ASKED[0][0], **changes: Any) -> Wish:
    plain = {"by": "U1", "asked_at": NOW, "expires_at": LATER, "cluster": "prod"}
    return Wish(id=0, what=what, **{**plain, **changes})


def test_everything_that_can_be_wished_is_tried_here() -> None:
    assert {type(what) for what, _ in ASKED} == set(wish_ports.KINDS.values())
    assert {type(what): type(value) for what, value in ASKED} == wish_ports.ANSWERS


@pytest.mark.parametrize(("what", "value"), ASKED, ids=list(wish_ports.KINDS))
async def test_a_wish_and_its_answer_come_back_as_they_were(
    store: ports.Store, what: wish_ports.What, value: object
) -> None:
    held = store.wishes
    made = await held.put(wish(what))
    assert await held.open(now=NOW) == [made]
    assert (made.id, made.what, made.by, made.cluster) == (1, what, "U1", "prod")
    assert await held.claim(made.id, by="pod-a/1", now=NOW)
    assert await held.open(now=NOW) == []
    assert (await held.ready([made.id]), await held.collect(made.id)) == ([], None)
    assert await held.answer(made.id, Answer(value), by="pod-a/1", now=NOW)
    assert list(await held.ready([made.id])) == [made.id]
    assert await held.collect(made.id) == Answer(value)
    assert await held.collect(made.id) is None, "an answer is big, and kept until it is taken"


@pytest.mark.parametrize(
    ("error", "comes_back_as"),
    [
        (errors.Refused("you may not", "nobody may"), errors.Refused),
        (errors.Conflict("it moved"), errors.Conflict),
        (errors.Unavailable("no answer"), errors.Unavailable),
        (ports.RateLimited(3), errors.Unavailable),
        # What only a person can mend there must not end the process here.
        (errors.Misconfigured("401"), errors.Unavailable),
    ],
)
async def test_a_fault_comes_back_as_one(
    store: ports.Store, error: errors.BotError, comes_back_as: type[errors.BotError]
) -> None:
    made = await store.wishes.put(wish())
    await store.wishes.claim(made.id, by="e", now=NOW)
    await store.wishes.answer(made.id, wish_ports.faulty(error), by="e", now=NOW)
    found = await store.wishes.collect(made.id)
    assert found is not None
    with pytest.raises(comes_back_as) as raised:
        found.result()
    assert type(raised.value) is comes_back_as
    assert str(raised.value) == str(error)


async def test_one_is_taken_once_and_answered_once_by_who_took_it(store: ports.Store) -> None:
    held = store.wishes
    made = await held.put(wish())
    assert not await held.answer(made.id, Answer(), by="", now=NOW), "nobody took it yet"
    assert await held.claim(made.id, by="one", now=NOW)
    assert not await held.claim(made.id, by="two", now=NOW)
    assert not await held.answer(made.id, Answer(), by="two", now=NOW)
    assert not await held.withdraw(made.id, now=NOW), "it may be done by now"
    assert await held.answer(made.id, Answer(wish_ports.Looks()), by="one", now=NOW)
    assert not await held.answer(made.id, Answer(), by="one", now=NOW)
    assert not await held.claim(99, by="one", now=NOW)


async def test_what_was_withdrawn_or_has_expired_is_never_done(store: ports.Store) -> None:
    held = store.wishes
    gone, late = await held.put(wish()), await held.put(wish())
    assert await held.withdraw(gone.id, now=NOW)
    assert not await held.withdraw(gone.id, now=NOW)
    assert not await held.claim(gone.id, by="e", now=NOW)
    assert await held.open(now=NOW) == [late]
    assert await held.open(now=LATER) == []
    assert not await held.claim(late.id, by="e", now=LATER)


async def test_a_successor_answers_for_those_who_ended_and_takes_nothing_twice(
    store: ports.Store,
) -> None:
    held = store.wishes
    left, mine, waits, done = [await held.put(wish()) for _ in range(4)]
    for one, by in ((left, "old"), (mine, "new"), (done, "old")):
        assert await held.claim(one.id, by=by, now=NOW)
    await held.answer(done.id, Answer(wish_ports.Looks()), by="old", now=NOW)
    sorry = wish_ports.faulty(errors.Unavailable("its executor ended"))
    assert await held.forsaken(sorry, by="new", now=NOW) == 1
    assert await held.collect(left.id) == sorry
    assert not await held.answer(left.id, Answer(wish_ports.Looks()), by="old", now=NOW), "it woke"
    assert await held.collect(done.id) == Answer(wish_ports.Looks())
    assert await held.collect(mine.id) is None
    assert await held.open(now=NOW) == [waits]


async def test_of_many_processes_at_once_one_takes_each(url: str, opened: Opener) -> None:
    async with opened(url) as one, opened(url) as two, opened(url) as asking:
        made = [await asking.wishes.put(wish()) for _ in range(5)]
        taken = await asyncio.gather(
            *(store.wishes.claim(each.id, by=name, now=NOW)
              for each in made for store, name in ((one, "one"), (two, "two")))
        )  # fmt: skip
        assert sum(taken) == len(made)


async def test_an_executor_that_another_followed_takes_and_answers_nothing(
    url: str, opened: Opener
) -> None:
    async with opened(url) as one, opened(url) as two:
        old = await one.enter("pod-a/1")
        stale = one.under(lambda: old)
        first, second = await two.wishes.put(wish()), await two.wishes.put(wish())
        assert await stale.wishes.claim(first.id, by="one", now=NOW)
        await two.enter("pod-b/1")
        with pytest.raises(ports.Superseded):
            await stale.wishes.claim(second.id, by="one", now=NOW)
        with pytest.raises(ports.Superseded):
            await stale.wishes.answer(first.id, Answer(), by="one", now=NOW)
        assert await two.wishes.open(now=NOW) == [second]


async def test_a_wish_of_a_newer_version_is_left_alone(url: str, opened: Opener) -> None:
    """While versions are mixed, the newer executor does it, or nobody."""
    async with opened(url) as store:
        made = await store.wishes.put(wish())
        newer = {**wish_ports.KINDS, "dance": wish_ports.Inspect}
        del newer["inspect"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wish_ports, "KINDS", newer)
            await store.wishes.put(wish())
        assert await store.wishes.open(now=NOW) == [made]


async def test_a_wish_that_cannot_be_read_holds_up_no_other(url: str, opened: Opener) -> None:
    async with opened(url) as store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wish_ports, "KINDS", {"permit": wish_ports.Inspect})
            await store.wishes.put(wish())
        made = await store.wishes.put(wish())
        assert await store.wishes.open(now=NOW) == [made]


async def test_what_was_wished_long_ago_is_pruned(url: str, opened: Opener) -> None:
    async with opened(url) as store:
        await store.wishes.put(wish(asked_at=NOW - timedelta(days=40)))
        young = await store.wishes.put(wish())
        before = NOW - timedelta(days=30)
        limits = upkeep.Limits(incidents=before, outbox=before, deeds=before)
        assert await store.upkeep.prune(limits, now=NOW) == {"wishes": 1}
        assert await store.wishes.open(now=NOW) == [young]
