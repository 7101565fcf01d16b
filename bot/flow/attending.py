"""Attending: people take incidents on, silence them, and hear how much that hides.

To take an incident on is any full member's: it changes nothing and tells the others. A silence
keeps others from hearing, so it takes somebody with a say in changes (requester, approver or
admin). Both are deeds, kept in their chain.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from bot import checks
from bot.domain import alert, errors, matcher, noise, notice, silence, units
from bot.domain.access import Role
from bot.domain.incident import Incident, State, acknowledged
from bot.domain.silence import Silence
from bot.flannel import regex
from bot.flow import handover, ports, quieting, remedy_answers, tell
from bot.flow.attention_answers import Acknowledged, Silenced, SilenceList
from bot.flow.remedy_answers import Said

log = structlog.get_logger(__name__)

SAY = (Role.REQUESTER, Role.APPROVER, Role.ADMIN)
"""Who may silence: whoever has a say in changes."""

REASON = 300
"""Characters of a reason."""
_ENDED = 10
_MONTH = timedelta(days=30)
_INCIDENTS = 2_000
"""Incidents that a report looks at; more in a month is a report by itself."""


class Attending:
    """Implements `attention_answers.Attention`.

    Args:
        store: where.
        people: who somebody is now.
        clock: time.
        quiet: by cluster, where it is told.
        judge: by cluster, judges it anew, so that what changed is seen at once.
        told: called after something was stored to be told.
        hands: what a hand-over needs to know beyond the store.
        allowed: calls a day that a channel should have at most; 0 for no limit.
    """

    def __init__(
        self,
        store: ports.Store,
        people: remedy_answers.People,
        *,
        clock: ports.Clock,
        quiet: Mapping[str, quieting.Options],
        judge: Mapping[str, Callable[[], Awaitable[object]]],
        told: Callable[[], None],
        hands: handover.Handover,
        allowed: int = 0,
    ) -> None:
        self._store = store
        self._people = people
        self._clock = clock
        self._quiet = quiet
        self._judge = judge
        self._told = told
        self._hands = hands
        self._allowed = allowed

    # Taking on.

    async def acknowledge(self, number: int, user: str, *, take: bool = False) -> Acknowledged:
        """Take an incident on; with `take` also one that somebody else has."""
        await self._people.person(user, None)
        now = self._clock.now()
        async with self._store.unit() as unit:
            before = await unit.incident(number)
            if before is None:
                raise errors.Refused(await self._no_incident(number))
            if before.state is State.RESOLVED:
                raise errors.Refused(
                    f"{before.name} is {before.ending}: there is nothing to take on"
                )
            owned = before.state is State.ACKNOWLEDGED and before.acknowledged_at is not None
            if owned and (before.owner == user or not take):
                return Acknowledged(
                    before.name,
                    before.title,
                    before.owner,
                    before.acknowledged_at or now,
                    done=before.owner == user,
                    again=True,
                )
            after = await unit.save_incident(acknowledged(before, user, now))
            text = f"by {user}" + (f", before by {before.owner}" if owned else "")
            await unit.add_timeline(
                at=now, subject=after.name, kind=notice.Reason.ACKNOWLEDGED.value, text=text
            )
            await unit.remedy.record(
                at=now, actor=user, subject=after.name, kind="acknowledged", text=after.title
            )
            await self._renew(unit, after)
        self._told()
        return Acknowledged(after.name, after.title, user, now)

    async def _renew(self, unit: ports.Unit, value: Incident) -> None:
        """Have its cards edited."""
        for place in await unit.posted(value.id):
            await unit.enqueue(
                notice.Outgoing(
                    id=uuid.uuid4().hex,
                    kind=notice.Kind.CARD,
                    channel=place.channel,
                    created_at=self._clock.now(),
                    cluster=value.cluster,
                    incident=value.id,
                    priority=tell.PRIORITY_EDIT,
                )
            )

    # Silencing.

    async def silence(
        self,
        cluster: str | None,
        expression: str,
        user: str,
        *,
        lasts: timedelta,
        after: timedelta = timedelta(),
        reason: str = "",
    ) -> Silenced:
        """Silence what matches, from now or from later on."""
        found = read(expression, tuple(self._judge))
        if cluster is not None and all(one.name != "cluster" for one in found):
            found = (matcher.Matcher("cluster", matcher.Operator.IS, cluster), *found)
        return await self._silence(found, user, lasts=lasts, after=after, reason=reason)

    async def silence_incident(
        self, number: int, user: str, *, lasts: timedelta, reason: str = ""
    ) -> Silenced:
        """Silence what an incident is about: its check on its workload."""
        value = await self._store.incident(number)
        if value is None:
            raise errors.Refused(await self._no_incident(number))
        if value.state is State.RESOLVED:
            raise errors.Refused(f"{value.name} is {value.ending}: there is nothing to silence")
        named = {
            "cluster": value.cluster,
            "check": value.check,
            "namespace": value.workload.namespace,
            "workload": value.workload.name,
        }
        found = tuple(
            matcher.Matcher(name, matcher.Operator.IS, text) for name, text in named.items() if text
        )
        return await self._silence(found, user, lasts=lasts, reason=reason)

    async def _silence(
        self,
        matchers: tuple[matcher.Matcher, ...],
        user: str,
        *,
        lasts: timedelta,
        after: timedelta = timedelta(),
        reason: str,
    ) -> Silenced:
        await self._may(user, matchers)
        if not timedelta() < lasts <= silence.LONGEST:
            longest = units.duration(silence.LONGEST)
            raise errors.Refused(f"a silence lasts more than nothing and at most {longest}")
        now = self._clock.now()
        made = Silence(
            id=0,
            matchers=matchers,
            by=user,
            reason=reason.strip()[:REASON],
            since=now + after,
            until=now + after + lasts,
            planned=after > timedelta(),
        )
        async with self._store.unit() as unit:
            known = await self._standing(unit)
            for cluster, standing in known.items():
                # Its level is that of this very moment, whatever comes before the next cycle.
                made = silence.judged(made, cluster, standing, now=now, like=regex.covers)
            made = await unit.silences.save(made)
            text = (
                f"{made.expression} until {units.stamp(made.until)}: {made.reason or 'no reason'}"
            )
            await unit.remedy.record(
                at=now, actor=user, subject=made.name, kind="silenced", text=text
            )
        await self._judged()
        everything = [one for each in known.values() for one in each]
        return Silenced(made, _hides(made, everything))

    async def unsilence(self, number: int, user: str) -> Said:
        """End a silence."""
        now = self._clock.now()
        async with self._store.unit() as unit:  # nobody is asked of Slack while it is held
            known = await unit.silences.get(number)
        await self._may(user, known.matchers if known is not None else ())
        async with self._store.unit() as unit:
            found = await unit.silences.get(number)
            if found is None:
                newest = [one.name for one in await unit.silences.alive(now=now)][-5:]
                hint = f"; in force are {', '.join(newest)}" if newest else "; none is in force"
                raise errors.Refused(f"there is no SIL-{number}{hint}")
            if found.phase(now) is silence.Phase.EXPIRED:
                return Said(True, f"{found.name} is over already.")
            await unit.silences.save(replace(found, ended_at=now, ended_by=user))
            await unit.remedy.record(
                at=now, actor=user, subject=found.name, kind="unsilenced", text=found.expression
            )
        await self._judged()
        return Said(True, f"{found.name} is over. What it hid and still stands is told now.")

    async def silences(self) -> SilenceList:
        """List silences."""
        now = self._clock.now()
        standing = await self._store.incidents(limit=_INCIDENTS)
        latest = await self._store.silences.latest(50)
        alive = await self._store.silences.alive(now=now)
        ended = [one for one in latest if one.phase(now) is silence.Phase.EXPIRED]
        return SilenceList(
            now=now,
            alive=tuple(Silenced(one, _hides(one, standing)) for one in alive),
            ended=tuple(ended[:_ENDED]),
        )

    # Telling.

    async def noise(self, cluster: str | None) -> noise.Report:
        """Tell what was told in the last month, and what came of it."""
        now = self._clock.now()
        found = await self._store.incidents(cluster=cluster, unresolved=False, limit=_INCIDENTS)
        plans = await self._store.remedy.plans(cluster=cluster, open_only=False)
        return noise.report(
            found,
            planned={each.incident for each in plans if each.incident is not None},
            channel_of=self._channel,
            allowed=self._allowed,
            since=now - _MONTH,
            until=now,
        )

    async def handover(self, cluster: str | None) -> notice.Detail:
        """Tell whoever comes on duty what is in the air."""
        return await self._hands.told(cluster)

    def _channel(self, value: Incident) -> str:
        quiet = self._quiet.get(value.cluster)
        return quiet.place(value).channel if quiet is not None else ""

    # What they share.

    async def _may(self, user: str, matchers: Sequence[matcher.Matcher]) -> None:
        """Raise Refused for whoever has no say in a cluster that a silence reaches."""
        for cluster in self._reached(matchers):
            person = await self._people.person(user, cluster)
            if not any(person.may(role) for role in SAY):
                where = f" in {cluster}" if cluster and len(self._judge) > 1 else ""
                raise errors.Refused(
                    "a silence keeps others from hearing: it takes a requester, an approver or an "
                    f"admin{where}"
                )

    def _reached(self, matchers: Sequence[matcher.Matcher]) -> list[str | None]:
        """Return the clusters that are meant; None stands for every one."""
        found = [each for each in self._judge if matcher.reaches(matchers, each, regex.covers)]
        return [None] if len(found) in (0, len(self._judge)) else [*found]

    async def _standing(self, unit: ports.Unit) -> dict[str, list[Incident]]:
        now = self._clock.now()
        return {
            cluster: await unit.incidents(cluster, resolved_after=now) for cluster in self._judge
        }

    async def _judged(self) -> None:
        """Have what was decided take effect; if it cannot here and now, the next cycle does it.

        It is stored, so whatever keeps this process from judging is no reason to say it was not
        done: the store may be away, or another replica leads.
        """
        for cluster, judge in self._judge.items():
            try:
                await judge()
            except errors.BotError as error:
                log.warning("cycle_not_stored", cluster=cluster, error=str(error))
        self._told()

    async def _no_incident(self, number: int) -> str:
        known = [one.name for one in await self._store.incidents(unresolved=False, limit=5)]
        hint = f"; the newest are {', '.join(known)}" if known else "; there is none yet"
        return f"there is no INC-{number}{hint}"


def _hides(made: Silence, known: list[Incident]) -> silence.Hidden:
    return silence.hidden(one for one in known if made.covers(one, regex.covers))


def read(expression: str, clusters: tuple[str, ...] = ()) -> tuple[matcher.Matcher, ...]:
    """Read matchers. Raises Refused, telling where and what is wrong."""
    known = {
        "check": (*checks.ALL_CHECKS, alert.CHECK),
        **({"cluster": clusters} if clusters else {}),
    }
    found = matcher.parse(expression, matcher.Dialect(fault=fault, known=known))
    if isinstance(found, matcher.Problem):
        raise errors.Refused(f"at character {found.position}: {found.text}")
    return found


def fault(pattern: str) -> str:
    """Return what is wrong with a regular expression; empty if nothing is."""
    found = regex.read(pattern)
    return found.error if isinstance(found, regex.Malformed) else ""
