"""Answers about changes, as pages: what was proposed or refused, what waits, who did what."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.adapters.slack import (
    answers_view,
    interpreter,
    limits,
    plan_cards,
    prose,
    wording,
    wording_changes,
    wording_plans,
    wording_work,
)
from bot.domain import notice
from bot.domain.access import Role
from bot.domain.approval import Answer, Outcome
from bot.flow import remedy_answers
from bot.flow.belonging import Deeds

_DONE = frozenset({Answer.COUNTED, Answer.APPROVED, Answer.REJECTED, Answer.WITHDRAWN})
_NAMED = 10
_LINE = 300


def proposal(value: remedy_answers.Proposal) -> prose.Page:
    """What became of asking for a change."""
    made = value.plan
    if made is None:
        page = answers_view.problem(value.reason)
        title = wording_plans.NO_PLAN
    elif value.denials:
        shown = replace(made, verdicts=value.denials)
        page = plan_cards.draft(shown, title=wording_plans.DENIED)
        title = page.title
        page = _with(page, prose.paragraph(prose.line(wording_plans.NO_OTHER)))
    elif made.id == 0:
        page = plan_cards.draft(made, title=wording_plans.WHAT_IF)
        title = page.title
        page = _with(page, prose.paragraph(prose.line(wording_plans.NO_OTHER)))
    else:
        page = answers_view.told(f"{interpreter.told(made.title)}. {wording_changes.CARD_COMES}")
        title = wording_changes.proposed(made.name)
    parts: list[prose.Part] = []
    if value.manual.strip():
        parts += [
            prose.paragraph(prose.line(prose.strong(wording_plans.BY_HAND))),
            prose.Verbatim(value.manual),
        ]
    if value.offers:
        parts.append(prose.paragraph(*offers(value.offers)))
    return _with(replace(page, title=title), *parts)


def offers(value: Sequence[remedy_answers.Offer]) -> list[prose.Line]:
    """Other ways to go."""
    return [
        prose.labelled(
            wording_plans.INSTEAD, prose.code(one.runbook), f"  {interpreter.told(one.text)}"
        )
        for one in value
    ]


def _with(page: prose.Page, *parts: prose.Part) -> prose.Page:
    return replace(page, parts=(*page.parts, *parts))


def outcome(value: Outcome) -> prose.Page:
    """What became of a vote or a withdrawal."""
    return _said(interpreter.told(value.text), done=value.answer in _DONE, people=value.people)


def said(value: remedy_answers.Said) -> prose.Page:
    """An answer in a sentence."""
    return _said(interpreter.told(value.text), done=value.done, people=value.people)


def may_not(text: str, people: Sequence[str], role: Role) -> prose.Page:
    """Why not, and who may."""
    if not people:
        text = f"{interpreter.told(text)} {wording_changes.nobody(role.value)}"
    return _said(text, done=False, people=people)


def _said(text: str, *, done: bool, people: Sequence[str]) -> prose.Page:
    page = answers_view.told(text) if done else answers_view.problem(text)
    if not people:
        return page
    named = prose.people(people[:_NAMED])
    more = wording.more(len(people) - _NAMED) if len(people) > _NAMED else ""
    return _with(page, prose.paragraph(prose.labelled(wording_changes.WHO, *named, more)))


def pending(
    value: Mapping[str, Sequence[notice.PlanView]], frozen: Sequence[remedy_answers.Frozen]
) -> prose.Page:
    """What waits for approval and what runs, by cluster."""
    lines = [plan_cards.brief(view) for views in value.values() for view in views]
    stops = [
        prose.labelled(
            wording_changes.FROZEN, f"{one.cluster or wording_changes.EVERY_CLUSTER}: {one.text}"
        )
        for one in frozen
    ]
    shown = lines or [prose.line(wording_changes.NO_PLANS)]
    return prose.Page(
        title=wording_changes.PLANS_TITLE,
        parts=(prose.paragraph(*stops), prose.paragraph(*shown)),
    )


def audit(found: Deeds) -> prose.Page:
    """The last deeds, oldest first, and where the chain ends."""
    lines = [
        prose.line(
            f"{one.number:,}. ",
            prose.Moment(one.at),
            "  ",
            prose.Person(one.actor),
            f" · {one.subject} · {interpreter.told(one.kind)}",
            f" · {limits.cut(interpreter.told(one.text), _LINE)}",
        )
        for one in found.entries
    ] or [prose.line(wording_changes.NO_DEEDS)]
    last = found.head
    ends = [prose.marked(wording_changes.head(last.number, last.hash))] if last else []
    if found.searched:
        ends.append(prose.line(wording_work.searched(found.searched)))
    return prose.Page(
        title=wording_changes.AUDIT_TITLE, parts=(prose.paragraph(*lines), prose.paragraph(*ends))
    )
