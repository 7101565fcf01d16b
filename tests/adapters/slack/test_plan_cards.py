"""What a plan's card says from request to verification, and what may be pressed when."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.slack import blocks, cards, notifier, plan_cards
from bot.domain import approval, guard, incident, notice, plan, run
from bot.domain.plan import Criterion, Effect, Ownership, Prediction, Signal
from bot.flow import plancards
from bot.runbooks import Wishes, raise_memory_and_anchor
from tests.adapters.slack import judge, samples
from tests.domain import plans
from tests.runbooks import cases

APPROVER, OPERATOR = "U0APPROVER", "U0OPERATOR"


def proposed(**changes: object) -> plan.Plan:
    made = plans.plan(
        requester=OPERATOR,
        incident=42,
        runbook="raise-memory",
        title="Raise flannel's memory limit to 256Mi",
        restarts=tuple(f"n{n}" for n in range(120)),
        predictions=(
            *(Prediction(f"n{n}", Effect.UNCHANGED, "eth1", "eth1") for n in range(118)),
            Prediction("n118", Effect.CHANGES, "eth0", "eth1"),
            Prediction("n119", Effect.CHANGES, "eth0", "eth1"),
        ),
        criteria=(Criterion(Signal.NO_NEW_KILL, plans.FLANNEL, plans.LATER, text="no OOM since"),),
        diff=("-     memory: 50Mi", "+     memory: 256Mi"),
        side_effects=("Every flanneld restarts once.",),
        brake="OnDelete stops deleting pods.",
        undo="The inverse patch.",
        ownership=Ownership("Helm", "the next upgrade reverts it", "label", "limits: 256Mi"),
        expected=timedelta(minutes=60),
        quorum=2,
        risks=("it touches 120 nodes, more than 100",),
    )
    return replace(made, **changes)


def view(value: plan.Plan | None = None, /, **changes: object) -> notice.PlanView:
    made = notice.PlanView(
        plan=value or proposed(),
        now=plans.START,
        approvers=(APPROVER, "U0APPROVER2"),
        ticket="p7-" + "0" * 32,
    )
    return replace(made, **changes)


def rendered(value: notice.PlanView) -> blocks.Rendered:
    made = blocks.render(plan_cards.card(value))
    judge.judge(made)
    return made


def said(value: notice.PlanView) -> str:
    return judge.seen(rendered(value))


def buttons(value: notice.PlanView) -> list[str]:
    return [
        one["action_id"]
        for block in rendered(value).blocks
        if block["type"] == "actions"
        for one in block["elements"]
    ]


def decided(state: plan.State, **changes: object) -> plan.Plan:
    return proposed(
        state=state, decided_at=plans.START + plans.LATER, decided_by=(APPROVER,), **changes
    )


def running(value: plan.Plan, **changes: object) -> run.Run:
    made = replace(run.begin(value, executor="e", now=plans.START + plans.LATER), id=3)
    return replace(made, **changes)


def test_a_request_says_all_that_a_decision_needs() -> None:
    assert said(view()).splitlines() == [
        "🟡 Approval needed · PLAN-7 · Raise flannel's memory limit to 256Mi",
        "On  prod · DaemonSet kube-flannel/kube-flannel-ds",
        (
            "Risk  touches 120 nodes, 1 at a time; takes about 60 min; "
            "it touches 120 nodes, more than 100"
        ),
        (
            "Predicted  2 nodes change NIC: n118 eth0 → eth1, n119 eth0 → eth1; "
            "118 nodes keep their NIC"
        ),
        "-     memory: 50Mi",
        "+     memory: 256Mi",
        "Needs  0 of 2 approvals; may: @U0APPROVER, @U0APPROVER2",
        "Expires  2026-01-02 03:19:05 UTC",
        f"Asked by  @U0OPERATOR for INC-42 · digest {proposed().short_digest}",
        "Side effects  Every flanneld restarts once.",
        "Owner  Helm · the next upgrade reverts it",
        "It helped if  no OOM since",
        "Brake  OnDelete stops deleting pods.",
        "Undone by  The inverse patch.",
        "[Approve] [Reject] [Edit limit]",
    ]


PHONE = 48
"""Characters of a line of text at 390 pixels, roughly."""


def drafted(**bent: object) -> plan.Plan:
    """A plan as it is drafted for the story's cluster, with all that there is to say of it."""
    made = raise_memory_and_anchor.draft(cases.case(nodes=8, **bent), Wishes())  # type: ignore[arg-type]
    assert isinstance(made, plan.Plan), made
    return replace(made, id=7, requester=OPERATOR)


