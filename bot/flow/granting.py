"""Granting: the executor does what the process that speaks with people wishes, each wish once.

It trusts nothing that the wish claims: who asks is judged anew by Slack's word, buttons are proved,
guards are asked, and a plan begins by the votes alone. So whoever took the other process over can
have nodes looked at and requests opened, which change nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from bot.domain import errors
from bot.domain.approval import Outcome
from bot.domain.plan import Plan
from bot.flannel.inspection import Inspection
from bot.flow import elsewhere, ports, remedy_answers, wish_ports
from bot.flow.permits import Permits
from bot.flow.records import Records
from bot.flow.remedy_answers import Drafting, Said
from bot.flow.wish_ports import Answer, Looks, Rechecked, What, Wish

log = structlog.get_logger(__name__)

_POLL = 0.3
"""Seconds between two looks for wishes: people wait for each."""

_AGAIN = 1.0
"""Seconds until an answer that could not be stored is stored again."""

_AT_ONCE = 32

ENDED = (
    "whether it was done is not known: the executor ended before it answered; look for a card of it"
)
BROKE = "whether it was done is not known: the executor made a mistake, which is in its log"
TOO_MANY = "one wish asks for too many nodes"
SWITCHED_OFF = "probe pods take no permit here (`inspection.probe_pods`)"


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster where looks are taken; `permits` where probe pods have to be allowed."""

    looks: ports.Inspections
    permits: Permits | None = None


class Granting:
    """Takes wishes and answers them.

    Args:
        store: with the wishes, as the executor writes it.
        places: where looks are taken, by cluster.
        drafting: makes requests, and judges who asks.
        void: says why an approval of a plan cannot count now; None where it can.
        clock: time.
        name: of this process; no other ever has it.
    """

    def __init__(
        self,
        store: ports.Store,
        places: Mapping[str, Place],
        *,
        drafting: Drafting,
        void: Callable[[Plan], Awaitable[Outcome | None]],
        clock: ports.Clock,
        name: str,
    ) -> None:
        self._wishes = store.wishes
        self._records = Records(store)
        self._places = places
        self._drafting = drafting
        self._void = void
        self._clock = clock
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled. What is under way then is answered by whoever comes next."""
        forsaken = False
        try:
            while True:
                try:
                    if not forsaken:
                        await self._forsaken()
                        forsaken = True
                    await self._tend()
                except errors.BotError as error:
                    log.warning("wishes_wait", error=str(error))
                await self._clock.sleep(_POLL)
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forsaken(self) -> None:
        sorry = wish_ports.faulty(errors.Unavailable(ENDED))
        left = await self._wishes.forsaken(sorry, by=self._name, now=self._clock.now())
        if left:
            log.info("wishes_of_others_ended", count=left)

    async def _tend(self) -> None:
        for wish in await self._wishes.open(now=self._clock.now()):
            if len(self._tasks) >= _AT_ONCE:
                return
            if await self._wishes.claim(wish.id, by=self._name, now=self._clock.now()):
                task = asyncio.create_task(self._grant(wish), name=f"wish {wish.id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _grant(self, wish: Wish) -> None:
        try:
            answer = Answer(await self._done(wish))
        except errors.BotError as error:
            answer = wish_ports.faulty(error)
        except Exception:
            log.exception("wish_broke_off", wish=wish.id, kind=wish.kind)
            answer = wish_ports.faulty(errors.Unavailable(BROKE))
        while True:
            try:
                now = self._clock.now()
                await self._wishes.answer(wish.id, answer, by=self._name, now=now)
            except ports.Superseded:
                return  # whoever leads now has answered
            except errors.Unavailable as error:
                log.warning("answer_waits", wish=wish.id, error=str(error))
                await self._clock.sleep(_AGAIN)
            else:
                return

    async def _done(self, wish: Wish) -> object:
        cluster: str | None = wish.cluster or None
        match wish.what:
            case wish_ports.Inspect():
                return await self._inspected(wish.what, wish.cluster)
            case wish_ports.Permit(node):
                return await self._permitted(node, wish)
            case wish_ports.Bounds():
                return await self._drafting.memory_bounds(cluster)
            case wish_ports.Recheck(plan):
                return Rechecked(await self._void(await self._records.plan(plan)))
            case _:
                return await self._proposed(wish.what, wish.by, cluster)

    async def _proposed(
        self, what: What, user: str, cluster: str | None
    ) -> remedy_answers.Proposal:
        drafting = self._drafting
        match what:
            case wish_ports.Fix(ticket, number, runbook):
                if ticket:
                    return await drafting.fix(ticket, user, runbook=runbook)
                return await drafting.fix_incident(number, user, runbook=runbook)
            case wish_ports.Propose(runbook, chosen, what_if):
                return await drafting.propose(
                    cluster, runbook, user, wishes=chosen, what_if=what_if
                )
            case wish_ports.Amend(ticket, chosen):
                return await drafting.amend(ticket, user, wishes=chosen)
            case wish_ports.Undo(ticket, number):
                if ticket:
                    return await drafting.undo(ticket, user)
                return await drafting.undo_run(number, user)
        raise errors.Refused(UNKNOWN)

    def _place(self, cluster: str) -> Place:
        found = self._places.get(cluster)
        if found is None:
            raise errors.Refused(f"the executor has no cluster {cluster}")
        return found

    async def _permitted(self, node: str, wish: Wish) -> Said:
        permits = self._place(wish.cluster).permits
        if permits is None:
            raise errors.Refused(SWITCHED_OFF)
        return await permits.grant(node, wish.by)

    async def _inspected(self, what: wish_ports.Inspect, cluster: str) -> Looks:
        place = self._place(cluster)
        if len(what.nodes) > elsewhere.LOT:
            raise errors.Refused(TOO_MANY)
        found = await place.looks.nodes(what.nodes, max_age=what.max_age)
        unseen = place.looks.unseen()
        permits = place.permits
        return Looks(
            seen={name: one for name, one in found.items() if isinstance(one, Inspection)},
            failed={name: one for name, one in found.items() if isinstance(one, str)},
            unseen={name: unseen[name] for name in what.nodes if name in unseen},
            lacking=tuple(n for n in what.nodes if permits is not None and permits.lacked(n)),
            pending=tuple(n for n in what.nodes if permits is not None and permits.pending(n)),
        )


UNKNOWN = "this wish is none that the executor knows"
