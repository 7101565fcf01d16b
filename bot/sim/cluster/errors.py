"""What the API server says when it says no: a `Status` object, as an exception."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Cause = tuple[str, str, str]
"""(reason, message, field)"""
Causes = Sequence[Cause]


class StatusError(Exception):
    """A refusal with everything its HTTP answer needs.

    Attributes:
        code: the HTTP status.
        reason: the machine's word, e.g. `NotFound`; empty where the real server gives none.
        message: the sentence people read.
        details: the Status' `details`, or None where the real server leaves it out.
        headers: extra response headers, e.g. `Retry-After`.
        metadata: the Status' list metadata (an expired page carries a fresh `continue`).
        warnings: what the client was to be warned of before it came to this.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = dict(headers or {})
        self.metadata = dict(metadata or {})
        self.warnings: list[str] = []

    def status(self) -> dict[str, Any]:
        """The body of the answer."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = dict(self.details)
        status["code"] = self.code
        return status


def _about(name: str, group: str, kind: str) -> dict[str, Any]:
    details = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in details.items() if value}


def qualified(plural: str, group: str) -> str:
    """`daemonsets.apps`, or plain `pods` in the core group."""
    return f"{plural}.{group}" if group else plural


def not_found(plural: str, group: str, name: str) -> StatusError:
    """No such object."""
    return StatusError(
        404,
        "NotFound",
        f'{qualified(plural, group)} "{name}" not found',
        details=_about(name, group, plural),
    )


def no_such_resource() -> StatusError:
    """A path below a known group version that names no resource."""
    return StatusError(
        404, "NotFound", "the server could not find the requested resource", details={}
    )


def already_exists(plural: str, group: str, name: str) -> StatusError:
    """A name that is taken."""
    return StatusError(
        409,
        "AlreadyExists",
        f'{qualified(plural, group)} "{name}" already exists',
        details=_about(name, group, plural),
    )


def conflict(plural: str, group: str, name: str, why: str) -> StatusError:
    """The object is not what the writer thought it was."""
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}',
        details=_about(name, group, plural),
    )


def bad_request(message: str) -> StatusError:
    """A request that cannot be understood."""
    return StatusError(400, "BadRequest", message)


def unsupported(given: Any, known: Sequence[str], field: str) -> Cause:  # noqa: ANN401  # JSON
    """The complaint about a value that is none of those known."""
    named = ", ".join(f'"{one}"' for one in known)
    message = f'Unsupported value: "{given}": supported values: {named}'
    return "FieldValueNotSupported", message, field


def invalid(kind: str, group: str, name: str, causes: Causes) -> StatusError:
    """An object that was understood and is not allowed to be so.

    The causes are (reason, message, field); one reads alone, several in brackets.
    """
    texts: list[str] = []
    for _, message, field in causes:
        text = f"{field}: {message}" if field else message
        if text not in texts:
            texts.append(text)
    listed = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    subject = f"{kind}.{group}" if group else kind
    return StatusError(
        422,
        "Invalid",
        f'{subject} "{name}" is invalid: {listed}',
        details={
            **_about(name, group, kind),
            "causes": [
                {"reason": reason, "message": message, "field": field}
                for reason, message, field in causes
            ],
        },
    )


def patch_rejected() -> StatusError:
    """A JSON patch that does not apply; the real server does not say which operation."""
    return StatusError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={},
    )


def valid_subdomain(name: str) -> bool:
    """Whether a text is an RFC 1123 subdomain, as most object names must be."""
    return len(name) <= 253 and bool(
        re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", name)
    )
