"""The sentences of plans and runs: their cards, buttons and windows; rules as in `wording`."""

import sys
from datetime import timedelta

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count, duration
from bot.domain import plan, run

# Headlines
PLAN = {
    plan.State.PROPOSED: "🟡 Approval needed",
    plan.State.APPROVED: "✅ Approved",
    plan.State.REJECTED: "⛔ Rejected",
    plan.State.EXPIRED: "⌛ Expired",
    plan.State.WITHDRAWN: "↩️ Withdrawn",
    plan.State.SUPERSEDED: "♻️ Superseded",
}
RUN = {
    run.State.RUNNING: "⏳ Running",
    run.State.SUCCEEDED: "🟢 Done",
    run.State.FAILED: "🔴 Failed, a person must decide",
    run.State.ABORTED: "🟠 Cancelled",
    run.State.ROLLED_BACK: "🟠 Undone",
}
PHASE = {
    run.Phase.STEPS: "carrying out the steps",
    run.Phase.VERIFYING: "looking whether it helped",
    run.Phase.UNDOING: "undoing",
    run.Phase.OVER: "over",
}
WHAT_IF = "🔍 What if"
DENIED = "⛔ Refused by guards"
NO_PLAN = "No plan"

# Labels
ON = "On"
RISK = "Risk"
PREDICTED = "Predicted"
EFFECTS = "Side effects"
OWNER = "Owner"
HELPED_IF = "It helped if"
UNDO = "Undone by"
BRAKE = "Brake"
ASKED_BY = "Asked by"
NEEDS = "Needs"
EXPIRES = "Expires"
DIGEST = "Digest"
AGAINST = "Against it"
DECIDED = "Decided"
REASON = "Reason"
RUNS = "Run"
PROGRESS = "Now"
GIVES_UP = "Gives up"
STEPS = "Steps"
BECAUSE = "Because"
DECIDE = "Decide"
ENDED = "Ended"
CANCELLED = "Cancelled"
INSTEAD = "Instead"
BY_HAND = "By hand"
SINCE = " since "
BEGUN = ", begun "
AT = ", "
FOR = " for "
BY = " by "
MAY = "; may: "
APPROVED_SO_FAR = "; so far: "
NOBODY_MAY = "; nobody may: `access.approvers` names no one"
UNCHANGED = "Nothing was changed."
EXPIRED = "Nobody decided in time. Nothing was changed; ask for a fresh plan."
LAPSED = "It was approved and not begun in time. Nothing was changed; ask for a fresh plan."
SUPERSEDED = "The cluster changed, so this plan is void. Nothing was changed by it."
WAITS = "approved, about to start"
NO_OTHER = "No request was opened, nothing was changed."


def nodes_touched(nodes: int, at_once: int) -> str:
    """How far a plan reaches."""
    told = f"touches {count(nodes, 'node', 'nodes')}"
    return f"{told}, {at_once:,} at a time" if 0 < at_once < nodes else told


MOVES_NICS = "changes NICs: a maintenance"


def effects(number: int, effect: plan.Effect) -> str:
    """What becomes of the NICs of so many nodes."""
    nodes = count(number, "node", "nodes")
    keep, change = ("keeps its", "changes") if number == 1 else ("keep their", "change")
    return {
        plan.Effect.UNCHANGED: f"{nodes} {keep} NIC",
        plan.Effect.CHANGES: f"{nodes} {change} NIC",
        plan.Effect.FAILS: f"{nodes} would find no NIC",
        plan.Effect.UNKNOWN: f"{nodes} could not be predicted",
    }[effect]


def approvals(given: int, quorum: int) -> str:
    """How many approvals there are and must be."""
    return f"{given:,} of {count(quorum, 'approval', 'approvals')}"


def takes(expected: timedelta) -> str:
    """How long it will take."""
    return f"takes about {duration(expected.total_seconds())}"


def in_thread(number: int) -> str:
    """Of a list on a card that goes on elsewhere."""
    return f"; {number:,} more in the thread"


def steps(done: int, total: int, skipped: int, failed: int) -> str:
    """How the steps stand."""
    told = f"{done:,} of {total:,} done"
    told += f", {skipped:,} not needed" if skipped else ""
    return told + (f", {failed:,} failed" if failed else "")


def undone(number: int) -> str:
    """How much was taken back."""
    return f"; {count(number, 'step', 'steps')} undone"


# Buttons
PROPOSE = "Propose fix"
APPROVE = "Approve"
REJECT = "Reject"
EDIT = "Edit limit"
CANCEL = "Cancel the run"
WAIT = "Wait longer"
UNDO_RUN = "Undo"
NO = "No"


def confirm_approve(name: str, what: str, digest: str) -> str:
    """Asked before an approval counts."""
    return f"{name} ({digest}): {what}. It starts as soon as enough have approved it."


CONFIRM_APPROVE = "Approve exactly this change?"
CONFIRM_CANCEL = "Cancel this run?"
CONFIRM_CANCEL_TEXT = (
    "What was begun is finished, nothing new begins, and what can be undone is undone."
)
CONFIRM_UNDO = "Propose to undo it?"
CONFIRM_UNDO_TEXT = "This opens a request that somebody else must approve."
YES_APPROVE = "Approve"
YES_CANCEL = "Cancel the run"
YES_UNDO = "Propose to undo"

# Windows
REJECT_TITLE = "Reject a plan"
REJECT_LABEL = "Why should this not be done?"
REJECT_HINT = "Everybody who sees the plan can read it."
REJECT_SUBMIT = "Reject"
EDIT_TITLE = "Memory limit"
EDIT_LABEL = "New limit, such as 256Mi"
EDIT_SUBMIT = "Draft anew"
CLOSE = "Close"
SENT = "Under way: the answer comes as a message that only you can see."
WINDOW_GONE = "The window could not be opened; please press the button again."
OLD_WINDOW = "This window is not known to the bot any more; nothing was done."


def bounds(least: str, most: str, present: str, suggested: str) -> str:
    """Between what a limit may be."""
    return f"From {least} to {most}. Now {present}; evidence suggests {suggested}."


def no_quantity(word: str) -> str:
    """Of a word that is no amount of memory."""
    return f"{word!r} is no amount of memory: write one such as 256Mi or 1Gi."


def out_of_bounds(least: str, most: str) -> str:
    """Of a limit that is not offered."""
    return f"The limit must be between {least} and {most}."


UNKNOWN_GROUPS = (
    "Slack does not say who is in the user groups right now, so nothing was done. Please try "
    "again in a minute."
)
REASON_NEEDED = "A rejection needs a reason."

sys.modules[__name__].__class__ = catalogue.Words
