"""OpenAPI version 2 as protobuf: the only form in which kubectl before 1.27 reads it.

The numbers are those of gnostic's `OpenAPIv2.proto`; only what `openapi` tells is written.
Extensions travel as YAML, of which JSON is a part.
"""

import json
from collections.abc import Iterable
from typing import Any

from bot.sim.cluster import objects

Object = objects.Object

ACCEPTED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""What clients ask for; it is no valid media type."""
MEDIA_TYPE = ACCEPTED.replace("@", ".")
"""What a server of today calls it in its answer."""
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def encoded(document: Object) -> bytes:
    """A document of version 2."""
    info = document["info"]
    paths = (_named(path, _path(item)) for path, item in document["paths"].items())
    definitions = (_named(name, _schema(item)) for name, item in document["definitions"].items())
    return b"".join(
        (
            _piece(1, document["swagger"]),
            _piece(2, _piece(1, info["title"]) + _piece(2, info["version"])),
            _piece(8, b"".join(_piece(2, item) for item in paths)),
            _piece(9, b"".join(_piece(1, item) for item in definitions)),
        )
    )


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _piece(number: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _named(name: str, content: bytes) -> bytes:
    return _piece(1, name) + _piece(2, content)


def _extensions(number: int, item: Object) -> Iterable[bytes]:
    for name, value in item.items():
        if name.startswith("x-"):
            yield _piece(number, _named(name, _piece(2, json.dumps(value) + "\n")))


def _schema(item: Object) -> bytes:
    parts: list[bytes] = []
    for number, name in ((1, "$ref"), (2, "format"), (4, "description")):
        if name in item:
            parts.append(_piece(number, item[name]))
    if "additionalProperties" in item:
        parts.append(_piece(21, _piece(1, _schema(item["additionalProperties"]))))
    if "type" in item:
        parts.append(_piece(22, _piece(1, item["type"])))
    if "items" in item:
        parts.append(_piece(23, _piece(1, _schema(item["items"]))))
    if "properties" in item:
        inside = (_named(name, _schema(one)) for name, one in item["properties"].items())
        parts.append(_piece(25, b"".join(_piece(1, one) for one in inside)))
    return b"".join((*parts, *_extensions(31, item)))


def _path(item: dict[str, Any]) -> bytes:
    return b"".join(_piece(_METHODS[name], _operation(one)) for name, one in item.items())


def _operation(item: Object) -> bytes:
    responses = (
        _piece(1, _named(code, _piece(1, _piece(1, told["description"]))))
        for code, told in item["responses"].items()
    )
    return b"".join(
        (
            *(_piece(8, _parameter(one)) for one in item["parameters"]),
            _piece(9, b"".join(responses)),
            *_extensions(13, item),
        )
    )


def _parameter(item: Object) -> bytes:
    query = _piece(2, item["in"]) + _piece(4, item["name"]) + _piece(6, item["type"])
    return _piece(1, _piece(2, _piece(3, query)))
