"""The three ways to change an object by describing the change.

JSON patch (RFC 6902, with the deviations of the library the real server uses), merge patch
(RFC 7386) and strategic merge. All are pure: they answer a new document and leave the old alone,
sharing the parts that stay.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot.sim.cluster import errors, objects

Json = objects.Json

Kind = Literal["json", "merge", "strategic"]

MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "matchConditions": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "variables": ("name",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists whose items are told apart by a key, by field name. Where the same name means different
things (`ports` of a container, of a Service) the first key that the items carry counts.
Every other list is atomic."""

MERGED_SETS = frozenset({"finalizers", "podCIDRs"})
"""Lists of plain values that are united."""


def applied(document: Json, patch: Json, *, kind: Kind) -> Json:
    """The document after the patch.

    Raises:
        errors.StatusError: 400 for a patch of the wrong shape, 422 for one that does not apply.
    """
    if kind == "json":
        return json_patched(document, patch)
    if not isinstance(patch, dict):
        raise errors.bad_request(
            f"error decoding patch: json: cannot unmarshal {go_type(patch)} into Go value of type "
            "map[string]interface {}"
        )
    if kind == "merge":
        return merged(document, patch)
    return strategically_merged(document, patch)


def go_type(value: Json) -> str:
    """What Go's decoder calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array"


def merged(document: Json, patch: Json) -> Json:
    """RFC 7386: null removes, objects descend, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def strategically_merged(document: Json, patch: Mapping[str, Any]) -> dict[str, Any]:
    """A merge in which keyed lists are merged item by item, with `$patch` and its kin."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise errors.bad_request(f"invalid value in patch: {directive}")
    result = dict(document) if isinstance(document, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            result[field] = [item for item in result.get(field) or [] if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = strategically_merged(result.get(key), value)
        elif isinstance(value, list):
            order = patch.get(f"$setElementOrder/{key}")
            result[key] = _merged_list(key, result.get(key), value, order)
        else:
            result[key] = value
    _reordered(result, patch)
    return result


def _reordered(result: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, order in patch.items():
        field = key.removeprefix("$setElementOrder/")
        if field != key and field not in patch and isinstance(result.get(field), list):
            result[field] = _merged_list(field, result[field], [], order)


def _merged_list(field: str, old: Json, new: Sequence[Any], order: Json) -> list[Any]:
    old = old if isinstance(old, list) else []
    if field in MERGED_SETS:
        return [*old, *(item for item in new if item not in old)]
    merge_key = _merge_key(field, [*new, *old, *(order if isinstance(order, list) else [])])
    if merge_key is None:
        return list(new)
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in new):
        return [item for item in new if item.get("$patch") != "replace"]
    items = {item.get(merge_key): item for item in old}
    for item in new:
        if not isinstance(item, dict) or merge_key not in item:
            raise errors.bad_request(
                f"map: {item} does not contain declared merge key: {merge_key}"
            )
        identity = item[merge_key]
        if item.get("$patch") == "delete":
            items.pop(identity, None)
        else:
            items[identity] = strategically_merged(items.get(identity), item)
    if isinstance(order, list):
        wanted = [item.get(merge_key) for item in order if isinstance(item, dict)]
        unnamed = [key for key in items if key not in wanted]
        return [items[key] for key in (*(k for k in wanted if k in items), *unnamed)]
    return list(items.values())


def _merge_key(field: str, items: Sequence[Any]) -> str | None:
    candidates = MERGE_KEYS.get(field, ())
    present = [item for item in items if isinstance(item, dict)]
    if len(present) != len(items):
        return None
    for candidate in candidates:
        if any(candidate in item for item in present):
            return candidate
    return candidates[0] if candidates and not present else None


def json_patched(document: Json, operations: Json) -> Json:
    """RFC 6902 but for `replace` of an absent key, which adds it, as the real server does."""
    if not isinstance(operations, list):
        raise errors.bad_request(
            f"error decoding patch: json: cannot unmarshal {go_type(operations)} into Go value of "
            "type []handlers.jsonPatchOp"
        )
    result = objects.copied(document)
    for operation in operations:
        if not isinstance(operation, dict):
            raise errors.bad_request(
                f"json: cannot unmarshal {go_type(operation)} into Go value of type "
                "jsonpatch.Operation"
            )
        try:
            result = _operated(result, operation)
        except (LookupError, ValueError, TypeError) as failure:
            raise errors.patch_rejected() from failure
    return result


def _operated(document: Json, operation: Mapping[str, Any]) -> Json:
    name, path = operation["op"], _pointer(operation["path"])
    if name == "test":
        if not objects.same(_found(document, path, missing=None), operation.get("value")):
            raise ValueError(name)
        return document
    if name == "remove":
        return _removed(document, path)
    if name in {"add", "replace"}:
        value = objects.copied(operation["value"])
    elif name in {"move", "copy"}:
        source = _pointer(operation["from"])
        value = objects.copied(_found(document, source))
        if name == "move":
            document = _removed(document, source)
    else:
        raise ValueError(name)
    return _placed(document, path, value, replace=name == "replace")


def _pointer(path: Json) -> list[str]:
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise ValueError(path)
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]]


_REQUIRED = object()
_END = "-"
"""The place after a list's last item."""


def _found(document: Json, path: Sequence[str], *, missing: Json = _REQUIRED) -> Json:
    for position, token in enumerate(path):
        if isinstance(document, list):
            document = document[_index(token, len(document) - 1)]
        elif isinstance(document, dict):
            if token not in document and missing is not _REQUIRED and position == len(path) - 1:
                return missing
            document = document[token]
        else:
            raise TypeError(token)
    return document


def _removed(document: Json, path: Sequence[str]) -> Json:
    parent, token = _found(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[_index(token, len(parent) - 1)]
    else:
        del parent[token]
    return document


def _placed(document: Json, path: Sequence[str], value: Json, *, replace: bool) -> Json:
    if not path:
        return value
    parent, token = _found(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        if replace:
            parent[_index(token, len(parent) - 1)] = value
        else:
            parent.insert(len(parent) if token == _END else _index(token, len(parent)), value)
    elif isinstance(parent, dict):
        parent[token] = value
    else:
        raise TypeError(token)
    return document


def _index(token: str, last: int) -> int:
    if not token.isascii() or not token.isdigit() or (len(token) > 1 and token.startswith("0")):
        raise LookupError(token)
    index = int(token)
    if index > last:
        raise LookupError(token)
    return index
