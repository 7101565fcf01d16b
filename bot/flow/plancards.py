"""Plan cards: what the live message of a plan says now, and what its thread says beside it."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from bot.domain import approval, notice, patch, run, units
from bot.domain.incident import Incident
from bot.domain.plan import Effect, Plan, Prediction, State, Step
from bot.flow import ports


class Clicks(Protocol):
    """What the buttons of cards carry, and who may press them."""

    async def of_incident(self, incident: Incident) -> str:
        """Return the value of an incident's buttons; empty where nothing can be proposed."""

    async def of_plan(self, plan: Plan) -> str:
        """Return the value of a proposed plan's buttons."""

    async def of_run(self, value: run.Run) -> str:
        """Return the value of a run's buttons."""

    async def approvers(self, cluster: str) -> tuple[str, ...]:
        """Return the user ids that may vote."""


class NoClicks:
    """Of a bot that only observes: no card has a button."""

    async def of_incident(self, incident: Incident) -> str:
        """Return no value."""
        del incident
        return ""

    async def of_plan(self, plan: Plan) -> str:
        """Return no value."""
        del plan
        return ""

    async def of_run(self, value: run.Run) -> str:
        """Return no value."""
        del value
        return ""

    async def approvers(self, cluster: str) -> tuple[str, ...]:
        """Return nobody."""
        del cluster
        return ()


class PlanCards:
    """Reads plans, votes and runs when their message is sent, so that it shows the newest."""

    def __init__(self, store: ports.Store, clicks: Clicks) -> None:
        self._store = store
        self._clicks = clicks

    async def view(self, number: int, *, now: datetime) -> notice.PlanView | None:
        """Return what a plan's message says; None if there is no such plan.

        A proposed plan whose time is over is shown as expired, whether or not somebody has
        written that down yet.
        """
        found = await self._store.remedy.plan(number)
        if found is None:
            return None
        plan = approval.expire(found, now=now)
        running = await self._store.remedy.run_of(number)
        approvers: tuple[str, ...] = ()
        ticket = ""
        if plan.state is State.PROPOSED:
            approvers = await self._clicks.approvers(plan.cluster)
            ticket = await self._clicks.of_plan(plan)
        elif (
            running is not None
            and not running.parked
            and running.state in (run.State.RUNNING, run.State.SUCCEEDED)
        ):
            ticket = await self._clicks.of_run(running)
        return notice.PlanView(
            plan=plan,
            now=now,
            votes=tuple(await self._store.remedy.votes(number)),
            run=running,
            approvers=approvers,
            ticket=ticket,
        )

    async def of_incident(self, incident: Incident) -> str:
        """Return the value of an incident's buttons."""
        return await self._clicks.of_incident(incident)


def particulars(plan: Plan) -> notice.Detail:
    """Tell all of a plan: steps with their exact patches, every node, reasons, undoing."""
    return notice.Detail(
        title=f"{plan.name} in full",
        sections=tuple(each for each in _sections(plan) if each.lines or each.verbatim),
    )


def _sections(plan: Plan) -> Iterator[notice.Section]:
    yield notice.Section(
        heading="Steps",
        lines=tuple(f"{n}. {_step(step)}" for n, step in enumerate(plan.steps, start=1)),
    )
    yield notice.Section(heading="What changes", verbatim="\n".join(plan.diff))
    for number, step in enumerate(plan.steps, start=1):
        if step.change:
            yield notice.Section(heading=f"Patch of step {number}", verbatim=_patch(step.change))
        if step.undo:
            yield notice.Section(heading=f"Undoing step {number}", verbatim=_patch(step.undo))
    yield notice.Section(heading="Predicted for each node", lines=tuple(predicted(plan)))
    yield notice.Section(heading="Why so", lines=plan.reasoning)
    yield notice.Section(heading="Side effects", lines=plan.side_effects)
    yield notice.Section(
        heading="It helped if",
        lines=tuple(each.text or each.signal.value.replace("_", " ") for each in plan.criteria),
    )
    yield notice.Section(heading="Brake", lines=(plan.brake,) if plan.brake else ())
    yield notice.Section(heading="Undone by", lines=(plan.undo,) if plan.undo else ())
    owner = plan.ownership
    yield notice.Section(
        heading=f"For the repository of {owner.owner}" if owner.owner else "For your repository",
        lines=tuple(each for each in (owner.reverts, owner.evidence) if each),
        verbatim=owner.values,
    )
    yield notice.Section(
        heading="Guards", lines=tuple(f"{one.guard}: {one.reason}" for one in plan.verdicts)
    )
    yield notice.Section(
        heading="Bound to",
        lines=(
            *(
                f"{one.target}, uid `{one.uid}`"
                + (f", generation {one.generation}" if one.generation else "")
                for one in plan.bindings
            ),
            f"digest `{plan.digest}`",
        ),
    )


def _step(step: Step) -> str:
    told = step.text or f"{step.kind.value.replace('_', ' ')} {step.target}"
    batch = f", batch {step.batch + 1}" if step.batch else ""
    return f"{told} (at most {units.duration(step.timeout)}{batch})"


def _patch(change: patch.Patch) -> str:
    return "\n".join(
        json.dumps(each, ensure_ascii=False, sort_keys=True) for each in patch.document(change)
    )


def predicted(plan: Plan) -> Iterator[str]:
    """Say what becomes of every node, alike ones in one line, the worst first."""
    groups: dict[tuple[Effect, str, str, str], list[str]] = {}
    for one in plan.predictions:
        # Why a NIC stays tells each node's own address, which would part those that are alike.
        why = "" if one.effect is Effect.UNCHANGED else one.text
        groups.setdefault((one.effect, one.now, one.after, why), []).append(one.node)
    order = (Effect.FAILS, Effect.UNKNOWN, Effect.CHANGES, Effect.UNCHANGED)
    for key in sorted(groups, key=lambda found: (order.index(found[0]), found[1:])):
        names = groups[key]
        example = Prediction("", *key)
        yield f"{units.count(len(names), 'node')}, {_effect(example)}: {', '.join(names)}"


def _effect(one: Prediction) -> str:
    nic = {
        Effect.UNCHANGED: f"unchanged on {one.now or 'the NIC of now'}",
        Effect.CHANGES: f"{one.now or 'an unknown NIC'} becomes {one.after or 'another'}",
        Effect.FAILS: "no NIC would be found",
        Effect.UNKNOWN: "not predicted",
    }[one.effect]
    return f"{nic} ({one.text})" if one.text else nic
