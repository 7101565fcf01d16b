"""What guards say in any of these tests is known to every other language."""

from collections.abc import Iterator

import pytest

from bot.domain.guard import Verdict
from tests.overheard import interpreted


@pytest.fixture(autouse=True)
def verdicts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with interpreted(request, monkeypatch, {Verdict: lambda one: (one.reason, one.remedy)}):
        yield
