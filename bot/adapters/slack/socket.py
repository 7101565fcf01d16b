"""Socket Mode, kept alive.

Slack's SDK reconnects by itself, but not always: the address of a socket is a ticket for one use,
and when a connection fails with it the SDK tries the spent ticket for ever. The watch here throws
such an address away, then the whole connection, and in the end says that the adapter is dead.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import WSMessage, WSMsgType
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.adapters.slack import client
from bot.adapters.slack.options import Options
from bot.flow import ports

log = structlog.get_logger(__name__)

Handle = Callable[[AsyncBaseSocketModeClient, SocketModeRequest], Awaitable[None]]

_LINK_DISABLED = "Socket Mode is switched off in the Slack app's settings (link_disabled)"


class Socket:
    """One connection at a time, replaced as often as needed."""

    def __init__(
        self,
        web: client.Web,
        *,
        options: Options,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        handle: Handle,
    ) -> None:
        self._web = web
        self._options = options
        self._clock = clock
        self._telemetry = telemetry
        self._handle = handle
        self._sdk: SocketModeClient | None = None
        self._was_connected = self._ever_connected = False
        self._down_since: float | None = None
        self._cured_at = 0.0
        self._disabled = False
        self.dead = False
        """Whether the connection has been down for `give_up_after`; False again if it returns."""

    @property
    def connected(self) -> bool:
        """Whether Slack can reach us now."""
        sdk = self._sdk
        return (
            sdk is not None
            and not sdk.closed
            and not sdk.stale
            and sdk.current_session is not None
            and not sdk.current_session.closed
        )

    @property
    def trouble(self) -> str:
        """Why it is not connected, as far as is known; empty while it is."""
        if self.connected:
            return ""
        if self._disabled:
            return _LINK_DISABLED
        lost = "the connection was lost" if self._ever_connected else "not connected yet"
        return self._web.quiet.last or lost

    async def run(self) -> None:
        """Stay connected until cancelled."""
        self._down_since = self._cured_at = self._clock.monotonic()
        self._web.quiet.last = ""
        try:
            while True:
                self._disabled = False
                await self._one()
                if self._disabled:
                    # Only a person can switch it on again; look now and then whether one has.
                    await self._pause(self._options.watchdog_after)
        finally:
            self._sdk = None
            self._telemetry.gauge("slack_connected", 0)

    async def _one(self) -> None:
        """Hold one connection until it has to be replaced."""
        sdk = SocketModeClient(
            app_token=self._options.app_token,
            logger=self._web.sdk.logger,
            web_client=self._web.sdk,
            ping_interval=self._options.ping_interval,
            on_message_listeners=[self._overhear],
        )
        sdk.proxy = client.proxy_for(self._options.api_url)
        sdk.socket_mode_request_listeners.append(self._handle)
        self._sdk = sdk
        connecting = asyncio.create_task(_connect(sdk), name="slack socket")
        try:
            await self._watch(sdk)
        finally:
            connecting.cancel()
            await sdk.close()  # type: ignore[no-untyped-call]
            left = (connecting, sdk.message_processor, sdk.message_receiver)
            tasks = [task for task in (*left, sdk.current_session_monitor) if task is not None]
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, sdk: SocketModeClient) -> None:
        """Return when this connection should be replaced."""
        cures = 0
        while not self._disabled:
            now = self._clock.monotonic()
            self._note(now)
            if self._down_since is None:
                cures = 0
            elif now - max(self._down_since, self._cured_at) >= self._options.watchdog_after:
                self._cured_at = now
                cures += 1
                log.warning("slack_socket_cured", attempt=cures, trouble=self.trouble)
                if cures > 1:
                    return
                sdk.wss_uri = None
            await self._clock.sleep(self._tick)

    @property
    def _tick(self) -> float:
        return min(1.0, self._options.watchdog_after / 10)

    async def _pause(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (now := self._clock.monotonic()) < until:
            self._note(now)
            await self._clock.sleep(self._tick)

    def _note(self, now: float) -> None:
        """Tell changes of the connection's state, and judge when it is dead."""
        connected = self.connected
        self._telemetry.gauge("slack_connected", int(connected))
        if connected:
            if not self._was_connected:
                log.info("slack_connected")
            self._ever_connected = True
            self._down_since, self.dead, self._web.quiet.last = None, False, ""
        else:
            if self._down_since is None:
                self._down_since = now
                log.warning("slack_disconnected", trouble=self.trouble)
            limit = self._options.give_up_after
            if limit > 0 and now - self._down_since >= limit and not self.dead:
                self.dead = True
                log.error("slack_given_up", seconds=limit, trouble=self.trouble)
        self._was_connected = connected

    async def _overhear(self, message: WSMessage) -> None:
        """Learn why Slack ends a connection; the SDK treats all reasons alike."""
        if message.type is not WSMsgType.TEXT or "link_disabled" not in message.data:
            return
        try:
            told = json.loads(message.data)
        except ValueError:
            return
        if isinstance(told, dict) and (told.get("type"), told.get("reason")) == (
            "disconnect",
            "link_disabled",
        ):
            log.error("slack_link_disabled")
            self._disabled = True


async def _connect(sdk: SocketModeClient) -> None:
    await sdk.connect()  # type: ignore[no-untyped-call]
