"""What the core says while a test runs must be known to every other language."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot.adapters.slack import catalogue, interpreter

QUOTED = re.compile(
    r"""(?x)
    ^\S*(\ \S*)?$                 # one or two words: a reason, a name with its value
    | ^[\w.-]+:(\ [\w./-]+,?)+$     # a name, and addresses or other names
    | \b(?:dev|via|lladdr|mtu)\b    # what `ip` prints
    | ^Failed\ to\ find             # flannel
    | exec\b|cannot\ be\ decoded|it\ did\ not\ answer   # why something could not be seen
    """
)
"""What others say, quoted as it is."""

Says = Callable[[Any], Iterable[str]]


@contextmanager
def interpreted(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, made: dict[type, Says]
) -> Iterator[None]:
    """Hold what is said by values that are made within; `made` has the texts of each class.

    Property tests are left out: they make thousands of values that say nothing else.
    """
    heard: dict[str, str] = {}
    seen: set[str] = set()

    def listen(kind: type, says: Says) -> None:
        make = kind.__init__  # type: ignore[misc]

        def init(self: Any, *args: object, **kwargs: object) -> None:
            make(self, *args, **kwargs)
            for text in says(self):
                if text not in seen:
                    seen.add(text)
                    # One of those that differ in numbers alone.
                    heard.setdefault(re.sub(r"\d+", "", text), text)

        monkeypatch.setattr(kind, "__init__", init)

    if not hasattr(request.function, "hypothesis"):
        for kind, says in made.items():
            listen(kind, says)
    yield
    unknown = {
        left
        for language in catalogue.PACKAGES
        for text in heard.values()
        for left in interpreter.left(text, language)
    }
    lacking = sorted(text for text in unknown if text and not QUOTED.search(text))
    assert not lacking, "\n".join(lacking)
