"""Reading a client's object as a typed server does: unknown fields, wrong types, empty ones.

The fields are in `schema.txt`. A field the schema does not know is left out of the result and
named to the caller, who decides by `fieldValidation` what that means.
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources as files
from typing import Any

from bot.sim.cluster import errors, gotimes, objects, patches, quantities

Json = objects.Json
Refusal = Callable[[str], errors.StatusError]

_INTEGERS = {"int32": 31, "int64": 63}
_FALSE_IS_ABSENT = frozenset(
    {"hostNetwork", "hostPID", "hostIPC", "paused", "stdin", "stdinOnce", "tty", "unschedulable"}
)
"""Plain Go booleans that are left out when false; elsewhere false is kept apart from absent."""
_ZERO_IS_ABSENT = frozenset({"minReadySeconds", "hostPort", "initialDelaySeconds"})
_NULL_IS_KEPT = frozenset({"time", "micro"})


@functools.cache
def structs() -> Mapping[str, Mapping[str, str]]:
    """All structs: name -> field -> type, as the table has them."""
    text = files.files("bot.sim.cluster").joinpath("schema.txt").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, *fields = line.split()
            found[name] = dict(item.split(":", 1) for item in fields)
    return found


@dataclass(slots=True)
class _Reading:
    refused: Refusal
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands.

    `path` has the indexes that Go's strict decoder names, `plain` is without, as its other
    complaints have it; `owner` is the struct around it.
    """

    path: str = ""
    plain: str = ""
    owner: str = ""

    def key(self, key: str) -> "_Place":
        path = f"{self.path}.{key}" if self.path else key
        return _Place(path, f"{self.plain}.{key}" if self.plain else key, self.owner)

    def index(self, index: int) -> "_Place":
        return _Place(f"{self.path}[{index}]", self.plain, self.owner)

    def within(self, owner: str) -> "_Place":
        return _Place(self.path, self.plain, owner)


def decoded(kind: str, value: Json, *, refused: Refusal) -> tuple[Json, list[str]]:
    """An object with only what its kind knows, and the paths of what it does not.

    Args:
        kind: e.g. `DaemonSet`; a kind without a schema passes as it is.
        value: the object.
        refused: makes the error for a value of the wrong type from Go's sentence about it.

    Raises:
        errors.StatusError: as `refused` makes it.
    """
    if kind not in structs():
        return value, []
    reading = _Reading(refused)
    return _struct(reading, kind, value, _Place()), reading.unknown


def _struct(reading: _Reading, name: str, value: Json, place: _Place) -> Json:
    if not isinstance(value, dict):
        raise reading.refused(_mismatch(value, place, f"v1.{name}"))
    fields = structs()[name]
    inside = place.within(name)
    result: dict[str, Any] = {}
    for key, item in value.items():
        kind = fields.get(key)
        if kind is None:
            reading.unknown.append(inside.key(key).path)
        elif item is None:
            if kind in _NULL_IS_KEPT and key != "creationTimestamp":
                result[key] = None
        else:
            read = _value(reading, kind, item, inside.key(key))
            if not _left_out(key, kind, read):
                result[key] = read
    return result


def _left_out(key: str, kind: str, value: Json) -> bool:
    if kind[0] in "[{":
        # An emptied container list must be seen by validation, not vanish.
        return not value and key != "containers"
    if value is False:
        return key in _FALSE_IS_ABSENT
    return bool(value == 0) and key in _ZERO_IS_ABSENT


def _value(reading: _Reading, kind: str, value: Json, place: _Place) -> Json:
    if kind == "any":
        return value
    if kind.startswith("["):
        if not isinstance(value, list):
            raise reading.refused(_mismatch(value, place, f"[]{kind[1:-1]}"))
        return [
            _value(reading, kind[1:-1], item, place.index(index))
            for index, item in enumerate(value)
        ]
    if kind.startswith("{"):
        if not isinstance(value, dict):
            raise reading.refused(_mismatch(value, place, f"map[string]{kind[1:-1]}"))
        return {
            key: _value(reading, kind[1:-1], item, place)
            for key, item in value.items()
            if item is not None
        }
    if kind[0].isupper():
        return _struct(reading, kind, value, place)
    return _scalar(reading, kind, value, place)


def _scalar(reading: _Reading, kind: str, value: Json, place: _Place) -> Json:
    if kind == "quantity":
        try:
            return quantities.canonical(value) if isinstance(value, str | int | float) else value
        except ValueError as failure:
            raise reading.refused(
                f"quantities must match the regular expression '{quantities.PATTERN}'"
            ) from failure
    if kind in _INTEGERS:
        limit = 1 << _INTEGERS[kind]
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and -limit <= value < limit:
            return value
        shown = f"number {value}" if isinstance(value, int | float) else None
        raise reading.refused(
            _mismatch(value, place, kind, None if isinstance(value, bool) else shown)
        )
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise reading.refused(_mismatch(value, place, "bool"))
    if not isinstance(value, str):
        raise reading.refused(_mismatch(value, place, "string"))
    if kind in {"time", "micro"}:
        return _time(reading, kind, value)
    return value


def _time(reading: _Reading, kind: str, value: str) -> str:
    layout = gotimes.MICRO if kind == "micro" else gotimes.SECONDS
    complaint = gotimes.complaint(value, layout)
    if complaint is not None:
        raise reading.refused(complaint)
    try:
        return gotimes.universal(value, layout)
    except ValueError as failure:
        raise reading.refused(f'parsing time "{value}": day out of range') from failure


def _mismatch(value: Json, place: _Place, kind: str, shown: str | None = None) -> str:
    given = shown or patches.go_type(value)
    where = f"{place.owner}.{place.plain}"
    return f"json: cannot unmarshal {given} into Go struct field {where} of type {kind}"


class _Pairs(dict[str, Any]):
    """An object of which some keys were given twice."""

    twice: tuple[str, ...] = ()


def parsed(text: bytes) -> tuple[Json, list[str]]:
    """JSON, and a complaint for every key that an object has twice.

    Raises:
        ValueError: it is no JSON.
    """
    repeated = False

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Any]:
        nonlocal repeated
        content = dict(items)
        if len(content) == len(items):
            return content
        repeated = True
        found = _Pairs(content)
        keys = [key for key, _ in items]
        found.twice = tuple(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        return found

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=_no_constant)
    return value, list(_repeated(value, "")) if repeated else []


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _repeated(value: Json, path: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        if isinstance(value, _Pairs):
            found.extend(f'duplicate field "{prefix}{key}"' for key in value.twice)
        for key, item in value.items():
            found.extend(_repeated(item, f"{prefix}{key}"))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found.extend(_repeated(item, f"{path}[{index}]"))
    return found


def go_complaint(text: bytes) -> str:
    """What Go's decoder says of a text that is no JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as failure:
        if failure.pos >= len(failure.doc.rstrip()) or "Unterminated" in failure.msg:
            return "unexpected end of JSON input"
        return f"invalid character '{failure.doc[failure.pos]}' looking for beginning of value"
    except ValueError:
        return "invalid UTF-8 in JSON input"
    return "invalid number in JSON input"


def go_text(value: Json) -> str:
    """A value as Go prints a map: `map[a:b c:[1 2]]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)
