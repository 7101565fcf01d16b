"""What is named by its number is of one cluster, and what was done there can be told alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.slack import plan_pages
from bot.adapters.store.memory import MemoryStore
from bot.domain import errors, matcher, silence
from bot.flow import attention_answers, belonging, doctor, stops
from tests.adapters.slack import samples
from tests.flow.test_access_by_cluster import Two

pytestmark = pytest.mark.looptime


async def a_history(store: MemoryStore, *subjects: str) -> None:
    async with store.unit() as unit:
        for subject in subjects:
            await unit.remedy.record(
                at=samples.NOW, actor="U1", subject=subject, kind="did", text=subject
            )


def about(*matchers: tuple[str, str]) -> silence.Silence:
    return silence.Silence(
        id=0,
        matchers=tuple(
            matcher.Matcher("cluster", matcher.Operator(operator), value)
            for operator, value in matchers
        ),
        by="U1",
        reason="",
        since=samples.NOW,
        until=samples.NOW + timedelta(hours=1),
    )


async def two_of_each(two: Two) -> None:
    """INC-1, PLAN-1, RUN-1 and SIL-1 in east, the second ones in west; SIL-3 anywhere."""
    for cluster in ("east", "west"):
        await two.ran(cluster, over=False)
        async with two.store.unit() as unit:
            await unit.save_incident(replace(samples.trouble(), id=0, cluster=cluster))
            await unit.silences.save(about(("=", cluster)))
    async with two.store.unit() as unit:
        await unit.silences.save(about(("!=", "east")))


async def test_the_deeds_of_one_cluster_are_told_with_those_of_no_one_and_the_whole_chains_end() -> (
    None
):
    two = Two()
    await two_of_each(two)
    everywhere = (stops.ALL, "entry 9", "SIL-3", "INC-999")
    mine = ("INC-1", "PLAN-1", "RUN-1", "SIL-1", "east", "east/node-1")
    others = ("INC-2", "PLAN-2", "RUN-2", "SIL-2", "west", "west/node-1", "eastern")
    await a_history(two.store, *mine, *others, *everywhere, "west")
    found = await belonging.deeds(two.store, "east", most=50)
    assert [one.subject for one in found.entries] == [*mine, *everywhere]
    whole = await belonging.deeds(two.store, None, most=50)
    assert whole.head == found.head == whole.entries[-1], "what is told every day can be compared"
    newest = await belonging.deeds(two.store, "east", most=2)
    assert [one.subject for one in newest.entries] == ["SIL-3", "INC-999"]


async def test_a_cluster_without_deeds_still_shows_where_the_chain_ends_and_how_far_was_looked() -> (
    None
):
    store = MemoryStore()
    await a_history(store, "east", *["west"] * 1_000)
    found = await belonging.deeds(store, "east", most=10)
    assert found.entries == ()
    page = repr(plan_pages.audit(found))
    assert "The chain ends at entry 1,001" in page
    assert "Only the last 1,000 entries" in page
    assert "The chain ends" not in repr(plan_pages.audit(belonging.Deeds((), None)))


@pytest.mark.parametrize("kind", ["INC", "PLAN", "RUN", "SIL"])
async def test_a_number_said_with_the_wrong_cluster_is_refused_and_the_right_one_named(
    kind: str,
) -> None:
    two = Two()
    await two_of_each(two)
    await belonging.refuse_elsewhere(two.store, f"{kind}-2", "west")
    await belonging.refuse_elsewhere(two.store, f"{kind}-99", "west")  # its command says so better
    with pytest.raises(errors.Refused, match=f"{kind}-1 is of cluster east, not of west"):
        await belonging.refuse_elsewhere(two.store, f"{kind}-1", "west")


def test_silences_of_one_cluster_are_those_that_can_hide_something_there() -> None:
    made = [about(("=", "east")), about(("=", "west")), about(), about(("=~", "w.*"))]
    shown = [attention_answers.Silenced(one, silence.Hidden()) for one in made]
    listed = attention_answers.SilenceList(samples.NOW, tuple(shown), tuple(made)).within("east")
    assert [one.silence for one in listed.alive] == [made[0], made[2], made[3]]
    assert list(listed.ended) == [made[0], made[2], made[3]]


def test_the_doctor_tells_of_one_cluster_and_of_what_is_of_all() -> None:
    parts = ("slack", "cluster east", "cluster east-2", "database")
    lines = tuple(doctor.Line(part, "x", doctor.Mark.GOOD, "y") for part in parts)
    within = doctor.Report(samples.NOW, lines).within("east")
    assert [line.part for line in within.lines] == ["slack", "cluster east", "database"]
