"""How an API server and what stands before it can fail a client, at will.

A switchboard holds what is switched on; the HTTP side asks it before every answer and the
watches listen to it. Each fault is a name with parameters, so that it can be set over HTTP.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FAULTS: Mapping[str, str] = {
    "refuse": "the listener is closed and every connection dropped: connection refused",
    "abort": "a request is read, then its connection is dropped without an answer",
    "lose": "a request is done, then its connection is dropped without an answer",
    "error": "a Status with `code` (default 500; 503 is a plain text of an overloaded proxy; "
    "403, 409, 410, 422 and 504 are refusals in the server's own words)",
    "html": "a proxy's HTML error page with `code` (default 502)",
    "throttle": "429 with Retry-After `retry_after` (default 1), as text: priority and fairness",
    "unauthorized": "401 for every token",
    "slow": "every answer is `seconds` late (default 1)",
    "hang": "requests are accepted and never answered",
    "watch-cut": "watches break in the middle of a line and the connection is dropped",
    "watch-silent": "watches stay open and say nothing, not even bookmarks or their end",
    "watch-end": "watches are ended cleanly as soon as they begin",
    "watch-gone": "watches that resume get 410 Expired after an HTTP 200",
    "bad-object": "one object of `resource` has wrong types in lists and watches",
    "metrics-absent": "nobody measures: the group metrics.k8s.io is not there",
    "garbage-line": "the next event of a watch is preceded by a line that is no JSON",
}
"""Every fault by name, in words a person can read."""

WATCH_FAULTS = frozenset({"watch-cut", "watch-silent", "watch-end", "watch-gone", "garbage-line"})
_PARAMETERS: Mapping[str, type | tuple[type, ...]] = {
    "resource": str,
    "name": str,
    "verb": str,
    "user_agent": str,
    "count": int,
    "probability": (int, float),
    "code": int,
    "retry_after": int,
    "seconds": (int, float),
}


@dataclass(slots=True)
class Fault:
    """One fault that is switched on.

    Attributes:
        name: one of `FAULTS`.
        params: as set; `resource`, `verb` and `user_agent` (a part of it) narrow it,
            `probability` makes it a matter of luck, the others are the fault's own.
        left: how often it will still strike; None without end.
        struck: how often it has.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    left: int | None = None
    struck: int = 0

    def number(self, name: str, otherwise: float) -> float:
        """A numeric parameter."""
        return float(self.params.get(name, otherwise))

    def concerns(self, *, resource: str, verb: str, user_agent: str) -> bool:
        """Whether a request is of the kind this fault is meant for."""
        params = self.params
        if params.get("resource", resource) != resource or params.get("verb", verb) != verb:
            return False
        return str(params.get("user_agent", "")) in user_agent


class Switchboard:
    """What is switched on now.

    Args:
        rng: decides where a fault has a probability.
    """

    def __init__(self, *, rng: random.Random) -> None:
        self._rng = rng
        self._faults: dict[str, Fault] = {}
        self._listeners: list[Callable[[], None]] = []

    def set(self, name: str, params: Mapping[str, Any] | None = None) -> Fault:
        """Switch a fault on, in place of the same one with other parameters.

        Raises:
            ValueError: no such fault, or a parameter that is unknown or of the wrong type; the
                text is for people.
        """
        if name not in FAULTS:
            raise ValueError(f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}")
        params = dict(params or {})
        for key, value in params.items():
            if key not in _PARAMETERS:
                raise ValueError(f"no parameter {key!r}; there are {', '.join(_PARAMETERS)}")
            fits = isinstance(value, _PARAMETERS[key]) and not isinstance(value, bool)
            if not fits:
                raise ValueError(f"parameter {key!r} cannot be {value!r}")
        fault = Fault(name, params, params.get("count"))
        self._faults[name] = fault
        self._tell()
        return fault

    def clear(self, name: str) -> bool:
        """Switch a fault off; False if it was not on."""
        found = self._faults.pop(name, None) is not None
        if found:
            self._tell()
        return found

    def clear_all(self) -> None:
        """Switch everything off."""
        self._faults.clear()
        self._tell()

    def active(self) -> dict[str, dict[str, Any]]:
        """What is on, with its parameters and how often it has struck."""
        return {
            name: {"params": dict(fault.params), "left": fault.left, "struck": fault.struck}
            for name, fault in self._faults.items()
        }

    def is_on(self, name: str) -> bool:
        """Whether a fault is switched on at all."""
        return name in self._faults

    def find(
        self, names: Iterable[str], *, resource: str = "", verb: str = "", user_agent: str = ""
    ) -> Fault | None:
        """The first of these faults that strikes this request now; it counts as struck."""
        for name in names:
            fault = self._faults.get(name)
            if fault is None or not fault.concerns(
                resource=resource, verb=verb, user_agent=user_agent
            ):
                continue
            if self._rng.random() >= fault.number("probability", 1):
                continue
            fault.struck += 1
            if fault.left is not None:
                fault.left -= 1
                if fault.left <= 0:
                    # Not told to the listeners: nobody waits for a fault to wear off by itself.
                    del self._faults[name]
            return fault
        return None

    def peek(
        self, name: str, *, resource: str = "", verb: str = "", user_agent: str = ""
    ) -> Fault | None:
        """A fault that concerns this request, without striking."""
        fault = self._faults.get(name)
        if fault is None or not fault.concerns(resource=resource, verb=verb, user_agent=user_agent):
            return None
        return fault

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every switch; returns the way to stop it."""
        self._listeners.append(callback)

        def stop() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return stop

    def _tell(self) -> None:
        for callback in tuple(self._listeners):
            callback()
