"""Killed at any moment: no half unit, nothing lost that was promised, nothing claimed twice.

A child works on the database as the bot does and tells each promise on a pipe right after the
store has made it. It is killed at a moment that differs from round to round, and what it had
told must be there. What it had not told may be there or not, but only whole.
"""

import random
import signal
import subprocess
import sys

import pytest

from bot.domain import notice

WORKER = """
import asyncio, dataclasses, sys, uuid
from datetime import UTC, datetime
from bot.adapters.store import options, sql
from bot.domain import finding, notice
from bot.domain.incident import Incident, State
from bot.domain.target import Target

NOW = datetime(2026, 3, 1, tzinfo=UTC)

def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

async def producer(store):
    n = 0
    while True:
        n += 1
        value = Incident(
            id=0, fingerprint=f"f{n}", check="oom", cluster="prod",
            workload=Target("prod", "DaemonSet", "kube-system", "flannel"), state=State.OPEN,
            severity=finding.Severity.CRITICAL, summary="s", cure="c", opened_at=NOW,
            changed_at=NOW,
        )
        async with store.unit() as unit:
            saved = await unit.save_incident(value)
            await unit.add_timeline(at=NOW, subject=saved.name, kind="opened", text="t")
            row = notice.Outgoing(
                id=uuid.uuid4().hex, kind=notice.Kind.CARD, channel="C", created_at=NOW,
                incident=saved.id,
            )
            await unit.enqueue(row)
            await unit.enqueue(dataclasses.replace(
                row, id=uuid.uuid4().hex, kind=notice.Kind.DETAIL, detail=notice.Detail("d")))
        tell("stored", saved.id)
        await asyncio.sleep(0)

async def sender(store):
    while True:
        row = await store.claim(now=NOW)
        if row is None:
            await asyncio.sleep(0)
            continue
        tell("claimed", row.id)
        posted = []
        if row.kind is notice.Kind.CARD:
            posted = [notice.Posted(row.incident, "C", "1.1", NOW, NOW)]
        await store.delivered([row], at=NOW, posted=posted)
        tell("sent", row.id)
        await asyncio.sleep(0)

async def main():
    async with sql.opened(options.Options(url=sys.argv[1])) as store:
        tell("ready")
        await asyncio.gather(producer(store), sender(store))

asyncio.run(main())
"""

CARD = notice.Kind.CARD
LIVES = 2


@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_any_moment_what_was_told_is_true(url, opened, samples, seed):
    chance = random.Random(seed)
    told: dict[str, set[str]] = {"ready": set(), "stored": set(), "claimed": set(), "sent": set()}
    for _ in range(LIVES):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in range(chance.randint(5, 90)):
            words = process.stdout.readline().split()
            assert words, (line, process.stderr.read())
            told[words[0]].update(words[1:])
        process.send_signal(signal.SIGKILL)
        # What was told between the last line read and the end counts too.
        rest, _ = process.communicate()
        for words in (line.split() for line in rest.splitlines(keepends=True) if line[-1] == "\n"):
            told[words[0]].update(words[1:])

    async with opened(url) as store:
        incidents = {value.id: value for value in await store.incidents(limit=10_000)}
        claimed = {row.id: row for row in await store.claimed()}
        shown = {number for number in incidents if await store.posted(number)}
        waiting = await store.outbox()

        # A unit is whole: incident, story and both rows, or nothing of them.
        for value in incidents.values():
            assert len(await store.timeline(value.name)) == 1
        assert {int(number) for number in told["stored"]} <= set(incidents)
        # What was told as claimed and not as sent is found claimed, but for the last of each life:
        # the kill may fall between the commit of its delivery and the telling.
        silently_sent = told["claimed"] - told["sent"] - set(claimed)
        assert len(silently_sent) <= LIVES
        assert len(claimed) <= LIVES
        assert not set(claimed) & told["sent"]
        # Every row is there once: told, or to be told.
        for row in claimed.values():
            await store.postpone(row, not_before=samples.at(-9e6), error="found")
        left = []
        while (row := await store.claim(now=samples.now)) is not None:
            left.append(row)
            places = [samples.place(row.incident, channel="C")] if row.kind is CARD else []
            await store.delivered([row], at=samples.now, posted=places)
        assert len(left) == waiting.pending
        assert not {row.id for row in left} & (told["sent"] | silently_sent)
        assert {row.incident for row in left if row.kind is CARD} == set(incidents) - shown
