"""The bot's own plan cards and windows on the page: pressed by everybody who may be somebody."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.adapters.slack import blocks, plan_cards, remedy_forms
from bot.domain import notice, plan
from bot.flow import remedy_answers
from tests.browser.workspace import ALERTS, App
from tests.domain import plans

pytestmark = [
    pytest.mark.real("chromium"),
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]
MI = 1024 * 1024
TICKET = "p7-" + "0" * 32
BOUNDS = remedy_answers.MemoryBounds(
    least=51 * MI, most=1024 * MI, present=50 * MI, suggested=256 * MI, reasoning=("for bursts",)
)


def proposed(**changes: Any) -> notice.PlanView:
    value = plans.plan(
        requester="U0OPERATOR", runbook="raise-memory", title="Raise flannel's memory limit",
        diff=("-     memory: 50Mi", "+     memory: 256Mi"), **changes,
    )  # fmt: skip
    approvers = ("U0APPROVER", "U0APPROVER2")
    return notice.PlanView(plan=value, now=plans.START, approvers=approvers, ticket=TICKET)


async def show(app: App, view: notice.PlanView, ts: str = "") -> str:
    made = blocks.render(plan_cards.card(view))
    body: dict[str, Any] = {"channel": ALERTS, "text": made.text, "blocks": list(made.blocks)}
    if not ts:
        return str((await app.client.chat_postMessage(**body))["ts"])
    await app.client.chat_update(ts=ts, **body)
    return ts


async def test_each_person_presses_as_themselves_and_only_after_being_asked(
    app: App, page: Page
) -> None:
    before = len(app.clicked("approve_plan"))
    ts = await show(app, proposed())
    card = page.get_by_test_id(f"message-{ts}")
    await expect(card).to_contain_text("Approval needed · PLAN-7")
    await expect(card).to_contain_text("+     memory: 256Mi")
    await expect(card.get_by_role("button", name="Approve")).to_be_visible()
    dialog = page.get_by_role("dialog", name="Approve exactly this change?")
    people = ("U0OPERATOR", "U0APPROVER", "U0BYSTANDER", "U0GUEST")
    for number, person in enumerate(people, start=1):
        await page.get_by_test_id(f"person-{person}").click()
        await card.get_by_test_id("action-approve_plan").click()
        await expect(dialog).to_contain_text("PLAN-7")
        await dialog.get_by_test_id("confirm-no").click()
        await expect(dialog).to_be_hidden()
        assert len(app.clicked("approve_plan")) == before + number - 1
        await card.get_by_test_id("action-approve_plan").click()
        await dialog.get_by_test_id("confirm-yes").click()
        pressed = await app.used("approve_plan", before + number)
        assert pressed[-1]["value"] == TICKET
    who = [
        envelope["payload"]["user"]["id"]
        for envelope in app.sent
        for used in envelope["payload"].get("actions", ())
        if used["action_id"] == "approve_plan"
    ]
    assert who[before:] == list(people)
    # Somebody of another company does not see the channel at all.
    await page.get_by_test_id("person-U0STRANGER").click()
    await expect(card).to_have_count(0)


async def test_a_decided_plan_has_nothing_left_to_press(app: App, page: Page) -> None:
    ts = await show(app, proposed())
    card = page.get_by_test_id(f"message-{ts}")
    await expect(card.get_by_test_id("action-reject_plan")).to_be_visible()
    rejected = proposed(
        state=plan.State.REJECTED, decided_at=plans.START, decided_by=("U0APPROVER",), reason="no"
    )
    await show(app, rejected, ts)
    await expect(card).to_contain_text("Rejected · PLAN-7")
    await expect(card).to_contain_text("Nothing was changed.")
    for action in ("approve_plan", "reject_plan", "edit_plan"):
        await expect(card.get_by_test_id(f"action-{action}")).to_have_count(0)


@pytest.mark.parametrize(
    ("action", "title", "wrong", "problem", "right"),
    [
        ("reject_plan", "Reject a plan", "  ", "A rejection needs a reason.", "not tonight"),
        ("edit_plan", "Memory limit", "2Gi", "must be between 51Mi and 1Gi", "300Mi"),
        ("edit_plan", "Memory limit", "much", "no amount of memory", "1Gi"),
    ],
)
async def test_a_window_gets_its_form_later_says_what_is_wrong_and_is_sent(
    app: App, page: Page, action: str, title: str, wrong: str, problem: str, right: str
) -> None:
    heard: list[remedy_forms.Form] = []
    carried = remedy_forms.Carried(TICKET, ALERTS)
    form = (
        remedy_forms.reject(carried)
        if action == "reject_plan"
        else remedy_forms.edit(carried, BOUNDS)
    )

    async def pressed(payload: dict[str, Any]) -> None:
        opened = await app.client.views_open(
            trigger_id=payload["trigger_id"], view=remedy_forms.waiting()
        )
        await app.client.views_update(view_id=opened["view"]["id"], view=form)

    async def submitted(payload: dict[str, Any]) -> dict[str, Any]:
        heard.append(remedy_forms.read(payload))
        return remedy_forms.acknowledgement(payload)

    app.on.update({action: pressed, "view_submission": submitted})
    ts = await show(app, proposed())
    await page.get_by_test_id("person-U0APPROVER").click()
    await page.get_by_test_id(f"message-{ts}").get_by_test_id(f"action-{action}").click()
    window = page.get_by_role("dialog", name=title)
    field = window.get_by_test_id("input-asked")
    await field.fill(wrong)
    await window.get_by_test_id("modal-submit").click()
    await expect(window.get_by_role("alert")).to_contain_text(problem)
    await field.fill(right)
    await window.get_by_test_id("modal-submit").click()
    await expect(page.get_by_test_id("modal")).to_contain_text("Under way")
    assert heard[-1].carried.ticket == TICKET
    assert heard[-1].text == right
    assert heard[-1].user == "U0APPROVER"
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("modal")).to_be_hidden()
