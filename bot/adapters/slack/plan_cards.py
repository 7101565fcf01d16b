"""The live message of a plan and of its run: to be decided on a phone, at night.

First what would be done, to what, and what becomes of every node; then who may say yes until when;
then in short what speaks against it, what else it does, and how it is stopped and undone. All of
that whole, with exact patches, is in the thread.
"""

from collections.abc import Iterator, Sequence

from bot.adapters.slack import (
    cards,
    interpreter,
    limits,
    plan_buttons,
    prose,
    wording,
    wording_plans,
    wording_work,
)
from bot.domain import approval, guard, notice, plan, run

_LINE = 300
"""Characters of one line of a card; the thread has all of it."""
_SHORT = 90
"""Characters of a list where somebody has to decide on a phone; the thread has the rest."""
_NAMED = 5


def card(view: notice.PlanView) -> prose.Page:
    """Say what is asked or how it goes, with what may be pressed now."""
    value, running = view.plan, view.run
    parts: list[prose.Part] = [prose.paragraph(*_what(value))]
    if running is not None:
        # How it goes is what a phone shows first; what was approved is known by then.
        parts.append(prose.paragraph(*_run(running, value)))
    if value.diff:
        parts.append(prose.Verbatim("\n".join(value.diff)))
    if running is not None:
        parts.append(prose.paragraph(*_decided(value)))
    elif value.state is plan.State.PROPOSED:
        parts.append(prose.paragraph(*_deciding(view), *_judging(value, most=_SHORT)))
    else:
        parts.append(prose.paragraph(*_decided(value)))
    buttons = tuple(plan_buttons.of(view)) if view.ticket else ()
    if buttons:
        parts.append(prose.Buttons(buttons))
    return prose.Page(title=title(view), parts=tuple(parts))


def draft(value: plan.Plan, *, title: str) -> prose.Page:
    """Say what a plan would be that is no request: a what-if, or one that guards refuse."""
    parts: list[prose.Part] = [prose.paragraph(*_what(value))]
    if value.diff:
        parts.append(prose.Verbatim("\n".join(value.diff)))
    # There is no thread below it that would have the rest.
    parts.append(prose.paragraph(*_judging(value, most=_LINE)))
    return prose.Page(title=f"{title} · {interpreter.told(value.title)}", parts=tuple(parts))


def title(view: notice.PlanView) -> str:
    """The headline: how it stands, which, what."""
    names = view.plan.name if view.run is None else f"{view.plan.name} · {view.run.name}"
    return f"{mark(view)} · {names} · {interpreter.told(view.plan.title)}"


def mark(view: notice.PlanView) -> str:
    """How it stands, in a sign and words."""
    if view.run is not None:
        return wording_work.PARKED if view.run.parked else wording_plans.RUN[view.run.state]
    return wording_plans.PLAN[view.plan.state]


def brief(view: notice.PlanView) -> prose.Line:
    """One plan in one line."""
    value = view.plan
    pieces: list[str | prose.Piece] = [
        prose.strong(f"{mark(view)} · {value.name}"),
        f"  {limits.cut(interpreter.told(value.title), _LINE)} · {value.cluster}",
    ]
    if view.run is not None:
        pieces.append(f" · {view.run.name}: {limits.cut(interpreter.told(_now(view.run)), _LINE)}")
    elif value.state is plan.State.PROPOSED:
        pieces += [f" · {wording_plans.EXPIRES.lower()} ", prose.Moment(value.expires_at)]
    return prose.line(*pieces)


def _what(value: plan.Plan) -> Iterator[prose.Line]:
    yield prose.labelled(wording_plans.ON, f"{value.cluster} · {value.workload}")
    yield _labelled(wording_plans.RISK, _risk(value))
    if value.predictions:
        yield prose.labelled(wording_plans.PREDICTED, *_predicted(value.predictions))


def _risk(value: plan.Plan) -> str:
    told = []
    if value.moves_nics:
        told.append(wording_plans.MOVES_NICS)
    if value.nodes:
        told.append(wording_plans.nodes_touched(len(value.nodes), value.at_once))
    if value.expected:
        told.append(wording_plans.takes(value.expected))
    return "; ".join([*told, *map(interpreter.told, value.risks)])


