"""Elsewhere: what takes a right that this process lacks, done by the executor that has it.

Each of these stands in for what would be done here, so that whoever uses it knows nothing of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot import checks
from bot.domain import errors
from bot.domain.approval import Outcome
from bot.domain.plan import Plan
from bot.flannel import sharing
from bot.flannel.inspection import Inspection, Unseen
from bot.flannel.netconf import NetConf
from bot.flow import inspect, ports, remedy_answers, wish_ports
from bot.flow.asking import Asking
from bot.flow.permits import Permits
from bot.flow.remedy_answers import MemoryBounds, Proposal, Said, Wishes

LOT = 25
"""Nodes of one wish: the answer about each is some kilobytes."""

_AT_ONCE = 4
"""Lots that one question has under way."""

NOT_SAID = "the executor says nothing of this node"


class Drafting:
    """Requests, drafted by the executor. Implements `remedy_answers.Drafting`."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def fix(self, ticket: str, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of the incident that a button is on."""
        return await self._proposed(wish_ports.Fix(ticket=ticket, runbook=runbook), user)

    async def fix_incident(self, number: int, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of an incident by its number."""
        return await self._proposed(wish_ports.Fix(number=number, runbook=runbook), user)

    async def propose(
        self, cluster: str | None, runbook: str, user: str, *, wishes: Wishes, what_if: bool = False
    ) -> Proposal:
        """Draft a plan by a runbook's name, judge it and ask for approval."""
        what = wish_ports.Propose(runbook, wishes, what_if=what_if)
        return await self._proposed(what, user, cluster or "")

    async def memory_bounds(self, cluster: str | None) -> MemoryBounds:
        """Return what may be chosen as a memory limit."""
        return await self._asking.ask(wish_ports.Bounds(), MemoryBounds, cluster=cluster or "")

    async def amend(self, ticket: str, user: str, *, wishes: Wishes) -> Proposal:
        """Draft a proposed plan anew with other wishes; the old one is superseded."""
        return await self._proposed(wish_ports.Amend(ticket, wishes), user)

    async def undo(self, ticket: str, user: str) -> Proposal:
        """Propose taking back what the run did whose button was clicked."""
        return await self._proposed(wish_ports.Undo(ticket=ticket), user)

    async def undo_run(self, number: int, user: str) -> Proposal:
        """Propose taking back what a run did, by its number."""
        return await self._proposed(wish_ports.Undo(number=number), user)

    async def _proposed(self, what: wish_ports.What, user: str, cluster: str = "") -> Proposal:
        return await self._asking.ask(what, Proposal, by=user, cluster=cluster)


class Rechecking:
    """Plans, rechecked by the executor before a vote counts."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def void(self, held: Plan) -> Outcome | None:
        """Return why an approval cannot count now; None where it can."""
        what = wish_ports.Recheck(held.id)
        found = await self._asking.ask(what, wish_ports.Rechecked, cluster=held.cluster)
        return found.outcome


class Allowing(Permits):
    """Permits that the executor grants and spends; offered and asked for here."""

    def __init__(
        self,
        cluster: str,
        people: remedy_answers.People,
        asking: Asking,
        *,
        clock: ports.Clock,
    ) -> None:
        super().__init__(cluster, people, clock=clock)
        self._asking = asking

    async def grant(self, node: str, user: str) -> Said:
        """Have one look at a node allowed: the executor judges who asks."""
        what = wish_ports.Permit(node)
        said = await self._asking.ask(what, Said, by=user, cluster=self._cluster)
        if said.done:
            self._keep(node, user)
        return said

    def note(self, looks: wish_ports.Looks) -> None:
        """Learn from looks which nodes lack a permit, and which permits are spent."""
        for node in (*looks.seen, *looks.failed):
            if node not in looks.pending:
                self._granted.pop(node, None)
            self._note(node, lacks=node in looks.lacking)


class Looking:
    """One cluster's nodes, looked at by the executor. Implements `ports.Inspections`.

    Args:
        mirror: the cluster, for which nodes there are.
        asking: asks the executor.
        looker: reads flannel's configuration, which this process may.
        clock: time.
        options: of looks.
        permits: looks by probe pod, where each has to be allowed.
    """

    def __init__(
        self,
        mirror: ports.Mirror,
        asking: Asking,
        looker: ports.Looker,
        *,
        clock: ports.Clock,
        options: inspect.Options,
        permits: Allowing | None = None,
    ) -> None:
        self._mirror = mirror
        self._asking = asking
        self._clock = clock
        self._permits = permits
        self._conf = inspect.Conf(mirror.cluster, looker, clock=clock, options=options)
        self._latest: dict[str, Inspection] = {}
        self._unseen: dict[str, Unseen] = {}
        self._pool = sharing.Pool()

    def latest(self) -> Mapping[str, Inspection]:
        """Return the newest inspection of each node that still exists."""
        nodes = self._mirror.snapshot().nodes
        self._latest = {name: one for name, one in self._latest.items() if name in nodes}
        return dict(self._latest)

    def unseen(self) -> Mapping[str, Unseen]:
        """Return the nodes whose last look showed no tables, though it was tried."""
        nodes = self._mirror.snapshot().nodes
        self._unseen = {name: one for name, one in self._unseen.items() if name in nodes}
        return dict(self._unseen)

    async def node(self, name: str, *, max_age: timedelta) -> Inspection:
        """Return an inspection not older than that, looked at anew if need be."""
        where = checks.Context(snapshot=self._mirror.snapshot())
        known = inspect.named(where.snapshot, name)
        inspect.flannel_on(where, known)  # refused where nothing could look at all
        found = (await self.nodes([known], max_age=max_age))[known]
        if isinstance(found, str):
            raise errors.Unavailable(found)
        return found

    async def nodes(
        self, names: Sequence[str], *, max_age: timedelta, progress: ports.Progress | None = None
    ) -> Mapping[str, Inspection | str]:
        """Return an inspection of each node, or the sentence that says why there is none."""
        asked = list(dict.fromkeys(names))
        taken = self._mirror.snapshot()
        found: dict[str, Inspection | str] = {}
        places: dict[str, str] = {}
        for name in asked:
            try:
                node = inspect.named(taken, name)
            except errors.Refused as error:
                found[name] = str(error)
                continue
            known = self._latest.get(node)
            if known is not None and known.age(self._clock.now()) <= max_age:
                found[name] = known
            else:
                places[name] = node
        wanted = list(places)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(lot: Sequence[str]) -> None:
            async with slots:
                came = await self._lot([places[name] for name in lot], max_age)
            found.update({name: came[places[name]] for name in lot})
            if progress is not None:
                progress(len(found), len(asked))

        async with asyncio.TaskGroup() as group:
            for start in range(0, len(wanted), LOT):
                group.create_task(one(wanted[start : start + LOT]), name="looks elsewhere")
        return {name: found[name] for name in asked}

    async def net_conf(self, namespace: str) -> NetConf | None:
        """Return flannel's configuration of that namespace, None where it cannot be read."""
        return await self._conf.of(namespace)

    async def close(self) -> None:
        """End nothing: what was wished is taken back by whoever stops waiting."""

    async def _lot(
        self, nodes: Sequence[str], max_age: timedelta
    ) -> Mapping[str, Inspection | str]:
        what = wish_ports.Inspect(tuple(dict.fromkeys(nodes)), max_age)
        try:
            looks = await self._asking.ask(what, wish_ports.Looks, cluster=self._mirror.cluster)
        except errors.BotError as error:
            return dict.fromkeys(nodes, str(error))
        if self._permits is not None:
            self._permits.note(looks)
        found: dict[str, Inspection | str] = dict.fromkeys(nodes, NOT_SAID)
        found.update({name: why for name, why in looks.failed.items() if name in found})
        for name, seen in looks.seen.items():
            if name in found:
                shared = replace(seen, kernel=self._pool.share(seen.kernel))
                found[name] = self._latest[name] = shared
                self._unseen.pop(name, None)
        self._unseen.update({n: why for n, why in looks.unseen.items() if n in found})
        if self._pool.crowded:
            self._pool.tidy()
        return found
