"""APScheduler, with its results to be seen.

The library reports a job that failed, came late or overlapped only through events; here they
become states that `/flannel schedule`, the log and the metrics show.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import structlog
from apscheduler import events
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)

_GRACE = 30
"""Seconds a run may be late before it is left out as missed; the library's own 1 s would drop
runs whenever the loop is busy for longer."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be run: `seconds` apart, or by five `cron` fields in `timezone`.

    `cluster` is empty for what is done for all of them.
    """

    name: str
    run: Callable[[], Awaitable[None]] = field(compare=False)
    seconds: float | None = None
    cron: str = ""
    timezone: str = "UTC"
    cluster: str = ""

    @property
    def text(self) -> str:
        """How the trigger reads."""
        return f"{self.cron} ({self.timezone})" if self.cron else f"every {self.seconds:g} s"

    def trigger(self) -> BaseTrigger:
        """Return the library's trigger."""
        if self.cron:
            return CronTrigger.from_crontab(self.cron, timezone=ZoneInfo(self.timezone))
        assert self.seconds is not None
        # Jitter keeps many jobs, and many bots, from striking at the same instant.
        return IntervalTrigger(
            seconds=self.seconds, jitter=min(self.seconds / 10, 30), timezone=UTC
        )


class JobScheduler:
    """Runs jobs. Implements `ports.Schedule`."""

    def __init__(self, jobs: Sequence[Job], *, telemetry: ports.Telemetry) -> None:
        self._telemetry = telemetry
        self._jobs = {job.name: job for job in jobs}
        self._states = {
            job.name: ports.JobState(
                name=job.name,
                trigger=job.text,
                next_run=None,
                last_run=None,
                last_seconds=None,
                last_result="not run yet",
                failures=0,
                missed=0,
                overlapped=0,
                cluster=job.cluster,
            )
            for job in jobs
        }
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._running: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Begin; needs a running loop."""
        for job in self._jobs.values():
            # A partial of a coroutine function is awaited by the library; a bound object with an
            # async __call__ or a lambda would be run in a thread and never awaited.
            self._scheduler.add_job(
                functools.partial(self._run, job),
                job.trigger(),
                id=job.name,
                name=job.name,
                misfire_grace_time=_GRACE,
                coalesce=True,
                max_instances=1,
            )
        self._scheduler.add_listener(
            self._on_event, events.EVENT_JOB_MISSED | events.EVENT_JOB_MAX_INSTANCES
        )
        self._scheduler.start()

    async def stop(self) -> None:
        """Stop; runs under way are cancelled by the library and waited for here."""
        if self._scheduler.running:
            running = set(self._running)
            self._scheduler.shutdown(wait=False)
            await asyncio.gather(*running, return_exceptions=True)

    def jobs(self) -> list[ports.JobState]:
        """Return every job with its next run."""
        states = []
        for name, state in self._states.items():
            job = self._scheduler.get_job(name) if self._scheduler.running else None
            states.append(replace(state, next_run=job.next_run_time if job else None))
        return states

    async def _run(self, job: Job) -> None:
        began, started = datetime.now(UTC), time.monotonic()
        result, failures = "succeeded", 0
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await job.run()
        except asyncio.CancelledError:
            # At a stop. The library would swallow it too, and log it as an error with its trace.
            return
        except errors.BotError as error:
            log.warning("job_failed", job=job.name, error=str(error))
            result, failures = f"failed: {error}", 1
        except Exception as error:  # the seam of one job: told, and run again at its next time
            log.exception("job_failed", job=job.name)
            result, failures = f"failed: {type(error).__name__}: {error}", 1
        state = self._states[job.name]
        self._states[job.name] = replace(
            state,
            last_run=began,
            last_seconds=time.monotonic() - started,
            last_result=result,
            failures=state.failures + failures,
        )
        self._telemetry.count(
            "job_runs_total", job=job.name, result="failed" if failures else "succeeded"
        )

    def _on_event(self, event: events.JobExecutionEvent) -> None:
        state = self._states.get(event.job_id)
        if state is None:
            return
        if event.code == events.EVENT_JOB_MISSED:
            self._states[event.job_id] = replace(
                state, missed=state.missed + 1, last_result="missed: came too late"
            )
            result = "missed"
        else:
            self._states[event.job_id] = replace(state, overlapped=state.overlapped + 1)
            result = "overlapped"
        log.warning("job_not_run", job=event.job_id, result=result)
        self._telemetry.count("job_runs_total", job=event.job_id, result=result)
