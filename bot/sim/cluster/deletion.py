"""Deletion in two steps: asking for it, and being gone.

Only pods are graceful here. Everything is pure: the registry stores what comes out.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.sim.cluster import errors, resources

Object = dict[str, Any]


def check_preconditions(
    row: resources.Resource, obj: Object, *, uid: str | None, resource_version: str | None
) -> None:
    """Refuse when the object is another one than the caller means.

    Raises:
        errors.StatusError: 409.
    """
    metadata = obj["metadata"]
    for asked, present, word, perhaps in (
        (uid, metadata["uid"], "UID", "deleted and then recreated"),
        (resource_version, metadata["resourceVersion"], "ResourceVersion", "modified"),
    ):
        if asked is not None and asked != present:
            why = (
                f"the {word} in the precondition ({asked}) does not match the {word} in record "
                f"({present}). The object might have been {perhaps}"
            )
            # This one refusal names the kind where all others have the plural.
            raise errors.conflict(row.kind, row.group, metadata["name"], why)


def marked(
    row: resources.Resource, obj: Object, *, grace_seconds: int | None, now: datetime
) -> Object:
    """The object with its deletion written on it; the same object if nothing changes.

    A second request can only shorten the grace. A negative grace is one second.
    """
    metadata = obj["metadata"]
    since = metadata.get("deletionTimestamp")
    if not row.graceful:
        if since or not metadata.get("finalizers"):
            return obj
        return obj | {"metadata": _terminating(metadata, deadline=now, grace=0)}
    if since:
        present = int(metadata.get("deletionGracePeriodSeconds", 0))
        if grace_seconds is None:
            return obj
        grace = 1 if grace_seconds < 0 else grace_seconds
        if grace >= present:
            return obj
        began = datetime.fromisoformat(since) - timedelta(seconds=present)
        changed = {
            "deletionTimestamp": _stamp(began + timedelta(seconds=grace)),
            "deletionGracePeriodSeconds": grace,
        }
        return obj | {"metadata": metadata | changed}
    grace = _grace(obj, grace_seconds)
    deadline = now + timedelta(seconds=grace)
    return obj | {"metadata": _terminating(metadata, deadline=deadline, grace=grace)}


def is_over(row: resources.Resource, obj: Object) -> bool:
    """Whether nobody holds the object any more."""
    metadata = obj["metadata"]
    if metadata.get("finalizers"):
        return False
    return not row.graceful or metadata.get("deletionGracePeriodSeconds", 0) == 0


def answer(row: resources.Resource, obj: Object, *, gone: bool) -> Object:
    """What a DELETE answers: a pod or a held object as it is, a Status otherwise."""
    if row.graceful or not gone:
        return obj
    metadata = obj["metadata"]
    details = {"name": metadata["name"], "group": row.group, "kind": row.plural}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value}
        | {"uid": metadata["uid"]},
    }


def _grace(pod: Object, asked: int | None) -> int:
    spec, phase = pod["spec"], (pod.get("status") or {}).get("phase")
    grace = int(spec.get("terminationGracePeriodSeconds", 30)) if asked is None else asked
    # Nobody would confirm the end of a pod that no kubelet runs.
    if not spec.get("nodeName") or phase in {"Succeeded", "Failed"}:
        return 0
    return 1 if grace < 0 else grace


def _terminating(metadata: Object, *, deadline: datetime, grace: int) -> Object:
    changed: Object = {
        "deletionTimestamp": _stamp(deadline),
        "deletionGracePeriodSeconds": grace,
    }
    if "generation" in metadata:
        changed["generation"] = metadata["generation"] + 1
    return metadata | changed


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
