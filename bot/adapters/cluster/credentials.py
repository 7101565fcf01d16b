"""What goes into the Authorization header, kept fresh.

Token files are read again as they age, since a pod's token lives for an hour. An exec plugin is
run again shortly before what it gave expires, and after a 401. OIDC auth-providers are not
refreshed.
"""

import asyncio
import base64
import contextlib
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib import parse

import msgspec

from bot.adapters.cluster import failures, kubeconfig
from bot.adapters.cluster.options import Options
from bot.domain import errors
from bot.flow import ports

_BEFORE_EXPIRY = timedelta(seconds=60)


class _Granted(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    status: _Granted | None = None


_ANSWER = msgspec.json.Decoder(_ExecCredential)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate and its key, PEM."""

    certificate: bytes
    key: bytes


class Credentials:
    """The credentials of one access."""

    def __init__(self, access: kubeconfig.Access, options: Options, *, clock: ports.Clock) -> None:
        self._access = access
        self._options = options
        self._clock = clock
        self._read_at: float | None = None
        self._token = access.token
        self._granted: _Granted | None = None
        self._lock = asyncio.Lock()

    async def certificate(self) -> Certificate | None:
        """Return the client certificate to show, from the kubeconfig or the exec plugin."""
        if self._access.plugin is not None:
            granted = await self._from_plugin(self._access.plugin)
            if granted.client_certificate_data:
                return Certificate(
                    granted.client_certificate_data.encode(), granted.client_key_data.encode()
                )
        if self._access.certificate:
            return Certificate(self._access.certificate, self._access.key)
        return None

    async def authorization(self) -> str:
        """Return the header's value, or an empty text where a certificate must do.

        Raises:
            Misconfigured: where the token file or the plugin is definitely wrong.
            Failure: where the plugin failed this time.
        """
        access = self._access
        if not _is_private(access.server):
            return ""
        if access.plugin is not None:
            granted = await self._from_plugin(access.plugin)
            return f"Bearer {granted.token}" if granted.token else ""
        if access.token_file is not None:
            return f"Bearer {self._from_file()}"
        if access.token:
            return f"Bearer {access.token}"
        if access.user:
            pair = base64.b64encode(f"{access.user}:{access.password}".encode()).decode()
            return f"Basic {pair}"
        return ""

    def forget(self) -> None:
        """Drop what may be stale: the next request reads the file or runs the plugin again."""
        self._read_at = None
        self._granted = None

    @property
    def gives_header(self) -> bool:
        """Whether there is, or may be, something for the Authorization header."""
        access = self._access
        granted = self._granted
        return _is_private(access.server) and bool(
            access.token
            or access.token_file is not None
            or access.user
            or (granted is not None and granted.token)
        )

    @property
    def certificate_expires_soon(self) -> bool:
        """Whether the exec plugin gave a client certificate that is about to end."""
        granted = self._granted
        return (
            granted is not None
            and bool(granted.client_certificate_data)
            and self._expires_soon(granted)
        )

    @property
    def refreshable(self) -> bool:
        """Whether forgetting could help against a 401."""
        return self._access.plugin is not None or self._access.token_file is not None

    def _from_file(self) -> str:
        path = self._access.token_file
        assert path is not None
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= self._options.credentials_interval:
            try:
                token = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as exc:
                if not self._token:
                    raise errors.Misconfigured(f"cannot read the token file {path}") from exc
                token = self._token
            if not token and not self._token:
                raise errors.Misconfigured(f"the token file {path} is empty")
            # While a rotation replaces the file it may be missing or empty for a moment.
            self._token = token or self._token
            self._read_at = now
        return self._token

    async def _from_plugin(self, plugin: kubeconfig.Plugin) -> _Granted:
        async with self._lock:
            granted = self._granted
            if granted is not None and not self._expires_soon(granted):
                return granted
            self._granted = await run(plugin, timeout=self._options.exec_timeout)
            return self._granted

    def _expires_soon(self, granted: _Granted) -> bool:
        expiry = granted.expiration_timestamp
        if expiry is None:
            return False
        return expiry.tzinfo is not None and self._clock.now() >= expiry - _BEFORE_EXPIRY


async def run(plugin: kubeconfig.Plugin, *, timeout: float) -> _Granted:  # noqa: ASYNC109
    """Run an exec plugin and return what it granted.

    Raises:
        Misconfigured: if it does not exist or answers nonsense.
        Failure: if it fails or takes too long, which may pass.
    """
    name = plugin.command
    spec: dict[str, object] = {"interactive": False}
    if plugin.cluster_info is not None:
        spec["cluster"] = plugin.cluster_info
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    environment = {**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        process = await asyncio.create_subprocess_exec(
            name,
            *plugin.args,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as exc:
        hint = f"; hint: {failures.short(plugin.install_hint)}" if plugin.install_hint else ""
        raise errors.Misconfigured(
            f"the kubeconfig's exec plugin {name} cannot be run: {exc.strerror}{hint}"
        ) from exc
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate()
    except TimeoutError as exc:
        raise failures.Failure(
            f"the kubeconfig's exec plugin {name} did not finish in {timeout:g} s"
        ) from exc
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        said = failures.short(err.decode("utf-8", errors="replace"))
        raise failures.Failure(
            f"the kubeconfig's exec plugin {name} failed with exit code {process.returncode}"
            f"{f': {said}' if said else ''}"
        )
    try:
        granted = _ANSWER.decode(out).status or _Granted()
    except msgspec.DecodeError as exc:
        raise errors.Misconfigured(
            f"the kubeconfig's exec plugin {name} did not print an ExecCredential"
        ) from exc
    if not granted.token and not (granted.client_certificate_data and granted.client_key_data):
        raise errors.Misconfigured(
            f"the kubeconfig's exec plugin {name} gave neither a token nor a certificate with key"
        )
    return granted


def _is_private(server: str) -> bool:
    # As kubectl: no token over plain HTTP, where anybody could read it, unless it stays here.
    parts = parse.urlsplit(server)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")
