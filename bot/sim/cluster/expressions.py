"""CEL, in which admission policies are written: reading expressions and asking them.

The library is imported with the first expression that is read: it takes half a second, and most
worlds never hold a policy.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.sim.cluster import objects

if TYPE_CHECKING:
    import cel

_FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What the library raises of its own: a division by zero, an absent key, a wrong type, ..."""
_FUNCTIONS = frozenset(
    {
        *("bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"),
        *("contains", "endsWith", "matches", "size", "startsWith"),
        *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear"),
        *("getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds"),
    }
)
"""CEL's own. A real server has many beside them, which the library has not."""


class Unreadable(ValueError):
    """A text that is no expression; says where it goes wrong."""


class Failed(Exception):
    """An expression that has no value for what it was asked about; says why."""


@functools.lru_cache(maxsize=1024)
def read(text: str) -> cel.Program:
    """An expression, ready to be asked.

    Raises:
        Unreadable: it is none.
    """
    import cel

    try:
        found = cel.compile(text)
    except ValueError as failure:
        # What comes before is the expression itself, which whoever hears of this has named.
        raise Unreadable(str(failure)[str(failure).find("ERROR:") :]) from failure
    # Operators are among them, by names that are no words.
    unknown = {name for name in found.functions() if name.isidentifier()} - _FUNCTIONS
    if unknown:
        named = ", ".join(sorted(unknown))
        raise Unreadable(f"this simulated server does not know the function {named}")
    return found


class Scope:
    """What the expressions of one policy see of one request.

    Args:
        known: what they may name, e.g. `object` and `request`.
    """

    def __init__(self, known: Mapping[str, Any]) -> None:
        import cel

        self._defined: dict[str, Any] = {}
        self._failed: dict[str, str] = {}
        self._context = cel.Context(variables={**known, "variables": self._defined})
        # The API server's own, by which it takes declared types away; there are none here.
        self._context.add_function("dyn", lambda value: value)

    def define(self, name: str, expression: str) -> None:
        """Let later ones say `variables.NAME`; one that fails harms only those that do."""
        try:
            self._defined[name] = self.told(expression)
        except Failed as failure:
            self._failed[name] = str(failure)
        else:
            self._context.add_variable("variables", self._defined)

    def told(self, expression: str) -> objects.Json:
        """The value of an expression.

        Raises:
            Failed: it has none.
        """
        try:
            return read(expression).execute(self._context)
        except KeyError as failure:
            name = str(failure.args[0])
            why = f"no such key: {name}"
            if name in self._failed:
                why = f'composited variable "{name}" fails to evaluate: {self._failed[name]}'
            raise _failed(expression, why) from failure
        except _FAILURES as failure:
            raise _failed(expression, str(failure)) from failure


def _failed(expression: str, why: str) -> Failed:
    return Failed(f"expression '{expression}' resulted in error: {why}")
