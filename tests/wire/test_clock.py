"""The wall clock is set while people decide, silence and freeze: what they said stays what it was.

By clicks and commands through the pretend Slack, as people give them.
"""

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain import approval, plan
from bot.domain.plan import Plan
from bot.flow import tell
from tests.acceptance import troubles
from tests.domain import plans
from tests.wire import between
from tests.wire.between import Between

HOUR = timedelta(hours=1)
PEOPLE = {
    "REMEDIATION__ENABLED": "true",
    "SLACK__ALLOW_INSECURE": "true",
    "ACCESS__REQUESTERS": '["U0OPERATOR"]',
    "ACCESS__APPROVERS": '["U0APPROVER", "U0APPROVER2"]',
    "ACCESS__ADMINS": '["U0OPERATOR"]',
}


async def asked(on: Between, **changes: Any) -> Plan:
    """A request as it is written down, with its card in the channel."""
    now = on.clock.now()
    made = replace(
        plans.plan(), id=0, cluster="sim", requester="U0OPERATOR", created_at=now,
        expires_at=now + timedelta(minutes=15), quorum=2, **changes,
    )  # fmt: skip
    async with on.store.unit() as unit:
        kept = await unit.remedy.save_plan(made)
        row = tell.plan_row(kept, "C0ALERTS", now=now, new_id=lambda: uuid.uuid4().hex, first=True)
        await unit.enqueue(row)
    await on.until(lambda: card(on, kept))
    return kept


async def card(on: Between, value: Plan) -> dict[str, Any] | None:
    said = await on.said()
    return next((one for one in said if f"{value.name} " in troubles.headline(one)), None)


async def shows(on: Between, value: Plan, words: str) -> bool:
    shown = await card(on, value)
    return shown is not None and words in str(shown["text"])


async def voted(on: Between, value: Plan, user: str) -> None:
    """A vote as it is kept; to be cast by a click it would want a cluster that has this flannel."""
    cast = approval.Vote(value.id, user, approval.Choice.APPROVE, value.digest, on.clock.now())
    async with on.store.unit() as unit:
        await unit.remedy.add_vote(cast)


async def approve(on: Between, value: Plan, user: str, ts: str) -> None:
    await on.act("click", user=user, channel="C0ALERTS", ts=ts, action_id="approve_plan")


async def heard(on: Between, user: str) -> list[str]:
    return [one.text for one in on.slack.world.space.ephemerals("C0ALERTS") if one.user == user]


async def says(on: Between, user: str, words: str) -> bool:
    said = await heard(on, user)
    return bool(said) and words in said[-1]


async def typed(on: Between, text: str, words: str) -> None:
    """Type a command, and wait for its answer, and not another's, to say that."""
    before = len(await heard(on, "U0OPERATOR"))
    await on.act("command", user="U0OPERATOR", channel="C0ALERTS", text=f"/flannel {text}")

    async def answered() -> bool:
        said = await heard(on, "U0OPERATOR")
        return len(said) > before and words in said[-1]

    await on.until(answered)


async def test_a_clock_that_jumps_makes_no_approval_count_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with between.between(tmp_path, monkeypatch, **PEOPLE) as on, on.running():
        await on.ready()
        held = await asked(on)
        shown = await card(on, held)
        assert shown is not None
        await voted(on, held, "U0APPROVER")

        on.clock.off = HOUR
        await approve(on, held, "U0APPROVER2", shown["ts"])
        await on.until(lambda: says(on, "U0APPROVER2", "expired"))
        await on.until(lambda: shows(on, held, "Nobody decided in time"))

        on.clock.off = -timedelta(minutes=10)
        await on.drift(timedelta(seconds=5))
        after = await on.store.remedy.plan(held.id)
        assert after is not None
        assert after.state is plan.State.EXPIRED
        assert [one.user for one in await on.store.remedy.votes(held.id)] == ["U0APPROVER"]

        # What was approved while nobody was there to begin it, seen by a clock that jumped ahead.
        on.clock.off = timedelta()
        old = on.clock.now()
        on.clock.off = HOUR
        late = await asked(on)
        await voted(on, late, "U0APPROVER")
        await voted(on, late, "U0APPROVER2")
        async with on.store.unit() as unit:
            await unit.remedy.save_plan(
                replace(
                    late, state=plan.State.APPROVED, decided_at=old,
                    decided_by=("U0APPROVER", "U0APPROVER2"),
                )
            )  # fmt: skip
        await on.until(lambda: shows(on, late, "approved and not begun in time"))
        on.clock.off = timedelta()
        await on.drift(timedelta(seconds=5))
        assert await on.store.remedy.runs(ended_after=old - HOUR) == []
        assert on.kube.server.requests.since(0)
        assert not [
            one for one in on.kube.server.requests.since(0) if one["verb"] in ("patch", "delete")
        ]


async def test_a_clock_that_is_set_back_ends_no_freeze_and_keeps_none_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with between.between(tmp_path, monkeypatch, **PEOPLE) as on, on.running():
        await on.ready()
        await typed(on, "freeze 2h planned work", "frozen until")
        await typed(on, "silence check=pod_not_ready 2h planned work", "SIL-1")
        for off, frozen in (
            (-3 * HOUR, True),
            (timedelta(), True),
            (-timedelta(days=400), False),
            (3 * HOUR, False),
        ):
            on.clock.off = off
            words = "planned work" if frozen else "Nothing waits for approval"
            await typed(on, "plans", words)
            assert ("Changes are frozen" in (await heard(on, "U0OPERATOR"))[-1]) is frozen
            await typed(on, "silences", "SIL-1")
            assert ("active" in (await heard(on, "U0OPERATOR"))[-1]) is frozen
