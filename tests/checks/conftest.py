"""What checks say in any of these tests must be known to every other language."""

import re
from collections.abc import Iterator

import pytest

from bot.adapters.slack import catalogue, interpreter
from bot.domain.finding import Finding

QUOTED = re.compile(
    r"""(?x)
    ^\S*(\ \S*)?$               # one or two words: a reason, a name with its value
    | ^[\w.-]+:(\ [\w./-]+,?)+$   # a name, and addresses or other names
    | \b(?:dev|via|lladdr|mtu)\b    # what `ip` prints
    | ^Failed\ to\ find            # flannel
    | exec\b|cannot\ be\ decoded|it\ did\ not\ answer   # why these tests could not see something
    """
)
"""What others say, quoted as it is."""


@pytest.fixture(autouse=True)
def interpreted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if hasattr(request.function, "hypothesis"):
        # Thousands of worlds that say nothing else.
        yield
        return
    heard: dict[str, tuple[str, str]] = {}
    """One text of those that differ in numbers alone, and the check that says it."""
    seen: set[str] = set()
    make = Finding.__init__

    def listen(self: Finding, *args: object, **kwargs: object) -> None:
        make(self, *args, **kwargs)  # type: ignore[arg-type]
        for text in (self.summary, self.headline, *self.evidence, self.cure):
            if text not in seen:
                seen.add(text)
                heard.setdefault(re.sub(r"\d+", "", text), (text, self.check))

    monkeypatch.setattr(Finding, "__init__", listen)
    yield
    unknown = {
        left: check
        for language in catalogue.PACKAGES
        for text, check in heard.values()
        for left in interpreter.left(text, language)
    }
    assert {text: check for text, check in unknown.items() if not QUOTED.search(text)} == {}
