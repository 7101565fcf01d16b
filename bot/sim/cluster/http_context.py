"""What every part of the HTTP side works with, and the request as they see it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.sim.cluster import (
    errors,
    http_access,
    http_exec,
    http_forms,
    http_logs,
    http_paths,
    misbehaviour,
    policies,
    protobuf,
    registry,
    requestlog,
    resources,
    servicetokens,
    watches,
)

if TYPE_CHECKING:
    from bot.sim.cluster import http_metrics


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an API server behaves in time and size; all durations in seconds.

    A sped-up world divides them.
    """

    bookmark_interval: float = 60.0
    """About how often a watch that allows it is sent a bookmark."""
    bookmark_margin: float = 2.0
    """How long before its timeout a watch is sent a last bookmark."""
    future_wait: float = 3.0
    """How long a list or get waits for a resourceVersion that is not there yet."""
    watch_timeout: float = 1800.0
    """How long a watch lasts that names no timeout; up to twice as long, by luck."""
    watch_queue: int = 10_000
    """How many events may wait for a watcher before it is dropped."""
    version: str = "v1.36.2"
    """The version told at `/version`. Clients choose their ways by it."""


@dataclass(slots=True, kw_only=True)
class Context:
    """One API server's parts."""

    registry: registry.Registry
    logs: http_logs.LogSource
    exec: http_exec.ExecSource
    usage: "http_metrics.Source | None"
    tokens: http_access.Tokens
    issuer: servicetokens.Issuer
    authorizer: http_access.Authorizer
    switchboard: misbehaviour.Switchboard
    requests: requestlog.RequestLog
    hub: watches.Hub
    options: Options
    luck: Callable[[], float]
    """A number in [0, 1)."""
    clock: Callable[[], datetime] = utc_now
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request for a resource."""

    context: Context
    request: web.BaseRequest
    target: http_paths.Target
    verb: str
    identity: http_access.Identity
    warnings: list[str] = field(default_factory=list)
    """Told to the client in `Warning` headers."""

    @property
    def row(self) -> resources.Resource:
        """The resource."""
        return self.target.row

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters; of a repeated one the first."""
        return self.request.query

    @property
    def registry(self) -> registry.Registry:
        """The objects, of which every change is first put to the admission policies."""
        return self.context.registry.judged(self.judge)

    def judge(self, change: policies.Change) -> None:
        """Put what the caller is about to do to the admission policies.

        Raises:
            errors.StatusError: one of them refuses.
        """
        storage = self.context.registry.store
        policies.judge(storage, change, self.identity.told(), self.warnings)

    def judge_posted(self, body: dict[str, Any], *, dry_run: bool) -> None:
        """Put what is posted to a subresource to the admission policies.

        Raises:
            errors.StatusError: one of them refuses.
        """
        found = self.target
        self.judge(
            policies.Change(
                found.row,
                "CREATE",
                body,
                subresource=found.subresource,
                dry_run=dry_run,
                of=(found.namespace, found.name),
            )
        )

    def wanted(self) -> http_forms.Wanted:
        """The form the client asks for.

        Raises:
            errors.StatusError: 406.
        """
        accept = ",".join(self.request.headers.getall("Accept", []))
        return http_forms.negotiate(accept, include=self.query.get("includeObject", ""))

    async def body(self) -> bytes:
        """What the client sends, as JSON whatever it was sent as.

        Raises:
            errors.StatusError: 400, it says that it is protobuf and is not.
        """
        sent = await self.request.read()
        if not sent or self.request.content_type != protobuf.MEDIA_TYPE:
            return sent
        try:
            return protobuf.to_json(sent)
        except (ValueError, RecursionError) as failure:
            raise errors.bad_request(str(failure)) from failure

    def answer(self, obj: Mapping[str, Any], *, status: int = 200) -> web.Response:
        """An object in the wanted form; a Status always as itself."""
        if obj.get("kind") == "Status" or not self.row.stored:
            body = http_forms.encode(obj)
        else:
            body = http_forms.one(self.row, dict_of(obj), self.wanted())
        return reply(body, status=status, warnings=self.warnings)


def dict_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The same object, typed as the dict it is."""
    return obj if isinstance(obj, dict) else dict(obj)


def reply(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
    warnings: list[str] | None = None,
) -> web.Response:
    """An answer with a body."""
    response = web.Response(body=body, status=status, headers=headers)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = "no-cache, private"
    for text in warnings or ():
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


def refusal(error: errors.StatusError) -> web.Response:
    """A Status as an answer."""
    body = http_forms.encode(error.status())
    return reply(body, status=error.code, headers=error.headers, warnings=error.warnings)


def list_options_invalid(field_name: str, message: str) -> errors.StatusError:
    """The refusal of contradictory list options."""
    cause = ("FieldValueForbidden", f"Forbidden: {message}", field_name)
    return errors.invalid("ListOptions", "meta.k8s.io", "", [cause])
