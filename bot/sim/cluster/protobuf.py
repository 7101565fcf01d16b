"""Reading what a client sends in protobuf, as newer `kubectl`s do for what they make themselves.

Only bodies of requests: answers are JSON, which every such client accepts as well. The numbers of
the fields are in `wire.txt`, their types in `schema.txt`. What comes out is what the same client
would have sent as JSON, for the reader of JSON to judge.
"""

import base64
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources as files
from typing import Any

from bot.sim.cluster import objects, schemas

Json = objects.Json

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGN, _WRAP = 1 << 63, 1 << 64


class Malformed(ValueError):
    """Bytes that are no such message; the text is for people."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    """Empty where the fields of another struct stand in place of this one."""
    kind: str


@functools.cache
def _structs() -> Mapping[str, Mapping[int, _Field]]:
    text = files.files("bot.sim.cluster").joinpath("wire.txt").read_text(encoding="utf-8")
    found: dict[str, dict[int, _Field]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *entries = line.split()
        types = schemas.structs().get(name, {})
        found[name] = {}
        for entry in entries:
            number, _, told = entry.partition("=")
            field, _, kind = told.partition(":")
            found[name][int(number)] = (
                _Field("", field[1:]) if field[0] == "+" else _Field(field, kind or types[field])
            )
    return found


def kinds() -> frozenset[str]:
    """Every struct that can be read."""
    return frozenset(_structs())


def to_json(body: bytes) -> bytes:
    """The body of a request as JSON.

    Raises:
        Malformed: it is no object in Kubernetes' protobuf, of a kind that is not known here, or
            has a field that is not.
        ValueError: a text in it is no UTF-8, or what is JSON in it is none.
    """
    if not body.startswith(_MAGIC):
        raise Malformed(
            "provided data does not appear to be a protobuf message, expected prefix "
            f"[{' '.join(map(str, _MAGIC))}]"
        )
    kind, version, raw = "", "", b""
    for number, value in _messages(body[len(_MAGIC) :]):
        if number == 1:
            told = {key: _text(item) for key, item in _messages(_bytes(value))}
            version, kind = told.get(1, ""), told.get(2, "")
        elif number == 2:
            raw = _bytes(value)
    if kind not in _structs():
        raise Malformed(f'no kind "{kind}" is registered for protobuf in version "{version}"')
    return json.dumps({"kind": kind, "apiVersion": version, **_struct(kind, raw)}).encode()


def _messages(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number of the field, value), as they stand."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise Malformed("unexpected EOF")
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise Malformed(f"proto: wrong wireType = {tag & 7} for field {tag >> 3}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed("unexpected EOF")
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise Malformed("proto: integer overflow")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Malformed("proto: wrong wireType = 0")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


def _integer(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise Malformed("proto: wrong wireType = 2")
    return value - _WRAP if value & _SIGN else value


def _struct(name: str, data: bytes) -> dict[str, Any]:
    known = _structs()[name]
    result: dict[str, Any] = {}
    for number, value in _messages(data):
        field = known.get(number)
        if field is None:
            raise Malformed(
                f"field {number} of {name} is not known in protobuf here: send it as JSON"
            )
        if not field.name:
            result |= _struct(field.kind, _bytes(value))
        elif field.kind[0] == "[":
            result.setdefault(field.name, []).append(_value(field.kind[1:-1], value))
        elif field.kind[0] == "{":
            entry = dict(_messages(_bytes(value)))
            key = _text(entry.get(1, b""))
            content = _value(field.kind[1:-1], entry.get(2, b""))
            result.setdefault(field.name, {})[key] = content
        else:
            read = _value(field.kind, value)
            # Go writes plain texts even when empty, and leaves them out of JSON.
            if read != "":
                result[field.name] = read
    return result


def _value(kind: str, value: int | bytes) -> Json:
    if kind in {"int32", "int64"}:
        return _integer(value)
    if kind == "bool":
        return bool(_integer(value))
    if kind == "string":
        return _text(value)
    data = _bytes(value)
    if kind == "bytes":
        return base64.b64encode(data).decode()
    if kind in {"time", "micro"}:
        return _time(kind, data)
    parts = dict(_messages(data)) if kind in {"quantity", "intstr", "raw"} else {}
    if kind == "quantity":
        return _text(parts.get(1, b"0"))
    if kind == "raw":
        return json.loads(_bytes(parts.get(1, b"null")))
    if kind == "intstr":
        return _text(parts.get(3, b"")) if parts.get(1) else _integer(parts.get(2, 0))
    return _struct(kind, data)


def _time(kind: str, data: bytes) -> str | None:
    parts = dict(_messages(data))
    if not parts:
        return None
    seconds, nanoseconds = _integer(parts.get(1, 0)), _integer(parts.get(2, 0))
    try:
        stamp = _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    except OverflowError as failure:
        raise Malformed("Timestamp is out of range") from failure
    digits = "microseconds" if kind == "micro" else "seconds"
    return stamp.isoformat(timespec=digits).replace("+00:00", "Z")
