"""What checks say in any of these tests is known to every other language."""

from collections.abc import Iterator

import pytest

from bot.domain.finding import Finding
from tests.overheard import interpreted


@pytest.fixture(autouse=True)
def findings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = {Finding: lambda one: (one.summary, one.headline, *one.evidence, one.cure)}
    with interpreted(request, monkeypatch, made):
        yield
