"""What plans say in any of these tests is known to every other language."""

from collections.abc import Iterable, Iterator

import pytest

from bot.domain.plan import Plan
from bot.flow import plancards
from bot.runbooks.case import NoPlan
from tests.overheard import interpreted


def said(one: Plan) -> Iterable[str]:
    yield from (one.title, one.brake, one.undo, one.ownership.owner, one.ownership.reverts)
    yield from (*one.risks, *one.reasoning, *one.side_effects)
    yield from (step.text for step in one.steps)
    yield from (criterion.text for criterion in one.criteria)
    for section in plancards.particulars(one).sections:
        yield from (section.heading, *section.lines)


@pytest.fixture(autouse=True)
def plans(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = {Plan: said, NoPlan: lambda one: (one.reason,)}
    with interpreted(request, monkeypatch, made):
        yield
