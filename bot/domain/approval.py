"""Votes on a plan: the state machine of a request.

Invariants, whatever is clicked by whom and how often: a plan becomes APPROVED only by `quorum`
different approvers, none of them its requester, each having voted for its very digest before it
expired; and once it has left PROPOSED it never changes again, but that an approved one which
nobody can begin becomes void. Every click gets an answer.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain import units
from bot.domain.access import Person, Role
from bot.domain.plan import Plan, State


class Choice(enum.StrEnum):
    """What a vote says."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's vote on one digest. A person has one vote on a plan."""

    plan: int
    user: str
    choice: Choice
    digest: str
    at: datetime
    reason: str = ""


class Answer(enum.StrEnum):
    """What became of a click."""

    COUNTED = "counted"
    """An approval that is not the last one needed."""
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    NOT_ALLOWED = "not_allowed"
    OWN_REQUEST = "own_request"
    ALREADY_VOTED = "already_voted"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    DECIDED = "decided"
    """Somebody else was first."""
    OTHER_DIGEST = "other_digest"
    """What was voted on is not what this plan says."""
    DENIED = "denied"
    """A guard forbids it now, or whether it may be done cannot be told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a click, the plan as it then is, and the vote to be kept, if it counts.

    `people` are the user ids that the text speaks of: who may, or who was first.
    """

    answer: Answer
    plan: Plan
    text: str
    vote: Vote | None = None
    people: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to be stored."""
        return self.vote is not None or self.answer in (Answer.EXPIRED, Answer.WITHDRAWN)


def vote(
    plan: Plan,
    votes: Sequence[Vote],
    person: Person,
    choice: Choice,
    *,
    digest: str,
    now: datetime,
    reason: str = "",
    approvers: Sequence[str] = (),
) -> Outcome:
    """Judge one vote.

    Args:
        plan: As it stands in the store, read in the same transaction that stores the outcome.
        votes: All votes on it so far.
        person: Who clicked, with roles read now.
        choice: What the click says.
        digest: What was shown to the person.
        now: The moment of the click.
        reason: Why, for a rejection.
        approvers: Who may vote, for telling those who may not.
    """
    if not person.may(Role.APPROVER):
        text = f"You may not decide on {plan.name}. {_who(approvers)}"
        return Outcome(Answer.NOT_ALLOWED, plan, text, people=tuple(approvers))
    closed = _closed(plan, person, now)
    if closed is not None:
        return closed
    if person.id == plan.requester and choice is Choice.APPROVE:
        others = tuple(one for one in approvers if one != person.id)
        text = f"{plan.name} was requested by you: somebody else must approve it. {_who(others)}"
        return Outcome(Answer.OWN_REQUEST, plan, text, people=others)
    if digest != plan.digest:
        return Outcome(
            Answer.OTHER_DIGEST,
            plan,
            f"What you saw is not what {plan.name} says ({plan.short_digest}): look at its card "
            "anew.",
        )
    earlier = next((one for one in votes if one.user == person.id), None)
    if earlier is not None:
        return Outcome(
            Answer.ALREADY_VOTED,
            plan,
            f"You have voted on {plan.name} already: {earlier.choice.value}, "
            f"{units.stamp(earlier.at)}.",
        )
    cast = Vote(plan.id, person.id, choice, digest, now, reason)
    if choice is Choice.REJECT:
        after = _decided(plan, State.REJECTED, (person.id,), now, reason)
        return Outcome(Answer.REJECTED, after, f"{plan.name} is rejected.", cast)
    return _approved(plan, votes, cast)


def _approved(plan: Plan, votes: Sequence[Vote], cast: Vote) -> Outcome:
    approving = approvers(plan, (*votes, cast))
    if len(approving) < max(1, plan.quorum):
        need = plan.quorum - len(approving)
        text = f"Your approval of {plan.name} counts; {'one' if need == 1 else need} more needed."
        return Outcome(Answer.COUNTED, plan, text, cast)
    after = _decided(plan, State.APPROVED, approving, cast.at, "")
    return Outcome(Answer.APPROVED, after, f"{plan.name} is approved and starts now.", cast)


def approvers(plan: Plan, votes: Sequence[Vote]) -> tuple[str, ...]:
    """Return who approved of a plan, counted from the votes themselves, whatever it says of itself.

    What was voted on another digest, after it expired, or by its requester never counts.
    """
    return tuple(
        dict.fromkeys(
            one.user
            for one in votes
            if one.choice is Choice.APPROVE
            and one.digest == plan.digest
            and one.plan == plan.id
            and one.user != plan.requester
            and not plan.expired(one.at)
        )
    )


def unapproved(plan: Plan, votes: Sequence[Vote]) -> str:
    """Return why the votes make no approval of this very plan; empty where they do."""
    given, needed = len(approvers(plan, votes)), max(1, plan.quorum)
    if given >= needed:
        return ""
    return (
        f"{plan.name} says that it is approved, and the votes do not: {given} of {needed} count "
        "for what it would do"
    )


def withdraw(plan: Plan, person: Person, *, now: datetime, reason: str = "") -> Outcome:
    """Take a request back: by its requester, or by an admin."""
    closed = _closed(plan, person, now)
    if closed is not None:
        return closed
    if person.id != plan.requester and not person.may(Role.ADMIN):
        text = f"{plan.name} can be withdrawn by whoever requested it, or by an admin."
        return Outcome(Answer.NOT_ALLOWED, plan, text, people=(plan.requester,))
    after = _decided(plan, State.WITHDRAWN, (person.id,), now, reason)
    return Outcome(Answer.WITHDRAWN, after, f"{plan.name} is withdrawn.")


def expire(plan: Plan, *, now: datetime) -> Plan:
    """Return the plan as it is at that moment: a proposed one whose time is over is EXPIRED."""
    if plan.state is State.PROPOSED and plan.expired(now):
        return _decided(plan, State.EXPIRED, (), plan.expires_at, "nobody decided in time")
    return plan


def supersede(plan: Plan, *, now: datetime, reason: str) -> Plan:
    """Void a request because the world moved; a decided one stays as it is.

    An approved plan that was not begun is voided by never being claimed, which is the run's
    business.
    """
    if plan.state is not State.PROPOSED:
        return plan
    return _decided(plan, State.SUPERSEDED, (), now, reason)


def abandon(plan: Plan, *, now: datetime, reason: str) -> Plan:
    """Void a request that nobody can begin any more, also one that is approved.

    The store keeps it so only where no run was started for it.
    """
    if plan.state is not State.APPROVED:
        return supersede(plan, now=now, reason=reason)
    return _decided(plan, State.SUPERSEDED, (), now, reason)


def _closed(plan: Plan, person: Person, now: datetime) -> Outcome | None:
    """Answer a click on what is decided already; None while it is open."""
    now_is = expire(plan, now=now)
    if now_is.state is State.PROPOSED:
        return None
    if now_is.state is State.EXPIRED:
        if plan.decided_by:
            text = f"{plan.name} was approved, and not begun in time: ask for a fresh one."
            return Outcome(Answer.EXPIRED, now_is, text, people=plan.decided_by)
        ended = units.stamp(plan.expires_at)
        text = f"{plan.name} expired {ended}: ask for a fresh one. Nothing was changed."
        return Outcome(Answer.EXPIRED, now_is, text)
    if now_is.state is State.SUPERSEDED:
        why = f" ({plan.reason})" if plan.reason else ""
        text = f"{plan.name} is void, because the cluster changed{why}: see the newer card."
        return Outcome(Answer.SUPERSEDED, plan, text)
    you = " by you" if person.id in plan.decided_by else ""
    text = f"{plan.name} was {plan.state.value}{you} already, {units.stamp(plan.decided_at)}."
    return Outcome(Answer.DECIDED, plan, text, people=plan.decided_by)


def _decided(plan: Plan, state: State, by: tuple[str, ...], at: datetime, reason: str) -> Plan:
    return replace(plan, state=state, decided_at=at, decided_by=by, reason=reason)


def _who(approvers: Sequence[str]) -> str:
    return "Others may." if approvers else "Nobody may: `access.approvers` names no one else."
