"""The query options of a write, judged as the real server judges them."""

import json

from bot.sim.cluster import errors, http_context, ownership

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
            supported = ", ".join(f'"{value}"' for value in _FIELD_VALIDATION)
            message = f'Unsupported value: "{self.field_validation}": supported values: {supported}'
            raise invalid(kind, "FieldValueNotSupported", message, "fieldValidation")
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


def check_dry_run(kind: str, values: list[str]) -> None:
    """Refuse what is no way of running dry.

    Raises:
        errors.StatusError: 422.
    """
    if any(value != "All" for value in values):
        shown = json.dumps(values, separators=(",", ":"))
        message = f'Unsupported value: {shown}: supported values: "All"'
        raise invalid(kind, "FieldValueNotSupported", message, "dryRun")


def invalid(kind: str, reason: str, message: str, field: str) -> errors.StatusError:
    """The refusal of one option."""
    return errors.invalid(kind, "meta.k8s.io", "", [(reason, message, field)])
