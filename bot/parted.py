"""Chat and executor as two processes: part of the composition root, for `app`.

The chat process speaks with people, judges and tells, and holds no right to run or change anything
in a cluster. The executor looks, drafts, carries out and verifies, and speaks with nobody.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial

import structlog

from bot import options, remediating, replicated, settings, watched
from bot.adapters import schedule
from bot.adapters.slack import client
from bot.adapters.store import sql
from bot.domain import errors
from bot.flow import asking, granting, leading, ports, pulse, remedy_answers

log = structlog.get_logger(__name__)

_AGAIN = 2.0
"""Seconds until Slack is asked again who this bot is."""

Work = Callable[[], Awaitable[None]]


def asked(
    given: settings.Settings, store: sql.SqlStore, *, clock: ports.Clock
) -> tuple[asking.Asking, Work] | None:
    """Return how an executor is asked, with what listens whether there is one; None unless apart.

    The listening runs until cancelled.
    """
    if given.process.role != "chat":
        return None
    listener = pulse.Listener(store, clock=clock)
    return asking.Asking(store, listener, clock=clock), listener.run


def remedies(
    given: settings.Settings,
    watching: Sequence[watched.Watched],
    store: ports.Store,
    people: remedy_answers.People,
    *,
    replica: replicated.Replica,
    executor: asking.Asking | None,
    clock: ports.Clock,
    told: Callable[[], None],
) -> remediating.Remedies:
    """Put remediation together: with hands, or asking the executor that has them."""
    if executor is not None:
        return remediating.without_hands(watching, store, people, executor, clock=clock, told=told)
    leader, own = replica.leader, replica.store
    return remediating.build(
        given, watching, store, people, leader=leader, own=own, clock=clock, told=told
    )


def changing(
    watching: Sequence[watched.Watched],
    remedies: remediating.Remedies,
    replica: replicated.Replica,
) -> Iterator[tuple[str, Work]]:
    """Return what takes rights to change something, with its name; nothing where there are none."""
    if remedies.hands is None:
        return
    yield "executor", partial(replica.leader.while_leading, remedies.hands.executor.run)
    for each in watching:
        on = each.given.inspection.probe_pods != "off"
        tidy = partial(each.probes.run, each.flannels, forever=on, alone=replica.run is None)
        yield f"probe pods {each.cycle.cluster}", partial(replica.leader.while_telling, tidy)


def granted(
    watching: Sequence[watched.Watched],
    remedies: remediating.Remedies,
    replica: replicated.Replica,
    *,
    clock: ports.Clock,
) -> Iterator[tuple[str, Work]]:
    """Return what an executor that is a process of its own does besides, with its name."""
    hands = remedies.hands
    assert hands is not None
    name = f"{remediating.me()}/{secrets.token_hex(4)}"
    places = {each.cycle.cluster: granting.Place(each.inspector, each.permits) for each in watching}
    server = granting.Granting(
        replica.store,
        places,
        drafting=hands.drafting,
        void=hands.void,
        clock=clock,
        name=name,
    )
    signs = pulse.Pulse(replica.store, name=name, clock=clock)
    yield "wishes", partial(replica.leader.while_leading, server.run)
    yield "signs of life", partial(replica.leader.while_leading, signs.run)


def jobs(given: settings.Settings, watching: Sequence[watched.Watched]) -> list[schedule.Job]:
    """Return what the executor does on a schedule, so that it sees what it judges by."""
    made = []
    for each in watching:
        name, when = each.cycle.cluster, each.given.schedule
        made.append(options.job(given, f"relist {name}", when.relist, each.mirror.relist))
        made.append(options.job(given, f"peaks {name}", when.samples, each.audit.peaks))
    return [job for job in made if job is not None]


def teller(given: settings.Settings, leader: leading.Leader) -> leading.Leader:
    """Return who decides what is told: an executor that is a process of its own tells nothing."""
    return leading.Silent() if given.process.role == "executor" else leader


async def all_of(works: Iterable[tuple[str, Work]]) -> None:
    """Do all of them until cancelled, or until one fails."""
    async with asyncio.TaskGroup() as group:
        for name, work in works:
            group.create_task(_done(work), name=name)


async def _done(work: Work) -> None:
    await work()


async def verified(
    check: Callable[[], Awaitable[object]], work: Callable[[], Awaitable[None]]
) -> None:
    """Ask an outside once before working with it.

    What is definitely wrong ends the start; what does not answer yet holds up nobody else.
    """
    try:
        await check()
    except errors.Misconfigured:
        raise
    except errors.BotError as error:
        log.warning("not_reachable_yet", error=str(error))
    await work()


async def introduced(web: client.Web, clock: ports.Clock, telemetry: ports.Telemetry) -> None:
    """Ask Slack who this bot is, until it says so: without that nobody's roles can be told.

    Raises errors.Misconfigured where the token is definitely wrong.
    """
    while True:
        try:
            await web.verify()
        except errors.Misconfigured:
            raise
        except errors.BotError as error:
            log.warning("not_reachable_yet", error=str(error))
            await clock.sleep(_AGAIN)
        else:
            telemetry.gauge("slack_connected", 1)  # as far as it ever is
            return
