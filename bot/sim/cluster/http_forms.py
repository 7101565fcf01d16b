"""The forms in which objects are answered, and what encodes them.

Each stored state is encoded at most once in each form; lists and watches put the bytes together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from bot.sim.cluster import errors, normal, objects, resources, tables

Object = objects.Object
Form = Literal["json", "metadata", "table"]
_INCLUDED = frozenset({"", "None", "Metadata", "Object"})
METADATA_VERSION = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form a client wants, and how much of the object beside each row of a table."""

    form: Form = "json"
    include: str = "Metadata"


def encode(value: objects.Json) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(value)


def negotiate(accept: str, *, include: str = "") -> Wanted:
    """Choose a form from an Accept header; the client's order counts.

    Raises:
        errors.StatusError: 406, none of them is spoken here; 400, it is not known how much of
            the object shall be included.
    """
    for part in (accept or "*/*").split(","):
        media, *parameters = [piece.strip() for piece in part.split(";")]
        options = dict(item.partition("=")[::2] for item in parameters)
        if media not in {"application/json", "application/*", "*/*"}:
            continue
        form = options.get("as", "")
        if not form:
            return Wanted()
        if options.get("g") != "meta.k8s.io" or options.get("v") not in {"v1", "v1beta1"}:
            continue
        if form == "Table":
            if include not in _INCLUDED:
                raise errors.bad_request(f'unrecognized includeObject value: "{include}"')
            return Wanted("table", include or "Metadata")
        if form in {"PartialObjectMetadata", "PartialObjectMetadataList"}:
            return Wanted("metadata")
    raise not_acceptable()


def not_acceptable() -> errors.StatusError:
    """The answer to an Accept header that cannot be met."""
    return errors.StatusError(
        406,
        "NotAcceptable",
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
        "application/vnd.kubernetes.protobuf;stream=watch",
        details={},
    )


def _body(obj: Object) -> bytes:
    """An object without kind and apiVersion, as it stands in a list."""
    kept = obj.encoded if isinstance(obj, objects.Stored) else {}
    found = kept.get("json")
    if found is None:
        content = {key: value for key, value in obj.items() if key not in {"kind", "apiVersion"}}
        found = kept["json"] = encode(content)
    return found


def _metadata(row: resources.Resource, obj: Object) -> bytes:
    """An object's metadata alone; unlike whole objects, these say what they are in lists, too."""
    kept = obj.encoded if isinstance(obj, objects.Stored) else {}
    found = kept.get("metadata")
    if found is None:
        body = encode({"metadata": _shown_metadata(row, obj)})
        found = kept["metadata"] = _typed("PartialObjectMetadata", METADATA_VERSION, body)
    return found


def _typed(kind: str, api_version: str, body: bytes) -> bytes:
    return f'{{"kind":"{kind}","apiVersion":"{api_version}",'.encode() + body[1:]


def one(row: resources.Resource, obj: Object, wanted: Wanted, *, columns: bool = True) -> bytes:
    """One object in the wanted form."""
    if wanted.form == "table":
        version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return encode(_table(row, [obj], version, wanted, columns=columns))
    if wanted.form == "metadata":
        return _metadata(row, obj)
    if "kind" not in obj:
        return encode(obj)
    return _typed(obj["kind"], obj["apiVersion"], _body(obj))


def many(
    row: resources.Resource,
    found: Sequence[Object],
    metadata: Object,
    wanted: Wanted,
) -> bytes:
    """A list in the wanted form."""
    if wanted.form == "table":
        return encode(_table(row, found, metadata, wanted, columns=True))
    if wanted.form == "metadata":
        kind, version = "PartialObjectMetadataList", METADATA_VERSION
        items: Iterable[bytes] = (_metadata(row, obj) for obj in found)
    else:
        kind, version = f"{row.kind}List", row.api_version
        items = map(_body, found)
    head = _typed(kind, version, encode({"metadata": metadata}))
    return b"".join((head[:-1], b',"items":[', b",".join(items), b"]}"))


