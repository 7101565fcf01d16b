"""Quieting: which of a cycle's notices reach people, with what silences, causes and calendars say.

The deciding is `bot.domain.attention`; here is gathered what it decides by, in the transaction of
the cycle, so that a silence that breaks and what it hid are told together or not at all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot.domain import attention, inhibition, muting, noise, routing, silence
from bot.domain.incident import Incident, State
from bot.domain.notice import Notice, Reason
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.domain.run import State as RunState
from bot.flannel import regex
from bot.flow import ports

log = structlog.get_logger(__name__)

RULES = inhibition.Rules(
    blind="blind_spot",
    down="node_not_ready",
    of_pods=frozenset(
        {
            "crash_loop",
            "daemonset_short",
            "flannel_missing",
            "node_device",
            "node_routes",
            "node_unseen",
            "pod_not_ready",
            "subnet_env",
        }
    ),
    of_changes=frozenset(
        {"daemonset_short", "deployment_unavailable", "flannel_missing", "pod_not_ready"}
    ),
)
NEVER = frozenset({"oom_killed"})
"""Each OOM kill is a fact of its own, whatever else is going on."""

BOT = "flannel-bot"
"""Who acts where nobody does."""


@dataclass(frozen=True, slots=True)
class Options:
    """Where a cluster is told, and when it is not."""

    otherwise: routing.Place
    routes: tuple[routing.Route, ...] = ()
    hours: tuple[routing.Quiet, ...] = ()
    policy: attention.Policy = field(default_factory=attention.Policy)
    grace: timedelta = inhibition.GRACE
    budget: int = 0
    """Calls a day after which a channel is spared what is neither new nor critical; 0 for none."""

    def place(self, value: Incident) -> routing.Place:
        """Return where an incident is told."""
        return routing.place(value, self.routes, otherwise=self.otherwise, like=regex.covers)


Ran = Sequence[tuple[Run, Plan]]


async def lately(store: ports.Store, cluster: str, *, after: datetime) -> Ran:
    """Return what is being carried out in a cluster, or was until lately, with its plans."""
    found = []
    for ran in await store.remedy.runs(cluster=cluster, ended_after=after):
        planned = await store.remedy.plan(ran.plan)
        if planned is not None:
            found.append((ran, planned))
    return found


async def settle(
    unit: ports.Unit,
    notices: Sequence[Notice],
    standing: Sequence[Incident],
    *,
    cluster: str,
    ran: Ran,
    options: Options,
    now: datetime,
) -> list[Notice]:
    """Return the notices as they reach people; silences are judged and stored on the way."""
    present = {each.fingerprint: each for each in standing}
    present.update({told.incident.fingerprint: told.incident for told in notices})
    known = list(present.values())
    alive, broken = await _silences(unit, cluster, known, now)
    found = inhibition.causes(known, ran, rules=RULES, now=now, grace=options.grace)

    def mute(value: Incident) -> muting.Mute | None:
        for each in alive:
            if each.covers(value, regex.covers):
                return muting.Mute(
                    kind=muting.Kind.SILENCE,
                    text=f"{each.name}: {each.reason}" if each.reason else each.name,
                    until=each.until,
                    by=each.by,
                    silence=each.id,
                )
        return inhibition.mute(value, found, never=NEVER) or routing.quiet(
            value, options.hours, now=now, like=regex.covers
        )

    told = [fixed(each, ran) for each in notices]
    settled = attention.settle(
        told, standing, mute=mute, policy=options.policy, now=now, broken=broken
    )
    await _count(unit, alive, told, settled)
    return await _budgeted(unit, settled, cluster=cluster, options=options, now=now)


async def _budgeted(
    unit: ports.Unit,
    settled: Sequence[Notice],
    *,
    cluster: str,
    options: Options,
    now: datetime,
) -> list[Notice]:
    """Turn calls into edits where a channel has had its day's worth, but for what is new or bad."""
    if not options.budget or not any(attention.sparing(each) for each in settled):
        return list(settled)
    kept = []
    lately = await unit.incidents(cluster, resolved_after=now - noise.DAY)
    made = Counter(
        options.place(each).channel
        for each in lately
        for moment in each.called_at
        if moment > now - noise.DAY
    )
    for each in settled:
        channel = options.place(each.incident).channel
        over = attention.sparing(each) and made[channel] >= options.budget
        kept.append(attention.spared(each, "over the noise budget") if over else each)
        made[channel] += each.calls and not over
    return kept


async def _silences(
    unit: ports.Unit, cluster: str, known: Sequence[Incident], now: datetime
) -> tuple[list[silence.Silence], Mapping[int, str]]:
    """Judge the silences; return those in force, and why others broke just now."""
    alive: list[silence.Silence] = []
    broken: dict[int, str] = {}
    for before in await unit.silences.alive(now=now):
        after = silence.judged(before, cluster, known, now=now, like=regex.covers)
        if after != before:
            await unit.silences.save(after)
        if after.broken:
            broken[after.id] = after.broken
            text = f"{after.expression} by {after.by}: {after.broken}"
            await unit.remedy.record(
                at=now, actor=BOT, subject=after.name, kind="silence_broken", text=text
            )
            log.info("silence_broken", silence=after.name, why=after.broken)
        elif after.phase(now) is silence.Phase.ACTIVE:
            alive.append(after)
    return alive, broken


async def _count(
    unit: ports.Unit,
    alive: Sequence[silence.Silence],
    before: Sequence[Notice],
    after: Sequence[Notice],
) -> None:
    """Add the calls that each silence kept from people."""
    kept = {each.id: 0 for each in alive}
    for told, quiet in zip(before, after, strict=False):
        muted = quiet.incident.muted
        if told.calls and quiet.hidden and muted is not None and muted.silence in kept:
            kept[muted.silence] += 1
    for each in alive:
        if kept[each.id]:
            await unit.silences.save(replace(each, withheld=each.withheld + kept[each.id]))


def fixed(told: Notice, ran: Ran) -> Notice:
    """Name the change of ours that came before a trouble was over.

    One change often ends several troubles of a workload; the one that was asked for this very
    trouble goes first.
    """
    value = told.incident
    if told.reason is not Reason.RESOLVED or value.state is not State.RESOLVED:
        return told
    for each, planned in sorted(ran, key=lambda one: one[1].incident != value.id):
        helped = each.state in (RunState.RUNNING, RunState.SUCCEEDED)
        meant = planned.incident == value.id
        if helped and (meant or _touched(value, each, planned)):
            by = f"{each.name}: {planned.title}"
            text = f"{told.text}; after {by}"
            return replace(told, incident=replace(value, fixed_by=by), text=text)
    return told


def _touched(value: Incident, ran: Run, planned: Plan) -> bool:
    """Whether a change began on the trouble's own workload while the trouble stood."""
    if planned.cluster != value.cluster or not ran.started_at >= value.opened_at:
        return False
    return planned.workload == value.workload