def _predicted(predictions: Sequence[plan.Prediction]) -> Iterator[prose.Piece]:
    first = True
    for effect in (
        plan.Effect.FAILS,
        plan.Effect.UNKNOWN,
        plan.Effect.CHANGES,
        plan.Effect.UNCHANGED,
    ):
        of = [one for one in predictions if one.effect is effect]
        if not of:
            continue
        yield prose.Run(("" if first else "; ") + wording_plans.effects(len(of), effect))
        first = False
        if effect is not plan.Effect.UNCHANGED:
            yield prose.Run(": ")
            yield from cards.listed([_node(one) for one in of], _NAMED)


def _node(one: plan.Prediction) -> str:
    return f"{one.node} {one.now} → {one.after}" if one.now and one.after else one.node


def _judging(value: plan.Plan, *, most: int) -> Iterator[prose.Line]:
    """What speaks against it, what else it does, how it is judged, stopped and undone."""
    for denial in guard.denials(value.verdicts):
        yield _labelled(wording_plans.AGAINST, denied(denial))
    yield _labelled(wording_plans.EFFECTS, _first(value.side_effects, most))
    owner = value.ownership
    yield _labelled(
        wording_plans.OWNER,
        " · ".join(interpreter.told(each) for each in (owner.owner, owner.reverts) if each),
    )
    texts = [each.text for each in value.criteria if each.text]
    yield _labelled(wording_plans.HELPED_IF, _first(texts, most, "; "))
    yield _labelled(wording_plans.BRAKE, value.brake)
    yield _labelled(wording_plans.UNDO, value.undo)


def _first(texts: Sequence[str], most: int, between: str = " ") -> str:
    """The first of these that fit into so many characters, one at least, and how many more."""
    texts = [interpreter.told(text) for text in texts]
    shown = 1
    while shown < len(texts) and len(between.join(texts[: shown + 1])) <= most:
        shown += 1
    told = between.join(texts[:shown])
    left = len(texts) - shown
    return told.rstrip(".。") + wording_plans.in_thread(left) if left > 0 else told


def denied(verdict: guard.Verdict) -> str:
    """Why a guard says no, and what would help."""
    remedy = f" ({interpreter.told(verdict.remedy)})" if verdict.remedy else ""
    return f"{interpreter.told(verdict.reason)}{remedy}"


def _deciding(view: notice.PlanView) -> Iterator[prose.Line]:
    value = view.plan
    given = [each.user for each in view.votes if each.choice is approval.Choice.APPROVE]
    needs: list[str | prose.Piece] = [wording_plans.approvals(len(given), value.quorum)]
    if given:
        needs += [wording_plans.APPROVED_SO_FAR, *prose.people(given)]
    others = [each for each in view.approvers if each not in (value.requester, *given)]
    if others:
        needs += [wording_plans.MAY, *prose.people(others[:_NAMED])]
        needs.append(_more(len(others) - _NAMED))
    elif not view.approvers:
        needs += prose.marked(wording_plans.NOBODY_MAY)
    yield prose.labelled(wording_plans.NEEDS, *needs)
    yield prose.labelled(wording_plans.EXPIRES, prose.Moment(value.expires_at))
    asked: list[str | prose.Piece] = [prose.Person(value.requester)]
    if value.incident is not None:
        asked.append(f"{wording_plans.FOR}INC-{value.incident}")
    asked += [f" · {wording_plans.DIGEST.lower()} ", prose.code(value.short_digest)]
    yield prose.labelled(wording_plans.ASKED_BY, *asked)


def _more(number: int) -> str:
    return wording.more(number) if number > 0 else ""