@pytest.mark.parametrize("strategy", ["RollingUpdate", "OnDelete"])
def test_what_waits_for_approval_is_decided_on_one_screen_of_a_phone(strategy: str) -> None:
    """The least phones hold some 35 lines with the bars that Slack puts around them."""
    lines = said(view(drafted(strategy=strategy))).splitlines()
    assert sum(-(-len(line) // PHONE) for line in lines) <= 32
    order = [line.partition("  ")[0] for line in lines]
    assert order.index("Needs") < order.index("Side effects")


@pytest.mark.parametrize("strategy", ["RollingUpdate", "OnDelete"])
def test_what_the_card_shortens_is_whole_in_its_thread(strategy: str) -> None:
    value = drafted(strategy=strategy)
    sections = plancards.particulars(value).sections
    thread = [line for section in sections for line in section.lines]
    for text in (*value.side_effects, *(one.text for one in value.criteria)):
        assert text in thread
    assert value.brake in thread
    assert value.undo in thread
    assert "more in the thread" in said(view(value))


def test_a_brake_is_never_cut_to_half_of_what_it_says() -> None:
    told = said(view(drafted()))
    assert "cannot be paused: the only brake is the guarded inverse patch" in told


def test_people_are_called_by_id_and_never_by_text() -> None:
    persons = [
        one["user_id"] for one in judge.runs(list(rendered(view()).blocks)) if one["type"] == "user"
    ]
    assert persons == [APPROVER, "U0APPROVER2", OPERATOR]
    odd = proposed(requester="U0<!channel>")
    assert "U0<\u200b!channel>" in said(view(odd))


def test_a_vote_that_is_not_the_last_is_on_the_card() -> None:
    vote = approval.Vote(7, APPROVER, approval.Choice.APPROVE, proposed().digest, plans.START)
    assert (
        "Needs  1 of 2 approvals; so far: @U0APPROVER; may: @U0APPROVER2"
        in said(view(votes=(vote,))).splitlines()
    )


def test_that_nobody_may_is_said() -> None:
    assert "nobody may: access.approvers names no one" in said(view(approvers=()))


def test_what_guards_say_against_it_is_said() -> None:
    verdicts = (guard.denied("freeze", "changes are frozen", "wait"), guard.allowed("role", "ok"))
    text = said(view(proposed(verdicts=verdicts)))
    assert "Against it  changes are frozen (wait)" in text.splitlines()
    assert "ok" not in text.splitlines()


ENDS = [
    (plan.State.APPROVED, "✅ Approved", "", "approved by @U0APPROVER"),
    (plan.State.REJECTED, "⛔ Rejected", "not at night", "rejected by @U0APPROVER"),
    (plan.State.EXPIRED, "⌛ Expired", "", "It was approved and not begun in time"),
    (plan.State.WITHDRAWN, "↩️ Withdrawn", "found a better way", "withdrawn by @U0APPROVER"),
    (plan.State.SUPERSEDED, "♻️ Superseded", "generation 5", "The cluster changed"),
]


@pytest.mark.parametrize(("state", "headline", "reason", "told"), ENDS)
def test_a_decided_plan_says_how_by_whom_and_why_and_has_no_button(
    state: plan.State, headline: str, reason: str, told: str
) -> None:
    value = view(decided(state, reason=reason), approvers=(), ticket="")
    text = said(value)
    assert text.startswith(f"{headline} · PLAN-7 · Raise")
    assert told in text
    assert reason in text
    assert buttons(value) == []
    assert "Needs  " not in text


def test_what_nobody_decided_is_told_from_what_nobody_began() -> None:
    undecided = replace(decided(plan.State.EXPIRED), decided_by=())
    assert "Nobody decided in time" in said(view(undecided, approvers=(), ticket=""))


def test_a_run_tells_its_progress_its_journal_and_can_be_cancelled() -> None:
    approved = decided(plan.State.APPROVED)
    value = running(
        approved,
        progress="87/120 nodes, 2 restarting, about 20 min left",
        steps=(
            run.Record(run.StepState.APPLIED, plans.START, plans.START, "patched, generation 5"),
        ),
    )
    shown = view(approved, run=value, approvers=())
    text = said(shown)
    assert text.startswith("⏳ Running · PLAN-7 · RUN-3 · Raise")
    assert "Now  87/120 nodes, 2 restarting, about 20 min left" in text
    assert "1. patch daemonset: applied, patched, generation 5" in text
    assert "Steps  1 of 1 done" in text
    assert buttons(shown) == ["cancel_run"]
    (cancel,) = shown_actions(shown)
    assert "what can be undone is undone" in cancel["confirm"]["text"]["text"]
    assert "Gives up" not in text
    held = view(approved, run=replace(value, gives_up_at=plans.START), approvers=())
    assert "Gives up" in said(held)
    assert buttons(held) == ["prolong_run", "cancel_run"]
    stopped = replace(value, cancelled_by=OPERATOR, cancelled_at=plans.START)
    assert buttons(view(approved, run=stopped)) == []
    assert "Cancelled  @U0OPERATOR" in said(view(approved, run=stopped))


def shown_actions(value: notice.PlanView) -> list[dict[str, object]]:
    return [
        one
        for block in rendered(value).blocks
        if block["type"] == "actions"
        for one in block["elements"]
    ]


OVER = [
    (run.State.SUCCEEDED, "🟢 Done", ["undo_run"]),
    (run.State.FAILED, "🔴 Failed, a person must decide", []),
    (run.State.ABORTED, "🟠 Cancelled", []),
    (run.State.ROLLED_BACK, "🟠 Undone", []),
]


@pytest.mark.parametrize(("state", "headline", "pressed"), OVER)
def test_an_ended_run_says_why_and_what_a_person_has_to_decide(
    state: run.State, headline: str, pressed: list[str]
) -> None:
    approved = decided(plan.State.APPROVED)
    value = running(
        approved,
        state=state,
        phase=run.Phase.OVER,
        cause="peak 60Mi of 256Mi",
        needs="look at n7" if state is run.State.FAILED else "",
        ended_at=plans.START + timedelta(hours=1),
        steps=(run.Record(run.StepState.APPLIED, plans.START, plans.START),),
    )
    shown = view(approved, run=value, approvers=())
    text = said(shown)
    assert text.startswith(f"{headline} · PLAN-7 · RUN-3 · ")
    assert "Because  peak 60Mi of 256Mi" in text
    assert ("Decide  look at n7" in text) == (state is run.State.FAILED)
    assert buttons(shown) == pressed


def test_approving_is_asked_back_with_the_very_change() -> None:
    (approve, *_) = shown_actions(view())
    asked = approve["confirm"]["text"]["text"]
    assert "PLAN-7" in asked
    assert proposed().short_digest in asked
    assert approve["value"] == view().ticket


def test_only_plans_with_a_limit_offer_another() -> None:
    assert buttons(view(proposed(runbook="drain"))) == ["approve_plan", "reject_plan"]


def test_without_a_ticket_nothing_can_be_pressed() -> None:
    assert buttons(view(ticket="")) == []


def test_an_incidents_card_offers_a_fix_while_it_stands() -> None:
    ticket = "i42-" + "0" * 32
    made = blocks.render(cards.card(samples.view(ticket=ticket)))
    judge.judge(made)
    (actions,) = [block for block in made.blocks if block["type"] == "actions"]
    assert [(one["action_id"], one["value"]) for one in actions["elements"]] == [
        ("propose_fix", ticket)
    ]
    over = samples.trouble(state=incident.State.RESOLVED, resolved_at=samples.NOW)
    made = blocks.render(cards.card(samples.view(over, ticket=ticket)))
    assert not [block for block in made.blocks if block["type"] == "actions"]


def test_a_message_carries_which_plan_incident_and_run_it_is_of() -> None:
    row = notice.Outgoing("r1", notice.Kind.PLAN, "C0ALERTS", samples.NOW, plan=7)
    approved = decided(plan.State.APPROVED)
    carried = notifier.metadata(row, view(approved, run=running(approved)))
    assert carried["event_payload"] == {
        "outbox_id": "r1",
        "kind": "plan",
        "plan": 7,
        "incident": 42,
        "run": 3,
    }


@given(
    text=st.text(max_size=400),
    state=st.sampled_from(plan.State),
    runs=st.sampled_from([None, *run.State]),
    many=st.integers(1, 400),
)
def test_whatever_a_cluster_says_the_card_is_one_that_slack_takes(
    text: str, state: plan.State, runs: run.State | None, many: int
) -> None:
    value = proposed(
        title=text,
        state=state,
        decided_by=(APPROVER, text),
        decided_at=plans.START,
        reason=text,
        diff=(text,) * 40,
        side_effects=(text,) * 5,
        brake=text,
        undo=text,
        predictions=tuple(Prediction(f"{text}{n}", Effect.FAILS, text) for n in range(many)),
        verdicts=(guard.denied("x", text, text),) * 5,
    )
    running_ = None
    if runs is not None:
        running_ = replace(
            running(decided(plan.State.APPROVED)),
            state=runs,
            progress=text,
            needs=text,
            steps=(run.Record(run.StepState.FAILED, plans.START, plans.START, text),),
        )
    rendered(view(value, run=running_))
