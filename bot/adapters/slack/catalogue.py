"""The catalogue of words: which modules hold them, and in which language they are spoken.

English is in the modules themselves, every other language in a package with modules of the same
names. Whoever renders says for whom (`speaking`); whoever takes a word from a module gets it in
that language. A word that a translation lacks is spoken in English: an answer is worth more than
its language. A test holds every translation to be whole.
"""

import importlib
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

ENGLISH = "en"
PACKAGES = {"zh-CN": "chinese"}
"""Every other language, by its tag, with the package of its words."""
MODULES = (
    "helptexts",
    "wording",
    "wording_attention",
    "wording_changes",
    "wording_doctor",
    "wording_memory",
    "wording_network",
    "wording_plans",
    "wording_self",
    "wording_verdicts",
    "wording_windows",
    "wording_work",
)
"""Every module that holds words."""
CORE = (
    "core_attention",
    "core_checks",
    "core_common",
    "core_doctor",
    "core_faults",
    "core_fields",
    "core_guards",
    "core_hazards",
    "core_logs",
    "core_looks",
    "core_nics",
    "core_outsides",
    "core_reports",
    "core_runbooks",
    "core_runs",
    "core_settings",
    "core_store",
)
"""Modules that only other languages have: what the core says, by English templates."""

_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


@dataclass(frozen=True, slots=True)
class Languages:
    """Which language is spoken to whom: a person's own, else the channel's, else the default."""

    default: str = ENGLISH
    channels: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)

    def of(self, *, channel: str = "", user: str = "") -> str:
        """Return the language for a message to one person, or to a channel."""
        return self.users.get(user) or self.channels.get(channel) or self.default


def spoken() -> str:
    """Return the language that is spoken now."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language within; tasks that are begun within speak it too."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


class Words(types.ModuleType):
    """A module of words, which answers in the language that is spoken."""

    def __getattribute__(self, name: str) -> object:
        """Return a word of the language that is spoken, else the English one."""
        own = super().__getattribute__(name)
        package = PACKAGES.get(_spoken.get())
        if package is None or name.startswith("_"):
            return own
        place, _, module = super().__getattribute__("__name__").rpartition(".")
        return getattr(importlib.import_module(f"{place}.{package}.{module}"), name, own)