def _table(
    row: resources.Resource,
    found: Sequence[Object],
    metadata: Object,
    wanted: Wanted,
    *,
    columns: bool,
) -> Object:
    layout = tables.layout(row)
    rows: list[Object] = []
    for obj in found:
        cells = layout.cells(obj)
        entry: dict[str, Any] = {"cells": cells}
        if wanted.include == "Object":
            entry["object"] = obj
        elif wanted.include == "Metadata":
            entry["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": METADATA_VERSION,
                "metadata": _shown_metadata(row, obj),
            }
        rows.append(entry)
    return {
        "kind": "Table",
        "apiVersion": METADATA_VERSION,
        "metadata": metadata,
        "columnDefinitions": tables.definitions(row) if columns else None,
        "rows": rows,
    }


def _shown_metadata(row: resources.Resource, obj: Object) -> Object:
    """The metadata where it is all that is shown.

    A DaemonSet's then lacks the annotation that the real server adds when it converts a whole one.
    """
    metadata: Object = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    if row.kind != "DaemonSet" or normal.TEMPLATE_GENERATION not in annotations:
        return metadata
    kept = {key: annotations[key] for key in annotations if key != normal.TEMPLATE_GENERATION}
    rest = {key: value for key, value in metadata.items() if key != "annotations"}
    return rest | ({"annotations": kept} if kept else {})


def event(kind: str, body: bytes) -> bytes:
    """One line of a watch."""
    return b"".join((b'{"type":"', kind.encode(), b'","object":', body, b"}\n"))


def empty(row: resources.Resource, wanted: Wanted, version: int, *, initial_end: bool) -> bytes:
    """A bookmark's object: nothing but a resourceVersion, and what Go cannot leave out."""
    metadata: Object = {"resourceVersion": str(version)}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    if wanted.form == "table":
        blank = {"metadata": metadata}
        return encode(
            {
                "kind": "Table",
                "apiVersion": METADATA_VERSION,
                "metadata": {"resourceVersion": str(version)},
                "columnDefinitions": None,
                "rows": [{"cells": tables.layout(row).cells(blank), "object": blank}],
            }
        )
    if wanted.form == "metadata":
        return _typed("PartialObjectMetadata", METADATA_VERSION, encode({"metadata": metadata}))
    blank = {"metadata": metadata, **_EMPTY.get(row.kind, {})}
    return _typed(row.kind, row.api_version, encode(blank))


_NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)
_TEMPLATE: Object = {"metadata": {}, "spec": {"containers": None}}
_EMPTY: dict[str, Object] = {
    "Node": {
        "spec": {},
        "status": {
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": dict.fromkeys(_NODE_INFO, ""),
        },
    },
    "Pod": {"spec": {"containers": None}, "status": {}},
    "DaemonSet": {
        "spec": {"selector": None, "template": _TEMPLATE, "updateStrategy": {}},
        "status": {
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        },
    },
    "Deployment": {
        "spec": {"selector": None, "template": _TEMPLATE, "strategy": {}},
        "status": {},
    },
    "ReplicaSet": {"spec": {"selector": None, "template": _TEMPLATE}, "status": {"replicas": 0}},
    "ControllerRevision": {"data": None, "revision": 0},
    "Namespace": {"spec": {}, "status": {}},
}
"""What Go writes of an empty object of a kind: a decoder that requires these fields to be
meaningful stumbles over bookmarks."""


def corrupted(row: resources.Resource, obj: Object) -> Object:
    """An object as no server should answer it: a wrong scalar where clients decode strictly."""
    broken: Object = objects.copied(dict(obj))
    statuses = (broken.get("status") or {}).get("containerStatuses")
    if row.kind == "Pod" and statuses:
        statuses[0]["restartCount"] = "many"
    elif row.kind == "Pod":
        broken["status"] = {"containerStatuses": [{"name": 7, "restartCount": "many"}]}
    elif row.kind == "Node":
        broken["status"] = {"conditions": "none"}
    else:
        broken["metadata"]["labels"] = ["wrong"]
        broken["status"] = "wrong"
    return broken