def _decided(value: plan.Plan) -> Iterator[prose.Line]:
    pieces: list[str | prose.Piece] = [interpreter.told(value.state.value)]
    if value.decided_by:
        pieces += [wording_plans.BY, *prose.people(value.decided_by)]
    if value.decided_at is not None:
        pieces += [wording_plans.AT, prose.Moment(value.decided_at)]
    yield prose.labelled(wording_plans.ASKED_BY, prose.Person(value.requester))
    yield prose.labelled(wording_plans.DECIDED, *pieces)
    yield prose.labelled(wording_plans.DIGEST, prose.code(value.short_digest))
    if value.state is plan.State.APPROVED:
        return
    if value.state is plan.State.EXPIRED:
        why = wording_plans.LAPSED if value.decided_by else wording_plans.EXPIRED
        yield _labelled(wording_plans.REASON, why)
        return
    yield _labelled(wording_plans.REASON, value.reason)
    ended = wording_plans.UNCHANGED
    if value.state is plan.State.SUPERSEDED:
        ended = wording_plans.SUPERSEDED
    yield prose.line(ended)


def _run(value: run.Run, of: plan.Plan) -> Iterator[prose.Line]:
    doing = f", {wording_plans.PHASE[value.phase]}{wording_plans.SINCE}"
    yield prose.labelled(
        wording_plans.RUNS,
        f"{value.name}{wording_plans.BEGUN if value.over or value.parked else doing}",
        prose.Moment(value.started_at),
    )
    states = [each.state for each in value.steps]
    applied, skipped = states.count(run.StepState.APPLIED), states.count(run.StepState.SKIPPED)
    told = wording_plans.steps(applied, len(states), skipped, states.count(run.StepState.FAILED))
    taken_back = sum(each.state is run.StepState.APPLIED for each in value.undone.values())
    yield prose.labelled(
        wording_plans.STEPS, told + (wording_plans.undone(taken_back) if taken_back else "")
    )
    if value.cancelled_by and value.cancelled_at is not None:
        yield prose.labelled(
            wording_plans.CANCELLED,
            prose.Person(value.cancelled_by),
            wording_plans.AT,
            prose.Moment(value.cancelled_at),
        )
    if value.parked:
        yield _labelled(wording_plans.BECAUSE, value.parked)
        yield _labelled(wording_plans.DECIDE, wording_work.parked(value.name))
    elif not value.over:
        yield _labelled(wording_plans.PROGRESS, _now(value, of))
    if value.gives_up_at is not None and value.cancelled_at is None:
        yield prose.labelled(wording_plans.GIVES_UP, prose.Moment(value.gives_up_at))
    yield from _journal(value, of)
    yield _labelled(wording_plans.BECAUSE, value.cause)
    yield _labelled(wording_plans.DECIDE, value.needs)
    if value.ended_at is not None:
        yield prose.labelled(wording_plans.ENDED, prose.Moment(value.ended_at))


def _now(value: run.Run, of: plan.Plan | None = None) -> str:
    """What it is doing, in its own words or those of the step under way."""
    if value.over:
        return value.needs or value.cause or value.state.value.replace("_", " ")
    begun = [n for n, each in enumerate(value.steps) if each.open]
    step = of.steps[begun[0]].text if of is not None and begun else ""
    return value.parked or value.progress or step or wording_plans.PHASE[value.phase]


def _journal(value: run.Run, of: plan.Plan) -> Iterator[prose.Line]:
    """The last step that ended with something to say, and those that failed; all in the thread."""
    ended = [
        (number, each)
        for number, each in enumerate(value.steps)
        if each.settled_at is not None and each.text
    ]
    for number, each in ended:
        if each.state is not run.StepState.FAILED and number != ended[-1][0]:
            continue
        what = of.steps[number].text or of.steps[number].kind.value.replace("_", " ")
        yield prose.line(
            f"{number + 1}. {limits.cut(interpreter.told(what), 80)}: "
            f"{interpreter.told(each.state.value)}, ",
            *prose.marked(limits.cut(interpreter.told(each.text), 160)),
        )


def _labelled(label: str, text: str) -> prose.Line:
    """A line of one of our own sentences; none where there is nothing to say."""
    return (
        prose.labelled(label, *prose.marked(limits.cut(interpreter.told(text), _LINE)))
        if text
        else ()
    )
