"""The buttons of a plan's card, by how the plan and its run stand."""

from collections.abc import Iterator

from bot.adapters.slack import prose, wording_plans
from bot.domain import notice, plan, run

APPROVE = "approve_plan"
REJECT = "reject_plan"
EDIT = "edit_plan"
CANCEL = "cancel_run"
WAIT = "prolong_run"
UNDO = "undo_run"
"""Actions of buttons; `edit_plan` opens the window for another memory limit."""

MEMORY = frozenset({"raise-memory", "raise-memory-and-anchor"})
"""Runbooks whose plans have a limit to be edited."""


def of(view: notice.PlanView) -> Iterator[prose.Button]:
    """What may be pressed on a plan's card now; at most three."""
    value, ticket = view.plan, view.ticket
    if view.run is None and value.state is plan.State.PROPOSED:
        yield prose.Button(
            APPROVE,
            wording_plans.APPROVE,
            ticket,
            primary=True,
            confirm=prose.Confirm(
                wording_plans.CONFIRM_APPROVE,
                wording_plans.confirm_approve(value.name, value.title, value.short_digest),
                wording_plans.YES_APPROVE,
                wording_plans.NO,
            ),
        )
        yield prose.Button(REJECT, wording_plans.REJECT, ticket, danger=True)
        if value.runbook in MEMORY:
            yield prose.Button(EDIT, wording_plans.EDIT, ticket)
    elif view.run is not None and not view.run.over and view.run.cancelled_at is None:
        if view.run.gives_up_at is not None:
            yield prose.Button(WAIT, wording_plans.WAIT, ticket)
        yield prose.Button(
            CANCEL,
            wording_plans.CANCEL,
            ticket,
            danger=True,
            confirm=prose.Confirm(
                wording_plans.CONFIRM_CANCEL,
                wording_plans.CONFIRM_CANCEL_TEXT,
                wording_plans.YES_CANCEL,
                wording_plans.NO,
            ),
        )
    elif (
        view.run is not None
        and view.run.state is run.State.SUCCEEDED
        and run.undoable(view.run, value)
    ):
        yield prose.Button(
            UNDO,
            wording_plans.UNDO_RUN,
            ticket,
            confirm=prose.Confirm(
                wording_plans.CONFIRM_UNDO,
                wording_plans.CONFIRM_UNDO_TEXT,
                wording_plans.YES_UNDO,
                wording_plans.NO,
            ),
        )
