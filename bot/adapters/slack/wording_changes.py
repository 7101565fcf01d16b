"""What is answered to who asks for a change, by a button or a command; rules as in `wording`."""

import sys
from datetime import timedelta

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import duration

OFF = (
    "Nothing was done: this bot runs observe-only. `remediation.enabled: true` lets it repair "
    "what people approve."
)
CARD_COMES = "Its card is on its way to the cluster's channel."
PLANS_TITLE = "Plans"
NO_PLANS = "Nothing waits for approval, nothing runs."
AUDIT_TITLE = "Audit"
NO_DEEDS = "Nothing was asked for or done yet."
FROZEN = "Changes are frozen"


def proposed(name: str) -> str:
    """Title of the answer to who proposed."""
    return f"{name} is proposed"


def head(number: int, digest: str) -> str:
    """The end of the chain, to be compared with what was told before."""
    return f"The chain ends at entry {number:,} with {digest}."


WHO = "Who may"
EVERY_CLUSTER = "every cluster"
TAKES_A_WHILE = "Under way; the answer follows as a message of its own."
SHARED_CHANNEL = (
    "Nothing is changed from a channel that is shared with people outside; use the cluster's own."
)
UNKNOWN_CHANNEL = (
    "Slack does not say who reads this channel, so nothing was done. Please use the cluster's own "
    "channel, or try again in a minute."
)
DEEDS = {
    "propose_fix": "propose a fix",
    "approve_plan": "approve a plan",
    "reject_plan": "reject a plan",
    "edit_plan": "change a plan",
    "cancel_run": "cancel a run",
    "prolong_run": "have a run wait longer",
    "undo_run": "undo a run",
}


def may_not(what: str) -> str:
    """Of somebody who lacks the role."""
    return f"You may not {what}."


def nobody(role: str) -> str:
    """Where no one else may, either."""
    return f"Nobody may: `access.{role}s` names no one."


BY_COMMAND = {
    "fix": "propose a fix",
    "raise-memory": "propose another memory limit",
    "anchor-regex": "propose other flags",
    "raise-memory-and-anchor": "propose another memory limit and other flags",
    "drain": "propose to drain a node",
    "evict-veth": "propose to evict a pod",
    "restart": "propose to restart flannel",
    "plans": "show plans",
    "plan": "show a plan",
    "withdraw": "withdraw a plan",
    "run": "show a run",
    "cancel": "cancel a run",
    "wait": "have a run wait longer",
    "undo": "undo a run",
    "freeze": "freeze changes",
    "unfreeze": "unfreeze changes",
    "audit": "show what was done",
}


def no_number(word: str, kind: str) -> str:
    """Of a word that names no plan or run."""
    return f"{word!r} names none; they are called like {kind}-7."


def no_node(word: str) -> str:
    """Of a word that cannot be a node's name."""
    return f"{word!r} cannot be the name of a node."


def no_runbook(word: str) -> str:
    """Of a word that is no way to fix anything."""
    return f"{word!r} is no runbook."


def no_duration(word: str) -> str:
    """Of a word that is no length of time."""
    return f"{word!r} is no length of time: write one such as 90m, 2h or 3d."


def freeze_too_long(most: timedelta) -> str:
    """Of a freeze that somebody would forget."""
    return f"A freeze lasts at most {duration(most.total_seconds())}."


def no_count(word: str) -> str:
    """Of a word that is no number of entries."""
    return f"{word!r} is no number of entries."


def no_offer(number: int) -> str:
    """Of an incident that nothing is known against."""
    return f"No runbook fits INC-{number}."


sys.modules[__name__].__class__ = catalogue.Words
