"""Slack's misbehaviours, on demand.

A fault stands under a name until it is lifted or, with `times`, has struck that often. The name
is a kind, or `kind:label` so that one kind can stand several times with different parameters.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_CALLS = ("method", "channel", "times")

KINDS: Mapping[str, tuple[str, ...]] = {
    # Before the method runs.
    "rate_limited": (*_CALLS, "retry_after"),
    "server_error": (*_CALLS, "status", "html"),
    "dropped": _CALLS,
    "slow": (*_CALLS, "seconds"),
    "api_error": (*_CALLS, "error"),
    "missing_scope": ("scope",),
    "token_revoked": ("token",),
    # After it ran: the caller cannot know whether it did.
    "dropped_after_storing": _CALLS,
    "timeout_after_storing": (*_CALLS, "seconds"),
    "server_error_after_storing": (*_CALLS, "status", "html"),
    # After a file was completed.
    "files_slow": ("seconds", "times"),
    # The link.
    "link_refused": ("times",),
    "link_silent": (),
    "envelopes_delayed": ("seconds", "times"),
    "envelopes_doubled": ("times",),
    # How strictly rate limits are kept.
    "rate_limits_off": (),
    "rate_limits_strict": (),
}
"""Every kind with the parameters it takes."""

ABOUT: Mapping[str, str] = {
    "rate_limited": "calls are refused with 429 and `retry_after` seconds to wait",
    "server_error": "calls fail before they do anything: `status`, an HTML page with `html`",
    "dropped": "the connection breaks before a call does anything",
    "slow": "every call takes `seconds` longer",
    "api_error": "calls are refused with the given `error`",
    "missing_scope": "the app has lost the right named `scope`",
    "token_revoked": "the app's token is no longer good",
    "dropped_after_storing": "a call does its work, then the connection breaks unanswered",
    "timeout_after_storing": "a call does its work and is not answered for `seconds`",
    "server_error_after_storing": "a call does its work and is answered with an error page",
    "files_slow": "uploaded files take `seconds` until they can be shown",
    "link_refused": "new Socket Mode connections are refused",
    "link_silent": "Socket Mode stays open and carries nothing, in either direction",
    "envelopes_delayed": "commands, clicks and events come `seconds` late",
    "envelopes_doubled": "every command, click and event comes twice",
    "rate_limits_off": "no rate limit is kept at all",
    "rate_limits_strict": "rate limits are kept to the letter of the documentation",
}
"""Each kind in a sentence, for people."""


class UnknownFaultError(Exception):
    """No such kind, or a parameter it does not take."""


@dataclass(kw_only=True)
class Fault:
    """One fault in force, with how often it has struck."""

    name: str
    params: Json
    struck: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def kind(self) -> str:
        """The part of the name before a colon."""
        return self.name.partition(":")[0]

    def number(self, key: str, default: float) -> float:
        """A numeric parameter."""
        return float(self.params.get(key, default))

    def covers(self, *, method: str, channel: str | None) -> bool:
        """Whether a call is one of those meant; no parameter means all."""
        methods = _names(self.params.get("method"))
        channels = _names(self.params.get("channel"))
        return (not methods or method in methods) and (not channels or channel in channels)

    def shape(self) -> Json:
        """As the control shows it."""
        return {"name": self.name, "params": self.params, "struck": self.struck}


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._standing: dict[str, Fault] = {}
        # Struck for the last time, but some call may still wait because of them.
        self._spent: dict[str, Fault] = {}

    def put(self, name: str, params: Mapping[str, Any]) -> Fault:
        """Bring a fault about, or replace it.

        Raises:
            UnknownFaultError: naming what is not known.
        """
        kind = name.partition(":")[0]
        if kind not in KINDS:
            raise UnknownFaultError(f"unknown fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        unknown = sorted(set(params) - set(KINDS[kind]))
        if unknown:
            taken = ", ".join(KINDS[kind]) or "none"
            raise UnknownFaultError(f"{kind} takes no {', '.join(unknown)}; it takes: {taken}")
        for key in ("seconds", "retry_after", "status", "times"):
            if key in params and not isinstance(params[key], int | float):
                raise UnknownFaultError(f"{key} must be a number")
        self.lift(name)
        self._standing[name] = Fault(name=name, params=dict(params))
        return self._standing[name]

    def lift(self, name: str) -> bool:
        """End a fault, and whatever still waits because of it."""
        ended = [part.pop(name, None) for part in (self._standing, self._spent)]
        for fault in ended:
            if fault is not None:
                fault.lifted.set()
        return any(fault is not None for fault in ended)

    def lift_all(self) -> None:
        """End every fault."""
        for name in {*self._standing, *self._spent}:
            self.lift(name)

    def standing(self) -> tuple[Fault, ...]:
        """All faults in force."""
        return tuple(self._standing.values())

    def of_kind(self, kind: str) -> tuple[Fault, ...]:
        """The faults of one kind, without making them strike."""
        return tuple(fault for fault in self._standing.values() if fault.kind == kind)

    def strike(self, kind: str, *, method: str = "", channel: str | None = None) -> Fault | None:
        """The fault of this kind that hits a call; counts it, and lifts it after its last time."""
        for fault in self.of_kind(kind):
            if fault.covers(method=method, channel=channel):
                fault.struck += 1
                times = fault.params.get("times")
                if times is not None and fault.struck >= times:
                    self._spent[fault.name] = self._standing.pop(fault.name)
                return fault
        return None
