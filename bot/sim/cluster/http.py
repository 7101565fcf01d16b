"""The API server over HTTPS.

Order of a request, as in a real one: something in between may spoil it (misbehaviour), who asks
(401), what is asked (404, 405), may they (403), then the work.
"""

import asyncio
import base64
import logging
import random
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from bot.sim.cluster import (
    certificates as certs,
)
from bot.sim.cluster import (
    discovery,
    errors,
    http_access,
    http_context,
    http_exec,
    http_faults,
    http_forms,
    http_impersonation,
    http_lists,
    http_logs,
    http_metrics,
    http_paths,
    http_questions,
    http_reviews,
    http_scale,
    http_tokens,
    http_watch,
    http_writes,
    misbehaviour,
    openapi,
    requestlog,
    resources,
    servicetokens,
    store,
    watches,
)
from bot.sim.cluster import (
    registry as registries,
)

Options = http_context.Options
LogSource = http_logs.LogSource

_log = logging.getLogger(__name__)


class ApiServer:
    """A Kubernetes API server for a registry.

    Args:
        registry: the objects and what writes mean.
        logs: the containers' logs.
        exec_source: who runs commands in containers.
        usage: who measures what containers use; without one nothing is measured.
        certificates: an authority and the server's pair.
        tokens: who may come in; may change while it runs.
        options: times and sizes.
        switchboard: how to misbehave.
        requests: where requests are noted.
        authorizer: who may do what; by default everybody with a token everything.
        clock: aware UTC time.
        rng: for timeouts, and for faults with a probability.
    """

    def __init__(
        self,
        registry: registries.Registry,
        *,
        certificates: certs.Certificates,
        tokens: http_access.Tokens,
        logs: http_logs.LogSource | None = None,
        exec_source: http_exec.ExecSource | None = None,
        usage: http_metrics.Source | None = None,
        options: http_context.Options | None = None,
        switchboard: misbehaviour.Switchboard | None = None,
        requests: requestlog.RequestLog | None = None,
        authorizer: http_access.Authorizer = http_access.members_may_everything,
        clock: Callable[[], datetime] = http_context.utc_now,
        rng: random.Random | None = None,
    ) -> None:
        rng = rng or random.Random(0)
        options = options or http_context.Options()
        self.certificates = certificates
        self.tokens = tokens
        self.switchboard = switchboard or misbehaviour.Switchboard(rng=rng)
        self.requests = requests or requestlog.RequestLog()
        self._context = http_context.Context(
            registry=registry,
            logs=logs or http_logs.NoLogs(),
            exec=exec_source or http_exec.NoExec(),
            usage=usage,
            tokens=tokens,
            issuer=servicetokens.Issuer(registry.store),
            authorizer=authorizer,
            switchboard=self.switchboard,
            requests=self.requests,
            hub=watches.Hub(registry.store, queue=options.watch_queue, distort=self._distort),
            options=options,
            luck=rng.random,
            clock=clock,
        )
        self._host = ""
        self.port = 0
        self._tls: ssl.SSLContext | None = None
        self._runner: web.ServerRunner | None = None
        self._listener: asyncio.Server | None = None
        self._unlisten: Callable[[], None] | None = None
        self._reopening: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; port 0 picks a free one.

        Returns:
            The port.

        Raises:
            OSError: the port is taken.
        """
        self._tls = self.certificates.server_context()
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=2.0)
        await self._runner.setup()
        self._host, self.port = host, port
        try:
            await self._open()
        except OSError:
            await self._runner.cleanup()
            self._runner = None
            raise
        self._unlisten = self.switchboard.listen(self._switched)
        return self.port

    async def stop(self) -> None:
        """Close the listener, end the watches, let running requests finish shortly."""
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None
        if self._reopening is not None:
            await self._reopening
            self._reopening = None
        self._context.stopping.set()
        self._context.hub.wake_all()
        self._close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._context.hub.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        # An address that means every interface is none to call.
        host = self._host if self._host.strip("0.:") else "127.0.0.1"
        return f"https://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def watching(self) -> int:
        """How many watches are open."""
        return self._context.hub.count

    def kubeconfig(self, token: str, *, name: str = "sim") -> dict[str, Any]:
        """A kubeconfig for this server, with the authority inline."""
        authority = base64.b64encode(self.certificates.authority).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }

    async def _open(self) -> None:
        assert self._runner is not None
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            self._runner.server, self._host, self.port, ssl=self._tls, backlog=1024
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _switched(self) -> None:
        self._context.hub.wake_all()
        refuses = self.switchboard.is_on("refuse")
        if refuses and self._listener is not None:
            self._close()
            self._drop_connections()
        elif not refuses and self._listener is None and self._reopening is None:
            self._reopening = asyncio.create_task(self._reopen(), name="reopen the API server")

    def _drop_connections(self) -> None:
        server = self._runner.server if self._runner is not None else None
        for connection in list(server.connections) if server is not None else ():
            if isinstance(connection, RequestHandler) and connection.transport is not None:
                connection.transport.abort()

    async def _reopen(self) -> None:
        try:
            await self._open()
        except OSError as failure:
            _log.warning("cannot listen again on port %s: %s", self.port, failure)
        finally:
            self._reopening = None
        # It may have been told to refuse again meanwhile.
        if self.switchboard.is_on("refuse"):
            self._close()

    def _distort(self, row: resources.Resource, obj: dict[str, Any]) -> dict[str, Any]:
        if not self.switchboard.is_on("bad-object"):
            return obj
        if http_lists.victim_of(self._context, row) != store.key_of(obj):
            return obj
        return http_forms.corrupted(row, obj)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        entry = self.requests.begin(
            method=request.method,
            path=request.path,
            query=request.query_string,
            user_agent=request.headers.get("User-Agent", ""),
        )
        try:
            response = await self._answered(request, entry)
        except errors.StatusError as refusal:
            response = http_context.refusal(refusal)
        except (http_faults.Dropped, ConnectionResetError):
            # Nobody reads it any more; aiohttp wants something to send.
            response = web.Response(status=500)
        except web.HTTPException:
            raise
        except Exception:
            _log.exception("request failed: %s %s", request.method, request.path)
            response = http_context.refusal(
                errors.StatusError(500, "InternalError", "Internal error occurred", details={})
            )
        entry["status"] = response.status
        return response

    async def _answered(
        self, request: web.BaseRequest, entry: dict[str, Any]
    ) -> web.StreamResponse:
        context, path = self._context, request.path
        watch = request.query.get("watch") in {"true", "1"}
        target: http_paths.Target | None = None
        verb = request.method.lower()
        unfit: errors.StatusError | None = None
        try:
            target = http_paths.target(path)
            if target is not None:
                verb = http_paths.verb(request.method, target, watch=watch)
        except errors.StatusError as refusal:
            unfit = refusal
        if target is not None:
            entry |= {
                "verb": verb,
                "resource": target.row.plural,
                "namespace": target.namespace,
                "name": target.name,
            }
        plural = target.row.plural if target is not None else ""
        spoilt = await http_faults.spoil(context, request, resource=plural, verb=verb)
        if spoilt is not None:
            return spoilt
        caller = http_tokens.identified(context, request)
        identity = http_impersonation.acting(context, caller, request)
        entry["identity"] = identity.user
        for question in http_questions.asked(identity, request):
            if not context.authorizer(question):
                raise http_access.forbidden(context.authorizer, question)
        measured = http_metrics.answer(context, request)
        if measured is not None:
            return measured
        if unfit is not None:
            raise unfit
        if target is None:
            version, measures = context.options.version, http_metrics.served(context)
            return (
                discovery.answer(request, version=version, measures=measures)
                or openapi.answer(request, version=version)
                or discovery.not_found()
            )
        call = http_context.Call(
            context=context, request=request, target=target, verb=verb, identity=identity
        )
        await _note_body(call, entry)
        try:
            response = await _work(call, entry)
        except errors.StatusError as refusal:
            refusal.warnings = call.warnings
            raise
        http_faults.lose(context, request, resource=plural, verb=verb)
        return response


async def _note_body(call: http_context.Call, entry: dict[str, Any]) -> None:
    """Keep what was sent, also of a request that is refused for it."""
    sub = call.target.subresource
    if call.verb not in requestlog.WRITES or sub == "exec":
        return
    try:
        sent = await call.body()
    except errors.StatusError:
        sent = await call.request.read()
    entry["body"] = requestlog.shown_body(call.row.plural, sent)


async def _work(call: http_context.Call, entry: dict[str, Any]) -> web.StreamResponse:
    """Do what is asked."""
    if call.target.subresource == "exec":
        call.judge(http_exec.change(call.request, call.target))
        pod = call.context.registry.get("pods", call.target.namespace, call.target.name)
        return await http_exec.answer(
            call.request, pod, call.context.exec, stopping=call.context.stopping
        )
    if call.target.subresource == "token":
        return await http_tokens.request(call)
    if call.target.subresource == "scale":
        return await http_scale.HANDLERS[call.verb](call)
    if call.verb == "watch":
        return await http_watch.stream(call, begun=lambda: entry.update(status=200))
    if call.verb == "list":
        return await http_lists.list_all(call)
    if call.verb == "get":
        if call.target.subresource == "log":
            pod = call.context.registry.get("pods", call.target.namespace, call.target.name)
            return await http_logs.answer(
                call.request,
                pod,
                call.context.logs,
                clock=call.context.clock,
                stopping=call.context.stopping,
            )
        return await http_lists.get(call)
    if call.row.plural in http_reviews.HANDLERS:
        return await http_reviews.HANDLERS[call.row.plural](call)
    return await http_writes.HANDLERS[call.verb](call)
