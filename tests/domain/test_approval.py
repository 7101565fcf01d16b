"""Votes: whatever is clicked by whom and how often, the invariants hold and somebody answers."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import approval
from bot.domain.access import Members, Person, Policy, Role
from bot.domain.approval import Answer, Choice, Vote
from bot.domain.plan import Plan, State
from tests.domain import plans
from tests.domain.plans import LATER, START

APPROVER = Person("UAPP", frozenset({Role.VIEWER, Role.APPROVER}))
SECOND = Person("UAPP2", frozenset({Role.VIEWER, Role.APPROVER}))
REQUESTER = Person("UREQ", frozenset({Role.VIEWER, Role.REQUESTER, Role.APPROVER}))
VIEWER = Person("UVIEW", frozenset({Role.VIEWER}))
ADMIN = Person("UADM", frozenset({Role.VIEWER, Role.ADMIN}))


def cast(
    plan: Plan,
    person: Person = APPROVER,
    choice: Choice = Choice.APPROVE,
    *,
    votes: tuple[Vote, ...] = (),
    digest: str = "",
    after: timedelta = LATER,
) -> approval.Outcome:
    return approval.vote(
        plan,
        votes,
        person,
        choice,
        digest=digest or plan.digest,
        now=START + after,
        approvers=("UAPP", "UAPP2"),
    )


def test_one_approver_is_enough_where_the_quorum_is_one() -> None:
    outcome = cast(plans.plan())
    assert outcome.answer is Answer.APPROVED
    assert outcome.plan.state is State.APPROVED
    assert outcome.plan.decided_by == ("UAPP",)
    assert outcome.plan.decided_at == START + LATER


def test_a_quorum_of_two_needs_two_people() -> None:
    plan = plans.plan(quorum=2)
    first = cast(plan)
    assert first.answer is Answer.COUNTED
    assert first.plan.state is State.PROPOSED
    assert first.vote
    again = cast(first.plan, votes=(first.vote,))
    assert again.answer is Answer.ALREADY_VOTED
    second = cast(first.plan, SECOND, votes=(first.vote,))
    assert second.answer is Answer.APPROVED
    assert second.plan.decided_by == ("UAPP", "UAPP2")


@pytest.mark.parametrize(("quorum", "left"), [(2, "one more needed."), (3, "2 more needed.")])
def test_how_many_are_still_needed_is_said(quorum: int, left: str) -> None:
    assert cast(plans.plan(quorum=quorum)).text.endswith(f"counts; {left}")


CASES = [
    ("a viewer", VIEWER, {}, Answer.NOT_ALLOWED),
    ("an admin who is no approver", ADMIN, {}, Answer.NOT_ALLOWED),
    ("the requester, approver or not", REQUESTER, {}, Answer.OWN_REQUEST),
    ("another digest", APPROVER, {"digest": "0" * 64}, Answer.OTHER_DIGEST),
    ("the very moment it expires", APPROVER, {"after": timedelta(minutes=15)}, Answer.EXPIRED),
]


@pytest.mark.parametrize(("who", "person", "how", "answer"), CASES, ids=[c[0] for c in CASES])
def test_who_or_what_does_not_count(
    who: str, person: Person, how: dict[str, object], answer: Answer
) -> None:
    outcome = cast(plans.plan(), person, **how)  # type: ignore[arg-type]
    assert outcome.answer is answer
    assert outcome.vote is None
    assert outcome.plan.state is not State.APPROVED
    assert outcome.text


def test_the_requester_may_reject_what_they_asked_for() -> None:
    assert cast(plans.plan(), REQUESTER, Choice.REJECT).answer is Answer.REJECTED


def test_who_may_is_told_to_whom_may_not() -> None:
    assert cast(plans.plan(), VIEWER).people == ("UAPP", "UAPP2")
    assert cast(plans.plan(), REQUESTER).people == ("UAPP", "UAPP2")


@pytest.mark.parametrize("state", [s for s in State if s is not State.PROPOSED])
def test_what_is_decided_stays_decided(state: State) -> None:
    plan = plans.plan(state=state, decided_at=START, decided_by=("UAPP2",), reason="so")
    for outcome in (
        cast(plan),
        cast(plan, choice=Choice.REJECT),
        approval.withdraw(plan, REQUESTER, now=START + LATER),
    ):
        assert outcome.plan == plan
        assert outcome.vote is None
        assert outcome.text
    assert approval.expire(plan, now=START + timedelta(days=1)) == plan
    assert approval.supersede(plan, now=START, reason="moved") == plan


def test_only_the_requester_or_an_admin_withdraws() -> None:
    plan = plans.plan()
    assert approval.withdraw(plan, APPROVER, now=START).answer is Answer.NOT_ALLOWED
    assert approval.withdraw(plan, REQUESTER, now=START).answer is Answer.WITHDRAWN
    assert approval.withdraw(plan, ADMIN, now=START).plan.state is State.WITHDRAWN


def test_a_superseded_plan_says_so() -> None:
    plan = approval.supersede(plans.plan(), now=START, reason="its flags were changed")
    outcome = cast(plan)
    assert outcome.answer is Answer.SUPERSEDED
    assert "its flags were changed" in outcome.text


def test_forged_and_foreign_votes_never_count_towards_a_quorum() -> None:
    plan = plans.plan(quorum=2)
    foreign = (
        Vote(7, "UREQ", Choice.APPROVE, plan.digest, START),
        Vote(7, "UX", Choice.APPROVE, "0" * 64, START),
        Vote(8, "UY", Choice.APPROVE, plan.digest, START),
        Vote(7, "UZ", Choice.REJECT, plan.digest, START),
    )
    assert cast(plan, votes=foreign).answer is Answer.COUNTED


PEOPLE = [APPROVER, SECOND, REQUESTER, VIEWER, ADMIN]


@st.composite
def clicks(draw: st.DrawFn) -> list[tuple[str, Person, timedelta, bool]]:
    moments = sorted(draw(st.lists(st.integers(0, 20), min_size=1, max_size=12)))
    return [
        (
            draw(st.sampled_from(["approve", "reject", "withdraw", "supersede", "expire"])),
            draw(st.sampled_from(PEOPLE)),
            timedelta(minutes=moment),
            draw(st.booleans()),
        )
        for moment in moments
    ]


@given(clicks(), st.integers(1, 3))
def test_any_order_of_clicks_keeps_the_invariants(
    story: list[tuple[str, Person, timedelta, bool]], quorum: int
) -> None:
    plan = plans.plan(quorum=quorum)
    votes: list[Vote] = []
    for what, person, after, honest in story:
        before = plan
        now = START + after
        if what == "supersede":
            plan = approval.supersede(plan, now=now, reason="moved")
        elif what == "expire":
            plan = approval.expire(plan, now=now)
        else:
            if what == "withdraw":
                outcome = approval.withdraw(plan, person, now=now)
            else:
                outcome = approval.vote(
                    plan,
                    votes,
                    person,
                    Choice(what),
                    digest=plan.digest if honest else "0" * 64,
                    now=now,
                )
            assert outcome.text, "no click is ever silent"
            plan = outcome.plan
            if outcome.vote:
                votes.append(outcome.vote)
            assert outcome.changed or plan == before
        if before.state is not State.PROPOSED:
            assert plan == before
        if before.state is State.PROPOSED and plan.state is State.APPROVED:
            good = {v.user for v in votes if v.choice is Choice.APPROVE and v.digest == plan.digest}
            assert len(good) >= quorum
            assert "UREQ" not in good
            assert good <= {"UAPP", "UAPP2"}
            assert now < plan.expires_at
            assert set(plan.decided_by) == good
    assert len({vote.user for vote in votes}) == len(votes)


def test_roles_come_by_name_and_by_group_and_nobody_has_any_by_default() -> None:
    assert Policy().person("U1").roles == {Role.VIEWER}
    policy = Policy(
        {
            Role.APPROVER: Members(users=frozenset({"U1"}), groups=frozenset({"S1"})),
            Role.ADMIN: Members(groups=frozenset({"S2"})),
        }
    )
    assert policy.person("U1").may(Role.APPROVER)
    assert not policy.person("U2").may(Role.APPROVER)
    assert policy.person("U2", groups=["S1"]).may(Role.APPROVER)
    assert not policy.person("U2", groups=["S1"]).may(Role.ADMIN)
    assert policy.groups == {"S1", "S2"}
    assert policy.named(Role.APPROVER) == ("U1",)


@pytest.mark.parametrize(
    "bent",
    [
        {"digest": "0" * 64},
        {"plan": 99},
        {"user": "UREQ"},
        {"choice": Choice.REJECT},
        {"at": plans.plan().expires_at},
    ],
    ids=["of another digest", "on another plan", "by who asked", "a rejection", "too late"],
)
def test_a_plan_that_says_it_is_approved_is_not_without_votes_that_count(
    bent: dict[str, object],
) -> None:
    held = plans.plan(plans.step(), quorum=2)
    first = Vote(held.id, "UAPP", Choice.APPROVE, held.digest, plans.START)
    second = replace(first, user="UAPP2")
    assert approval.unapproved(held, [first, second]) == ""
    assert "1 of 2 count" in approval.unapproved(held, [first, replace(second, **bent)])
    assert "1 of 2 count" in approval.unapproved(held, [first, first])


def test_a_plan_that_asks_for_no_approval_needs_one_nevertheless() -> None:
    held = plans.plan(plans.step(), quorum=0)
    assert "0 of 1 count" in approval.unapproved(held, [])
