"""The options of a write, judged as the real server judges them."""

import json
from dataclasses import dataclass

from bot.sim.cluster import dependents, errors, http_context, objects, ownership

_FIELD_VALIDATION = ("", "Ignore", "Strict", "Warn")
_LONGEST_MANAGER = 128


class Options:
    """What a write's query says.

    Attributes:
        dry_run: answer what would be, store nothing.
        field_validation: what to do about fields that nobody knows: empty means `Warn`.
        writer: who writes, for the notes of whose field is whose.

    Args:
        call: the request.
        kind: what the server calls these options, e.g. `PatchOptions`.

    Raises:
        errors.StatusError: 422 for a value that is not supported.
    """

    def __init__(self, call: http_context.Call, kind: str) -> None:
        dry_run = call.request.query.getall("dryRun", [])
        check_dry_run(kind, dry_run)
        self.dry_run = bool(dry_run)
        self.field_validation = call.query.get("fieldValidation", "")
        if self.field_validation not in _FIELD_VALIDATION:
            cause = errors.unsupported(self.field_validation, _FIELD_VALIDATION, "fieldValidation")
            raise invalid(kind, *cause)
        manager = call.query.get("fieldManager", "")
        if len(manager.encode()) > _LONGEST_MANAGER:
            message = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
            raise invalid(kind, "FieldValueTooLong", message, "fieldManager")
        if not manager.isprintable():
            message = f"Invalid value: {json.dumps(manager)}: should only contain printable "
            raise invalid(kind, "FieldValueInvalid", message + "characters", "fieldManager")
        # Who gives no name is known by the first word of its user agent.
        agent = call.request.headers.get("User-Agent", "").partition("/")[0]
        self.writer = ownership.Writer(manager or agent[:_LONGEST_MANAGER])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """What a DELETE asks for beside the object's end.

    Attributes:
        dry_run: answer what would be, delete nothing.
        grace_seconds: for the kubelet; the pod's own if absent.
        uid, resource_version: what the object must have.
        propagation: what is to become of what it owns.
    """

    dry_run: bool
    grace_seconds: int | None
    uid: str | None
    resource_version: str | None
    propagation: str | None


def of_delete(call: http_context.Call, body: objects.Json) -> DeleteOptions:
    """The options of a DELETE.

    Args:
        call: the request.
        body: its body, or None if it has none. The real server reads the query only then: a
            `dryRun` beside a body is not seen, and the object is really deleted.

    Raises:
        errors.StatusError: 400, 422.
    """
    if body is None:
        query = call.request.query
        body = {name: query[name] for name in ("propagationPolicy",) if name in query}
        body |= {"dryRun": query.getall("dryRun", [])}
        if query.get("gracePeriodSeconds"):
            body["gracePeriodSeconds"] = _integer(query["gracePeriodSeconds"])
        if query.get("orphanDependents"):
            body["orphanDependents"] = query["orphanDependents"] in {"true", "1"}
    elif not isinstance(body, dict):
        raise errors.bad_request("json: cannot unmarshal the body into DeleteOptions")
    grace = body.get("gracePeriodSeconds")
    if grace is not None and (isinstance(grace, bool) or not isinstance(grace, int)):
        raise errors.bad_request(
            "json: cannot unmarshal into Go struct field DeleteOptions.gracePeriodSeconds of "
            "type int64"
        )
    dry_run = body.get("dryRun") or []
    propagation = _propagation(body)
    check_dry_run("DeleteOptions", dry_run)
    conditions = body.get("preconditions") or {}
    return DeleteOptions(
        dry_run=bool(dry_run),
        grace_seconds=grace,
        uid=conditions.get("uid"),
        resource_version=conditions.get("resourceVersion"),
        propagation=propagation,
    )


def _propagation(body: objects.Object) -> str | None:
    policy, orphan = body.get("propagationPolicy"), body.get("orphanDependents")
    known = (dependents.BACKGROUND, dependents.FOREGROUND, dependents.ORPHAN)
    if policy is not None and policy not in known:
        supported = ", ".join(f'"{one}"' for one in (*known, "nil"))
        message = f"Unsupported value: {json.dumps(policy)}: supported values: {supported}"
        raise invalid("DeleteOptions", "FieldValueNotSupported", message, "propagationPolicy")
    if policy is not None and orphan is not None:
        message = (
            f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both '
            "set"
        )
        raise invalid("DeleteOptions", "FieldValueInvalid", message, "propagationPolicy")
    if orphan is not None:
        return dependents.ORPHAN if orphan else dependents.BACKGROUND
    return policy


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as failure:
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from failure


def check_dry_run(kind: str, values: objects.Json) -> None:
    """Refuse what is no way of running dry.

    Raises:
        errors.StatusError: 422.
    """
    if not isinstance(values, list) or any(value != "All" for value in values):
        shown = json.dumps(values, separators=(",", ":"))
        message = f'Unsupported value: {shown}: supported values: "All"'
        raise invalid(kind, "FieldValueNotSupported", message, "dryRun")


def invalid(kind: str, reason: str, message: str, field: str) -> errors.StatusError:
    """The refusal of one option."""
    return errors.invalid(kind, "meta.k8s.io", "", [(reason, message, field)])
