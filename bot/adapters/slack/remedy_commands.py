"""Commands about changes: from a request to the desk's remediation and back to a page."""

from bot.adapters.slack import (
    answers_view,
    grammar,
    grammar_changes,
    plan_cards,
    plan_pages,
    prose,
    rights,
    wording,
    wording_changes,
    works,
)
from bot.domain.access import Role
from bot.flow import answers, remedy_answers

NAMES = grammar_changes.NAMES

_NEEDED: dict[str, tuple[Role, ...]] = {
    **dict.fromkeys(("fix", "undo", *grammar_changes.RUNBOOKS), (Role.REQUESTER,)),
    "withdraw": (Role.REQUESTER, Role.ADMIN),
    "cancel": (Role.REQUESTER, Role.APPROVER, Role.ADMIN),
    "wait": (Role.REQUESTER, Role.APPROVER, Role.ADMIN),
    "freeze": (Role.REQUESTER, Role.APPROVER, Role.ADMIN),
    "unfreeze": (Role.REQUESTER, Role.APPROVER, Role.ADMIN),
}
"""The role that each needs, one of them; what only tells needs none."""


async def answer(
    desk: answers.Desk,
    may: rights.Rights,
    asked: grammar.Request,
    *,
    cluster: str | None,
    channel: str,
    work: works.Work,
) -> prose.Page:
    """Answer one of `NAMES`. Raises what remediation does."""
    remedy, change, user = desk.remedy, asked.change, work.user
    if remedy is None or (not remedy.enabled and asked.name in _NEEDED and not change.what_if):
        return answers_view.problem(wording.cannot_act(wording_changes.BY_COMMAND[asked.name]))
    roles = _NEEDED.get(asked.name, ())
    if roles and not change.what_if:
        refusal = await may.refusal(
            user, roles, channel=channel, what=wording_changes.BY_COMMAND[asked.name]
        )
        if refusal is not None:
            return refusal
    shown = await _shown(desk, remedy, asked)
    return shown if shown is not None else await _done(desk, remedy, asked, cluster, work)


async def _shown(
    desk: answers.Desk, remedy: remedy_answers.Remediation, asked: grammar.Request
) -> prose.Page | None:
    """Answer what only tells; None for what asks for something."""
    change = asked.change
    match asked.name:
        case "plan":
            return plan_cards.card(await remedy.plan(change.number))
        case "run":
            return plan_cards.card(await remedy.run(change.number))
        case "plans":
            found, frozen = await remedy.pending(), await remedy.frozen()
            if asked.cluster is not None:
                found = {name: found[name] for name in found if name == asked.cluster}
                frozen = [one for one in frozen if one.cluster in ("", asked.cluster)]
            return plan_pages.pending(found, frozen)
        case "audit":
            return plan_pages.audit(await desk.deeds(asked.cluster, change.most))
        case _:
            return None


async def _done(
    desk: answers.Desk,
    remedy: remedy_answers.Remediation,
    asked: grammar.Request,
    cluster: str | None,
    work: works.Work,
) -> prose.Page:
    change, user = asked.change, work.user
    match asked.name:
        case "cancel":
            return plan_pages.said(await remedy.cancel_run(change.number, user))
        case "wait":
            return plan_pages.said(await remedy.prolong_run(change.number, user))
        case "withdraw":
            withdrawn = await remedy.withdraw(change.number, user, reason=change.reason)
            return plan_pages.outcome(withdrawn)
        case "undo":
            return plan_pages.proposal(await remedy.undo_run(change.number, user))
        case "freeze":
            done = await remedy.freeze(cluster, user, lasts=change.lasts, reason=change.reason)
            return plan_pages.said(done)
        case "unfreeze":
            return plan_pages.said(await remedy.unfreeze(cluster, user))
        case _:
            # These look at nodes, which may take a while.
            work.shown = True
            return plan_pages.proposal(await _proposed(desk, remedy, asked, cluster, user))


async def _proposed(
    desk: answers.Desk,
    remedy: remedy_answers.Remediation,
    asked: grammar.Request,
    cluster: str | None,
    user: str,
) -> remedy_answers.Proposal:
    change = asked.change
    wishes = remedy_answers.Wishes(
        node=change.node,
        memory_bytes=change.memory_bytes,
        lose_empty_dirs=change.lose_empty_dirs,
    )
    if asked.name != "fix":
        return await remedy.propose(
            cluster, change.runbook, user, wishes=wishes, what_if=change.what_if
        )
    if not change.what_if:
        return await remedy.fix_incident(change.number, user, runbook=change.runbook)
    runbook = change.runbook
    if not runbook:
        offers = await remedy.offers(change.number)
        if not offers:
            return remedy_answers.Proposal(reason=wording_changes.no_offer(change.number))
        runbook = offers[0].runbook
    incident = (await desk.incident(change.number)).incident
    return await remedy.propose(incident.cluster, runbook, user, wishes=wishes, what_if=True)
