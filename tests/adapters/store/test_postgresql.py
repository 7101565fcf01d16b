"""PostgreSQL in particular: several replicas, and a server that comes and goes."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.adapters.store import migrate, options, sql
from bot.domain import errors

pytestmark = pytest.mark.real("postgresql")

SHORT = timedelta(milliseconds=200)


async def backend(store) -> int:
    """The process that serves the store's writer."""
    async with store.unit() as unit:
        return (await unit._session.run(sa.select(sa.func.pg_backend_pid()))).scalar()


async def test_two_replicas_that_read_and_then_write_lose_no_update(postgresql_url, opened):
    async with opened(postgresql_url) as one, opened(postgresql_url) as two:

        async def count(store):
            async with store.unit() as unit:
                seen = int(await store.mark("n") or 0)
                await unit.set_mark("n", str(seen + 1))

        await asyncio.gather(*(count(store) for store in (one, two) * 15))

        assert await one.mark("n") == "30"


async def test_two_replicas_never_claim_one_row(postgresql_url, opened, samples):
    async with opened(postgresql_url) as one, opened(postgresql_url) as two:
        rows = [samples.text(str(n)) for n in range(20)]
        await samples.enqueued(one, *rows)

        async def take(store):
            found = []
            while (row := await store.claim(now=samples.now)) is not None:
                found.append(row.id)
            return found

        taken = [each for found in await asyncio.gather(take(one), take(two)) for each in found]

    assert sorted(taken) == sorted(row.id for row in rows)


async def test_a_unit_elsewhere_that_lasts_is_unavailable_and_reading_goes_on(
    postgresql_url, opened
):
    async with (
        opened(postgresql_url) as one,
        opened(postgresql_url, busy_timeout=SHORT) as two,
        one.unit() as unit,
    ):
        await unit.set_mark("m", "v")
        with pytest.raises(errors.Unavailable, match="locked by another process"):
            await two.check_writable()
        assert await two.mark("m") is None


async def test_a_connection_lost_inside_a_unit_is_unavailable_and_the_next_one_works(
    postgresql_url, opened, caplog
):
    async with opened(postgresql_url) as store:
        server_side = await backend(store)

        async def work():
            async with store.unit() as unit:
                await unit.set_mark("half", "x")
                os.kill(server_side, signal.SIGTERM)
                for _ in range(200):
                    await unit.set_mark("other", "x")
                    await asyncio.sleep(0.01)

        with pytest.raises(errors.Unavailable):
            await work()

        assert await store.mark("half") is None
        await store.check_writable()
        assert await backend(store) != server_side
    assert [record for record in caplog.records if record.exc_info] == []


async def test_connections_lost_between_units_are_not_noticed(postgresql_url, opened):
    async with opened(postgresql_url) as store:
        assert await store.mark("m") is None
        os.kill(await backend(store), signal.SIGTERM)
        async with store.unit() as unit:
            await unit.set_mark("m", "v")
        assert await store.mark("m") == "v"


async def test_cancelled_in_the_middle_the_server_is_left_without_a_lock(postgresql_url, opened):
    async with opened(postgresql_url) as one, opened(postgresql_url, busy_timeout=SHORT) as two:
        for steps in range(0, 40, 4):
            task = asyncio.create_task(one.check_writable())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await two.check_writable()
        assert one._database._writer.pool.checkedout() == 0


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"database": "nowhere"}, errors.Misconfigured, "does not exist on that server"),
        ({"username": "stranger"}, errors.Misconfigured, "refuses the user"),
        ({"port": 1}, errors.Unavailable, "cannot be reached"),
        ({"query": {"nonsense": "1"}}, errors.Misconfigured, "nonsense"),
        ({"query": {"ssl": "nonsense"}}, errors.Misconfigured, "sslmode"),
    ],
)
async def test_what_is_wrong_with_a_url_is_told_without_its_password(
    postgresql_url, change, kind, says
):
    made = sa.make_url(postgresql_url).set(password="s3cret").set(**change)
    url = made.render_as_string(hide_password=False)

    for attempt in (migrate.ensure, lambda how: sql.opened(how).__aenter__()):
        with pytest.raises(kind, match=says) as caught:
            await attempt(options.Options(url=url))
        assert "s3cret" not in str(caught.value)


async def test_a_statement_that_is_never_answered_is_given_up(postgresql_url, opened):
    async with opened(postgresql_url, answer_timeout=SHORT) as store:

        async def work():
            async with store.unit() as unit:
                await unit._session.run(sa.select(sa.func.pg_sleep(30)))

        with pytest.raises(errors.Unavailable):
            await work()
        await store.check_writable()


async def test_a_user_without_rights_is_told(postgresql, postgresql_url, opened):
    name = sa.make_url(postgresql_url).database
    postgresql.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader')"
        " THEN CREATE ROLE reader LOGIN; END IF; END $$;"
        " GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        name,
    )
    url = sa.make_url(postgresql_url).set(username="reader").render_as_string()
    async with opened(url) as store:
        with pytest.raises(errors.Misconfigured, match="rights"):
            await store.check_writable()


async def test_reading_uses_the_indexes(postgresql_url, opened, samples):
    async with opened(postgresql_url) as store:
        numbers = await samples.saved(store, 2)
        await samples.enqueued(store, samples.card(numbers[0]))
        async with store.unit() as unit:
            await unit._session.run(sa.text("SET LOCAL enable_seqscan = off"))
            found = await unit._session.run(
                sa.text(
                    "EXPLAIN SELECT * FROM outbox WHERE delivery = 'pending'"
                    " ORDER BY priority, created_at LIMIT 1"
                )
            )
            plan = "\n".join(found.scalars())

    assert "ix_outbox_delivery_priority_created_at" in plan
