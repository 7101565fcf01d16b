"""What can go wrong with a request, told so that a person can act on it.

errors.Unavailable
└── Failure          an API server that did not answer, or not well
    ├── Unauthorized credentials refused (401)
    ├── Untrusted    its certificate is not signed by the CA we know
    └── Expired      a resource version or continue token that is too old (410)

Answers' bodies are never repeated unless they are a Kubernetes Status: who knows what a proxy
in between says, and to whom it is then shown.
"""

import re
import ssl
from collections.abc import Mapping

import aiohttp
import msgspec

from bot.domain import errors

_LONGEST = 300


class Failure(errors.Unavailable):
    """The API server did not answer, or not well.

    Attributes:
        status: the HTTP status, or None if there was no answer.
        retry_after: seconds the server asked us to wait, or None.
        doubts_version: the resource version that was sent may be the reason; a fresh list helps.
        sent: the request may have reached the server, though no answer came back.
        said: what the server said, or None if that was no Kubernetes Status.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        doubts_version: bool = False,
        sent: bool = False,
        said: "Status | None" = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after
        self.doubts_version = doubts_version
        self.sent = sent
        self.said = said


class Unauthorized(Failure):
    """The credentials were refused."""


class Untrusted(Failure):
    """The server's certificate could not be verified."""


class Expired(Failure):
    """The resource version or the continue token is too old."""


class Cause(msgspec.Struct, gc=False):
    """One of several reasons."""

    reason: str = ""
    message: str = ""


class Details(msgspec.Struct, gc=False):
    """What a refusal is about."""

    name: str = ""
    causes: list[Cause] | None = None


class Status(msgspec.Struct, gc=False):
    """The API server's own error object."""

    kind: str = ""
    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: Details | None = None

    def cause(self, reason: str) -> str | None:
        """Return what it says of a cause, or None where that is not among its causes."""
        causes = (self.details.causes if self.details else None) or ()
        return next((one.message for one in causes if one.reason == reason), None)


_STATUS = msgspec.json.Decoder(Status)
_ANONYMOUS = "system:anonymous"
_READING = ("get", "list", "watch")
_BY_RBAC = " cannot "
_LONG_VALUE = re.compile(r'Invalid value: "(?:[^"\\]|\\.){80,}": ')
"""A patch that is refused is answered with the whole object, and only then with the reason."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds; a date, which no API server sends, counts as absent."""
    text = headers.get("Retry-After", "").strip()
    return float(text) if re.fullmatch(r"\d{1,6}", text) else None


def short(text: str) -> str:
    """Return one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def from_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, verb: str, what: str, grant: str
) -> Failure:
    """Make a failure of an answer that is no good one.

    Args:
        status: of the answer.
        headers: of the answer.
        body: of the answer.
        verb: what we wanted to do: list, watch, get, patch.
        what: to what: "pods in kube-system".
        grant: the RBAC resource that would allow it: "pods", "pods/log".
    """
    told = status_of(body)
    said = (
        short(_LONG_VALUE.sub("Invalid value: ", told.message or told.reason or "")) if told else ""
    )
    wait = retry_after(headers)
    if status == 401:
        return Unauthorized("the credentials are not accepted (401 Unauthorized)", status=status)
    if status == 403:
        who = "; the request carried no credentials" if said and _ANONYMOUS in said else ""
        verbs = "get, list and watch" if verb in _READING else verb
        # RBAC says "cannot patch resource"; admission has other reasons, which no grant cures.
        hint = f"; hint: grant {verbs} on {grant} to the bot's service account"
        return Failure(
            f"not allowed to {verb} {what} (403{f': {said}' if said else ''}){who}"
            f"{hint if not said or verb in _READING or _BY_RBAC in said else ''}",
            status=status,
            retry_after=wait,
            said=told,
        )
    if status == 410:
        return Expired(f"too old (410{f': {said}' if said else ''})", status=status)
    text = f"HTTP {status}"
    if said:
        text = f"{text}: {said}"
    elif looks_like_html(body):
        text = f"{text}: an HTML page instead of an answer, from a proxy or load balancer"
    return Failure(
        f"cannot {verb} {what}: {text}",
        status=status,
        retry_after=wait,
        doubts_version=status in (400, 404, 422, 500),
        said=told,
    )


def from_event(body: bytes) -> Failure:
    """Make a failure of the object of a watch's ERROR event."""
    try:
        status = _STATUS.decode(body)
    except msgspec.DecodeError:
        return Failure("the watch failed and did not say why", doubts_version=True)
    text = short(status.message or status.reason or "no reason given")
    if status.code == 410 or status.reason in ("Expired", "Gone"):
        return Expired(f"too old (410: {text})", status=410)
    return Failure(f"the watch failed: {text}", status=status.code, doubts_version=True)


def from_exception(exc: Exception, *, server: str) -> Failure:
    """Make a failure of a connection that did not work out."""
    if isinstance(exc, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        cause = getattr(exc, "certificate_error", exc)
        why = getattr(cause, "verify_message", "") or str(cause)
        return Untrusted(
            f"the certificate of {server} is not trusted: {short(why)}; "
            "hint: check the kubeconfig's certificate-authority and server name"
        )
    if isinstance(exc, TimeoutError):
        sent = not isinstance(exc, aiohttp.ConnectionTimeoutError)
        return Failure(f"{server} did not answer in time", sent=sent)
    if isinstance(exc, aiohttp.ClientConnectorError):
        why = exc.os_error.strerror or str(exc.os_error) or type(exc.os_error).__name__
        return Failure(f"cannot connect to {server}: {short(str(why))}")
    if isinstance(exc, aiohttp.ClientPayloadError):
        return Failure(f"the connection to {server} broke in the middle of an answer", sent=True)
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return Failure(f"{server} closed the connection without an answer", sent=True)
    detail = short(str(exc))
    return Failure(
        f"no usable answer from {server}: {type(exc).__name__}{f': {detail}' if detail else ''}",
        # A host name that is none, by aiohttp or idna, was not even connected to.
        sent=not isinstance(exc, ValueError),
    )


def is_anonymous(failure: Failure) -> bool:
    """Whether the server did not see any credentials."""
    return _ANONYMOUS in str(failure)


def status_of(body: bytes) -> Status | None:
    """Return the Status that a body is, or None if it is something else."""
    try:
        status = _STATUS.decode(body)
    except msgspec.DecodeError:
        return None
    return status if status.kind == "Status" else None


def looks_like_html(body: bytes) -> bool:
    """Whether that is a page for people."""
    return body[:256].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<body"))
