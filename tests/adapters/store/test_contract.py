"""What every store promises, whatever it is made of."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.domain import errors, finding, ledger
from bot.domain.incident import State


class Stop(Exception):
    pass


async def test_an_incident_comes_back_as_it_was_saved(store, samples):
    value = samples.incident(
        told_severity=finding.Severity.WARNING, happened_at=samples.at(-1.5), unseen=True
    )

    async with store.unit() as unit:
        saved = await unit.save_incident(value)
        again = await unit.incident(saved.id)

    assert saved == dataclasses.replace(value, id=saved.id)
    assert saved.id > 0
    assert again == saved
    assert await store.incident(saved.id) == saved
    assert await store.incident(saved.id + 1) is None


async def test_an_incident_is_replaced_by_its_number(store, samples):
    async with store.unit() as unit:
        saved = await unit.save_incident(samples.incident())
        changed = dataclasses.replace(saved, state=State.RESOLVED, resolved_at=samples.at(9))
        assert await unit.save_incident(changed) == changed

    assert await store.incident(saved.id) == changed
    assert await store.incidents() == []


async def test_saving_an_incident_that_the_store_never_numbered_is_a_conflict(store, samples):
    with pytest.raises(errors.Conflict, match="INC-7"):
        async with store.unit() as unit:
            await unit.save_incident(samples.incident(id=7))


async def test_numbers_rise_and_are_not_given_twice(store, samples):
    numbers = await samples.saved(store, 3)

    assert numbers == sorted(set(numbers))
    assert (await samples.saved(store))[0] > numbers[-1]


async def test_a_unit_sees_what_is_open_or_was_resolved_lately(store, samples):
    async with store.unit() as unit:
        open_ = await unit.save_incident(samples.incident())
        acked = await unit.save_incident(samples.incident(state=State.ACKNOWLEDGED))
        late = await unit.save_incident(
            samples.incident(state=State.RESOLVED, resolved_at=samples.at(0))
        )
        at_the_edge = samples.incident(state=State.RESOLVED, resolved_at=samples.at(-60))
        await unit.save_incident(at_the_edge)
        await unit.save_incident(samples.incident(cluster="other"))

        found = await unit.incidents("prod", resolved_after=samples.at(-60))

    assert found == [open_, acked, late]


async def test_incidents_are_listed_newest_first(store, samples):
    first, second, third = await samples.saved(store, 3)
    (other,) = await samples.saved(store, cluster="other")
    async with store.unit() as unit:
        value = await unit.incident(second)
        await unit.save_incident(
            dataclasses.replace(value, state=State.RESOLVED, resolved_at=samples.now)
        )

    async def listed(**how):
        return [value.id for value in await store.incidents(**how)]

    assert await listed() == [other, third, first]
    assert await listed(unresolved=False) == [other, third, second, first]
    assert await listed(cluster="prod", unresolved=False, limit=2) == [third, second]


async def test_ledger_records_are_replaced_and_forgotten_by_pod_and_container(store, samples):
    old, new = samples.record("a"), samples.record("a", node="node-7")
    beside = samples.record("a", "install-cni")
    async with store.unit() as unit:
        await unit.save_records("prod", [old, beside, samples.record("b")])
        await unit.save_records("other", [old])
        await unit.save_records("prod", [new])
        await unit.save_records("prod", [])
        await unit.forget_records("prod", [("b", "kube-flannel"), ("never", "seen")])
        await unit.forget_records("prod", [])

    assert sorted(await store.records("prod"), key=lambda record: record.container) == [beside, new]
    assert await store.records("other") == [old]
    assert await store.records("nowhere") == []


async def test_the_same_record_twice_in_one_call_leaves_the_last(store, samples):
    async with store.unit() as unit:
        await unit.save_records("prod", [samples.record("a"), samples.record("a", node="n")])

    assert await store.records("prod") == [samples.record("a", node="n")]


async def test_thousands_of_records_are_saved_and_forgotten_in_one_unit(store, samples):
    many = [samples.record(f"uid-{n:05}") for n in range(5000)]
    async with store.unit() as unit:
        await unit.save_records("prod", many)
    assert await store.records("prod") == many

    async with store.unit() as unit:
        await unit.forget_records("prod", [(record.uid, record.container) for record in many[1:]])
    assert await store.records("prod") == many[:1]


async def test_a_mark_is_what_was_set_last(store):
    assert await store.mark("seen") is None
    async with store.unit() as unit:
        await unit.set_mark("seen", "1")
        await unit.set_mark("seen", "2")
        await unit.set_mark("other", "")

    assert await store.mark("seen") == "2"
    assert await store.mark("other") == ""


async def test_a_story_is_told_oldest_first_and_its_end_is_kept(store, samples):
    async with store.unit() as unit:
        for n in range(5):
            # All at one moment: the order is that of writing.
            await unit.add_timeline(at=samples.now, subject="INC-1", kind="opened", text=f"{n}")
        await unit.add_timeline(at=samples.now, subject="INC-2", kind="opened", text="other")

    found = await store.timeline("INC-1")
    assert [entry.text for entry in found] == ["0", "1", "2", "3", "4"]
    assert (found[0].at, found[0].subject, found[0].kind) == (samples.now, "INC-1", "opened")
    assert [entry.text for entry in await store.timeline("INC-1", limit=2)] == ["3", "4"]
    assert await store.timeline("INC-9") == []


async def test_times_come_back_aware_in_utc_to_the_microsecond(store, samples):
    east = timezone(timedelta(hours=9))
    moment = datetime(2026, 1, 1, 8, 59, 59, 999999, tzinfo=east)
    (number,) = await samples.saved(store)
    row = dataclasses.replace(samples.card(number), created_at=moment, not_before=moment)
    async with store.unit() as unit:
        await unit.enqueue(row)
        await unit.add_timeline(at=moment, subject="INC-1", kind="k", text="t")

    taken = await store.claim(now=moment)
    (entry,) = await store.timeline("INC-1")

    assert taken.created_at == taken.not_before == taken.claimed_at == entry.at == moment
    for found in (taken.created_at, taken.claimed_at, entry.at):
        assert found.utcoffset() is not None
    assert await store.claim(now=moment) is None


async def test_text_from_a_cluster_that_no_database_takes_is_kept_as_far_as_it_goes(store, samples):
    """A NUL or half a character in a log line must not keep an alert from being stored."""
    nasty = "a\0b\ud800c"
    async with store.unit() as unit:
        saved = await unit.save_incident(samples.incident(summary=nasty))
        await unit.enqueue(samples.detail(saved.id, title=nasty))
        await unit.add_timeline(at=samples.now, subject="INC-1", kind="k", text=nasty)
        await unit.set_mark("m", nasty)

    assert (await store.incident(saved.id)).summary.startswith("a")
    assert (await store.timeline("INC-1"))[0].text.endswith("c")


async def test_a_unit_that_fails_leaves_nothing(store, samples):
    (number,) = await samples.saved(store)

    async def work():
        async with store.unit() as unit:
            await unit.save_incident(samples.incident())
            await unit.save_incident(
                dataclasses.replace(await unit.incident(number), summary="changed")
            )
            await unit.enqueue(samples.card(number))
            await unit.save_records("prod", [samples.record("a")])
            await unit.set_mark("m", "v")
            await unit.add_timeline(at=samples.now, subject="INC-1", kind="k", text="t")
            raise Stop

    with pytest.raises(Stop):
        await work()

    assert [value.summary for value in await store.incidents()] == ["flannel OOM-killed"]
    assert await store.claim(now=samples.now) is None
    assert await store.records("prod") == []
    assert await store.mark("m") is None
    assert await store.timeline("INC-1") == []


async def test_nobody_reads_what_a_unit_has_not_committed(store, samples):
    async with store.unit() as unit:
        saved = await unit.save_incident(samples.incident())
        await unit.set_mark("m", "v")

        assert await unit.incident(saved.id) == saved
        assert await store.incident(saved.id) is None
        assert await store.mark("m") is None

    assert await store.mark("m") == "v"


async def test_twenty_who_read_and_then_write_lose_no_update(store):
    async def count():
        async with store.unit() as unit:
            # The store's own read: with a lock that begins at the first write it would be stale.
            seen = int(await store.mark("n") or 0)
            await asyncio.sleep(0.001)
            await unit.set_mark("n", str(seen + 1))

    await asyncio.gather(*(count() for _ in range(20)))

    assert await store.mark("n") == "20"


async def test_a_cancelled_unit_leaves_nothing_and_the_next_one_goes_on(store, samples):
    for _ in range(10):
        inside = asyncio.Event()

        async def work(inside=inside):
            async with store.unit() as unit:
                await unit.set_mark("half", "x")
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert await store.mark("half") is None
    async with asyncio.timeout(1):
        await samples.saved(store)


async def test_cancelled_at_any_step_a_unit_is_whole_or_nothing(store, samples):
    for steps in range(16):

        async def work(steps=steps):
            async with store.unit() as unit:
                for n in range(3):
                    await unit.set_mark(f"{steps}/{n}", "x")

        task = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert len({await store.mark(f"{steps}/{n}") for n in range(3)}) == 1
        async with asyncio.timeout(5):
            await samples.saved(store)


async def test_a_writer_that_is_cancelled_while_waiting_does_not_take_the_turn(store):
    async with store.unit() as unit:
        waiting = asyncio.create_task(store.check_writable())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await unit.set_mark("m", "v")

    async with asyncio.timeout(1):
        await store.check_writable()
    assert await store.mark("m") == "v"


async def test_a_store_that_works_is_writable_and_nothing_is_left_of_the_probe(store):
    await store.check_writable()
    await store.check_writable()

    assert (await store.outbox()).pending == 0
    assert await store.incidents(unresolved=False) == []


async def test_a_ledger_record_keeps_all_it_holds(store, samples):
    """The record is a document: a field added to it is kept without a migration."""
    full = samples.record("a", gone_at=datetime(2026, 1, 1, tzinfo=UTC), kind="Pod", node="n")
    async with store.unit() as unit:
        await unit.save_records("prod", [full])

    (found,) = await store.records("prod")
    assert found == full
    assert isinstance(found, ledger.Record)
