"""Jobs that fail, come late or overlap are seen, not lost."""

import asyncio
import time
from datetime import UTC

import pytest

from bot.adapters import schedule
from bot.domain import errors
from tests.flow import fakes


class Counted(fakes.NoTelemetry):
    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], float] = {}

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        assert name == "job_runs_total"
        key = (labels["job"], labels["result"])
        self.counts[key] = self.counts.get(key, 0) + value


async def eventually(look) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def run(job: schedule.Job, until) -> tuple[schedule.JobScheduler, Counted]:
    telemetry = Counted()
    jobs = schedule.JobScheduler([job], telemetry=telemetry)
    jobs.start()
    try:
        await eventually(lambda: until(jobs.jobs()[0], telemetry))
    finally:
        await jobs.stop()
        await asyncio.sleep(0.01)
    return jobs, telemetry


async def test_a_job_runs_again_and_again_and_shows_when_and_how_long() -> None:
    ran = []

    async def work() -> None:
        ran.append(1)

    jobs, telemetry = await run(
        schedule.Job(name="work", run=work, seconds=0.05), lambda *_: len(ran) >= 3
    )
    (state,) = jobs.jobs()
    assert state.last_result == "succeeded"
    assert state.last_run is not None
    assert state.last_seconds is not None
    assert state.trigger == "every 0.05 s"
    assert telemetry.counts["work", "succeeded"] >= 2


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.Unavailable("no answer from the API server"), "failed: no answer from"),
        (ValueError("a fault of our own"), "failed: ValueError: a fault of our own"),
    ],
)
async def test_a_job_that_fails_says_so_and_runs_again(error: Exception, told: str) -> None:
    async def work() -> None:
        raise error

    jobs, telemetry = await run(
        schedule.Job(name="work", run=work, seconds=0.05), lambda state, _: state.failures >= 2
    )
    assert jobs.jobs()[0].last_result.startswith(told)
    assert telemetry.counts["work", "failed"] >= 2


async def test_a_job_that_is_still_running_is_not_run_beside_itself() -> None:
    running = 0

    async def work() -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.3)
        running -= 1

    _, telemetry = await run(
        schedule.Job(name="work", run=work, seconds=0.05), lambda state, _: state.overlapped >= 2
    )
    assert telemetry.counts["work", "overlapped"] >= 2


async def test_cron_keeps_its_time_zone() -> None:
    async def work() -> None: ...

    job = schedule.Job(name="daily", run=work, cron="0 9 * * *", timezone="Asia/Shanghai")
    jobs = schedule.JobScheduler([job], telemetry=Counted())
    jobs.start()
    (state,) = jobs.jobs()
    await jobs.stop()
    await asyncio.sleep(0.01)
    assert state.trigger == "0 9 * * * (Asia/Shanghai)"
    assert state.next_run is not None
    assert state.next_run.astimezone(UTC).hour == 1
