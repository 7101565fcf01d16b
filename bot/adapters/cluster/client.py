"""Requests to one API server: one shared connection pool, credentials kept fresh, errors told.

Only raw: `param_serialize` and `call_api` of the library, whose typed classes cost 30 MiB at first
touch and whose models are the slow part. It never repeats a request that may have been done.
"""

import asyncio
import contextlib
import importlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
import structlog

from bot.adapters.cluster import credentials, failures, kubeconfig, names
from bot.adapters.cluster.options import Options
from bot.domain import errors
from bot.flow import ports

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_BROKEN = (aiohttp.ClientError, OSError)
"""What reading an answer may raise; TimeoutError and SSLError are OSErrors."""

_UNOPENED = (*_BROKEN, ValueError)
"""What connecting may raise; ValueError is aiohttp's and idna's word for a bad host name."""

_LONGEST_ERROR = 65_536

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to the API server.

    `what` names its object for people ("pods in kube-system"), `grant` for RBAC ("pods"). A write
    has another `method`, and a `body` that is sent as JSON.
    """

    verb: str
    resource: str
    what: str
    grant: str
    path: str
    query: Query = ()
    method: str = "GET"
    body: object = None
    content_type: str = "application/json"


@dataclass(slots=True, eq=False)
class _Generation:
    """A client made from one state of the credentials, closed when its last request is over."""

    api: "ApiClient"
    access: kubeconfig.Access
    credentials: credentials.Credentials
    fingerprint: tuple[object, ...]
    users: int = 0
    retired: bool = False
    checked: float = field(default=0.0)


@dataclass(slots=True)
class _Asking:
    """A request that is being opened. `code` is the HTTP status, once there is one."""

    generation: _Generation
    request: tuple[str, str, dict[str, str], str | None, list[str]] = ("", "", {}, None, [])
    """What `param_serialize` made: method, URL, headers, body, fields."""
    code: str = "none"


class Client:
    """The way to one API server. Nothing is read or connected before the first request."""

    def __init__(self, options: Options, *, clock: ports.Clock, telemetry: ports.Telemetry) -> None:
        self.options = options
        self._clock = clock
        self._telemetry = telemetry
        self._names = names.Resolver(options.name)
        self._slots = asyncio.Semaphore(options.concurrent_requests)
        self._building = asyncio.Lock()
        self._generation: _Generation | None = None
        self._retired: set[_Generation] = set()
        self._reloaded: float | None = None
        self._epoch = 0
        self._closed = False
        self.dated = ("", clock.now())
        """The Date that the newest answer bore, and when it came."""

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close every connection. Requests after this raise Unavailable."""
        self._closed = True
        generations = [*self._retired, *([self._generation] if self._generation else ())]
        self._retired.clear()
        self._generation = None
        for generation in generations:
            await _close(generation.api)
        await self._names.close()

    async def verify(self) -> None:
        """Ask once, and tell what is definitely wrong from what may pass.

        A missing right is neither: it is told later, as a gap that names it.

        Raises:
            Misconfigured: kubeconfig, credentials or CA are wrong; the text names the file.
            Unavailable: the server does not answer now.
        """
        ask = Ask(
            verb="list",
            resource="nodes",
            what="nodes",
            grant="nodes",
            path="/api/v1/nodes",
            query=(("limit", "1"),),
        )
        try:
            await self.send(ask)
        except (failures.Unauthorized, failures.Untrusted) as failure:
            generation = self._generation
            origin = generation.access.origin if generation is not None else "the kubeconfig"
            raise errors.Misconfigured(
                f"cluster {self.options.name} ({origin}): {failure}"
            ) from failure
        except failures.Failure as failure:
            if failure.status != 403:
                raise
            if failures.is_anonymous(failure):
                raise errors.Misconfigured(f"cluster {self.options.name}: {failure}") from failure

    async def send(self, ask: Ask) -> bytes:
        """Return the body of the answer of one that went well.

        Raises:
            Failure: for anything else. A write's tells by `sent` and `status` what became of it.
            Misconfigured: if the credentials' files are wrong.
        """
        limits = aiohttp.ClientTimeout(
            total=self.options.request_timeout, sock_connect=self.options.connect_timeout
        )
        async with self._slots, self._answer(ask, limits=limits) as response:
            return await response.read()

    @contextlib.asynccontextmanager
    async def stream(self, ask: Ask, *, total: float) -> AsyncIterator[aiohttp.StreamReader]:
        """Open an endless answer and give its bytes; it ends silently after `total` seconds.

        Raises:
            Failure: if it does not open, or breaks while it is read.
            Misconfigured: if the credentials' files are wrong.
        """
        limits = aiohttp.ClientTimeout(total=total, sock_connect=self.options.connect_timeout)
        async with contextlib.AsyncExitStack() as stack:
            async with self._slots:
                response = await stack.enter_async_context(self._answer(ask, limits=limits))
            # Over without a word of the server: the same to the caller as an end it asked for.
            with contextlib.suppress(TimeoutError):
                yield response.content

    @contextlib.asynccontextmanager
    async def channel(
        self, ask: Ask, *, protocol: str, largest: int
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket; it is cut, not closed politely, when the block is left.

        Raises:
            Failure: if it does not open, or breaks while it is used.
            Misconfigured: if the credentials' files are wrong.
        """
        generation, socket = await self._tried(
            lambda: self._dial(ask, protocol=protocol, largest=largest)
        )
        try:
            yield socket
        except _BROKEN as exc:
            raise failures.from_exception(exc, server=generation.access.server) from exc
        finally:
            # The other side may hang: its farewell is not waited for.
            _hang_up(socket._response)  # noqa: SLF001  # it has no public way to be aborted
            await self._leave(generation)

    async def _dial(
        self, ask: Ask, *, protocol: str, largest: int
    ) -> tuple[_Generation, aiohttp.ClientWebSocketResponse]:
        async with self._asking(ask) as asking:
            _, url, headers, *_ = asking.request
            rest = asking.generation.api.rest_client
            if rest.pool_manager is None:
                rest.pool_manager = rest._create_pool_manager()  # noqa: SLF001  # as `request` does
            try:
                async with asyncio.timeout(self.options.request_timeout):
                    socket = await rest.pool_manager.ws_connect(
                        url,
                        headers=headers,
                        protocols=(protocol,),
                        proxy=rest.proxy,
                        server_hostname=asking.generation.access.server_name or None,
                        max_msg_size=largest,
                    )
            except aiohttp.WSServerHandshakeError as exc:
                asking.code = str(exc.status)
                raise failures.from_answer(
                    exc.status,
                    exc.headers or {},
                    b"",
                    verb=ask.verb,
                    what=ask.what,
                    grant=ask.grant,
                ) from exc
            asking.code = "101"
        return asking.generation, socket

    @contextlib.asynccontextmanager
    async def _answer(
        self, ask: Ask, *, limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Give a good answer, after one attempt more where stale credentials may be the reason."""
        generation, response = await self._tried(lambda: self._send(ask, limits=limits))
        try:
            yield response
        except _BROKEN as exc:
            raise failures.from_exception(exc, server=generation.access.server) from exc
        finally:
            _hang_up(response)
            await self._leave(generation)

    async def _tried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempt it, and once more where stale credentials may be why it failed."""
        epoch = self._epoch
        try:
            return await attempt()
        except (failures.Unauthorized, failures.Untrusted):
            if not await self._reload(epoch):
                raise
        return await attempt()

    @contextlib.asynccontextmanager
    async def _asking(self, ask: Ask, **headers: str) -> AsyncIterator[_Asking]:
        """Prepare one request, count it, and translate what may go wrong while it is opened.

        The generation stays in use after a clean end: whoever keeps the answer leaves it.
        """
        generation = await self._current()
        generation.users += 1
        asking = _Asking(generation)
        try:
            asking.request = await generation.api.param_serialize(
                ask.method,
                ask.path,
                query_params=list(ask.query),
                header_params={**headers, **_impersonating(generation.access)},
                body=ask.body,
                auth_settings=["BearerToken"],
            )
            try:
                yield asking
            except _UNOPENED as exc:
                raise failures.from_exception(exc, server=generation.access.server) from exc
        except BaseException:
            await self._leave(generation)
            raise
        finally:
            self._telemetry.count(
                "kube_requests_total",
                cluster=self.options.name,
                verb=ask.verb,
                resource=ask.resource,
                code=asking.code,
            )

    async def _send(
        self, ask: Ask, *, limits: aiohttp.ClientTimeout
    ) -> tuple[_Generation, aiohttp.ClientResponse]:
        headers = {"Accept": "application/json"}
        if ask.method != "GET":
            headers["Content-Type"] = ask.content_type
        if not self.options.compress:
            headers["Accept-Encoding"] = "identity"
        response: aiohttp.ClientResponse | None = None
        async with self._asking(ask, **headers) as asking:
            try:
                answer = await asking.generation.api.call_api(
                    *asking.request, _request_timeout=limits
                )
                response = answer.response
                assert response is not None
                asking.code = str(response.status)
                self.dated = (response.headers.get("Date", ""), self._clock.now())
                await _refuse_unless_good(response, ask)
            except BaseException:
                if response is not None:
                    _hang_up(response)
                raise
        return asking.generation, response

    async def _current(self) -> _Generation:
        """Return the client to use now, a new one if files it was made of have changed."""
        if self._closed:
            raise failures.Failure("the bot is stopping")
        async with self._building:
            generation = self._generation
            now = self._clock.monotonic()
            if generation is None:
                generation = await self._build(kubeconfig.load(self.options))
                self._generation = generation
            elif now - generation.checked >= self.options.credentials_interval:
                generation.checked = now
                if (
                    generation.credentials.certificate_expires_soon
                    or _fingerprint(generation.access.files) != generation.fingerprint
                ):
                    generation = await self._replace(generation)
            return generation

    async def _reload(self, epoch: int) -> bool:
        """Read the credentials again, unless another request just did; True if it may help."""
        async with self._building:
            if self._epoch != epoch:
                return True
            generation = self._generation
            now = self._clock.monotonic()
            if generation is None or (
                self._reloaded is not None and now - self._reloaded < self.options.reload_pause
            ):
                return False
            self._reloaded = now
            self._epoch += 1
            generation.credentials.forget()
            if _fingerprint(generation.access.files) != generation.fingerprint:
                await self._replace(generation)
                return True
            return generation.credentials.refreshable

    async def _replace(self, old: _Generation) -> _Generation:
        try:
            new = await self._build(kubeconfig.load(self.options))
        except errors.BotError as exc:
            # A file that is being written is wrong for a moment: go on with what worked.
            _log.warning("credentials_not_reloaded", cluster=self.options.name, error=str(exc))
            return old
        _log.info("credentials_reloaded", cluster=self.options.name)
        self._generation = new
        old.retired = True
        self._retired.add(old)
        await self._close_if_unused(old)
        return new

    async def _leave(self, generation: _Generation) -> None:
        generation.users -= 1
        await self._close_if_unused(generation)

    async def _close_if_unused(self, generation: _Generation) -> None:
        if generation.retired and generation.users == 0 and generation in self._retired:
            self._retired.discard(generation)
            await _close(generation.api)

    async def _build(self, access: kubeconfig.Access) -> _Generation:
        fingerprint = _fingerprint(access.files)
        source = credentials.Credentials(access, self.options, clock=self._clock)
        # Beside the loop: the library's first import takes some tenths of a second.
        await asyncio.to_thread(importlib.import_module, "kubernetes.aio.client")
        return _Generation(
            api=_api(access, await source.certificate(), source, self.options, self._names),
            access=access,
            credentials=source,
            fingerprint=fingerprint,
            checked=self._clock.monotonic(),
        )


def _api(
    access: kubeconfig.Access,
    certificate: credentials.Certificate | None,
    source: credentials.Credentials,
    options: Options,
    resolver: names.Resolver,
) -> "ApiClient":
    # Deferred: importing the library takes a second, which `--help` and tests need not pay.
    from kubernetes.aio.client import ApiClient, Configuration

    async def refresh(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = await source.authorization()

    settings = Configuration(
        host=access.server,
        ca_cert_data=access.ca or None,
        verify_ssl=access.verify,
        tls_server_name=access.server_name or None,
        proxy=options.proxy or access.proxy or None,
        client_session_kwargs={"trust_env": False},
    )
    settings.disable_strict_ssl_verification = not options.strict_tls
    if source.gives_header:
        # The library asks the hook only for keys that exist.
        settings.api_key["BearerToken"] = ""
        settings.refresh_api_key_hook = refresh  # type: ignore[assignment]
    try:
        with tempfile.TemporaryDirectory(prefix="flannel-bot-") as directory:
            if certificate is not None:
                # OpenSSL loads keys from files only; they are gone before the first request.
                settings.cert_file = str(_private(Path(directory, "crt"), certificate.certificate))
                settings.key_file = str(_private(Path(directory, "key"), certificate.key))
            api = ApiClient(settings)
    except (ssl.SSLError, ValueError, OSError) as exc:
        raise errors.Misconfigured(
            f"{access.origin}: the CA, client certificate or client key cannot be used: "
            f"{failures.short(str(exc))}"
        ) from exc
    settings.cert_file = settings.key_file = None
    rest = api.rest_client

    def connector() -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=rest.maxsize, ssl=rest.ssl_context, resolver=resolver)

    # The library means it to be replaced.
    rest._create_connector = connector  # type: ignore[method-assign]  # noqa: SLF001
    api.user_agent = options.user_agent
    return api


def _private(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def _fingerprint(files: tuple[Path, ...]) -> tuple[object, ...]:
    marks: list[object] = []
    for file in files:
        try:
            told = file.stat()
        except OSError:
            marks.append(None)
        else:
            marks.append((told.st_mtime_ns, told.st_size, told.st_ino))
    return tuple(marks)


async def _refuse_unless_good(response: aiohttp.ClientResponse, ask: Ask) -> None:
    # A proxy's 204 or a redirect that leads nowhere is no answer; a write may be 201 or 202, too.
    if response.status not in ((200,) if ask.method == "GET" else (200, 201, 202)):
        raise failures.from_answer(
            response.status,
            response.headers,
            await _error_body(response),
            verb=ask.verb,
            what=ask.what,
            grant=ask.grant,
        )


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readexactly(_LONGEST_ERROR)
    except asyncio.IncompleteReadError as exc:
        return exc.partial


def _impersonating(access: kubeconfig.Access) -> dict[str, str]:
    return {"Impersonate-User": access.impersonate} if access.impersonate else {}


def _hang_up(response: aiohttp.ClientResponse) -> None:
    # An answer that was read to its end has given its connection back. Any other leaves one that
    # cannot be used again; over TLS, closing it politely would wait for the server's farewell
    # longer than we may live.
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


async def _close(api: "ApiClient") -> None:
    await api.close()  # type: ignore[no-untyped-call]
    # Aborted connections are gone one turn of the loop later.
    await asyncio.sleep(0)
