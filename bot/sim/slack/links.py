"""Socket Mode: WebSocket connections opened with single-use tickets, and envelopes over them.

One payload goes to one connection. An acknowledgement counts whichever connection brings it,
since a client that has just reconnected acknowledges over its new one. Commands and clicks are
sent once; repeating events is the business of `events`.
"""

import asyncio
import contextlib
import json
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import WSCloseCode, WSMsgType, web

from bot.sim.slack import delivery, faults, journal, limits, people

Json = dict[str, Any]


class _Link(NamedTuple):
    socket: web.WebSocketResponse
    request: web.Request


class Links:
    """The app's open connections, and what it has yet to acknowledge."""

    def __init__(
        self,
        *,
        standing: faults.Faults,
        log: journal.Journal,
        ack_seconds: float = limits.ACK_SECONDS,
        life_seconds: float = limits.CONNECTION_SECONDS,
        changed: Callable[[], None],
    ) -> None:
        self._faults = standing
        self._log = log
        self._ack_seconds = ack_seconds
        self._life_seconds = life_seconds
        self._changed = changed
        self._tickets: set[str] = set()
        self._open: list[_Link] = []
        self._turn = 0
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def ticket(self) -> str:
        """A new ticket for one connection."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    def online(self) -> bool:
        """Whether at least one connection is open."""
        return bool(self._open)

    @property
    def count(self) -> int:
        """Open connections."""
        return len(self._open)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket endpoint."""
        ticket = request.query.get("ticket", "")
        known = ticket in self._tickets
        self._tickets.discard(ticket)
        if not known or self._faults.strike("link_refused") is not None:
            self._log.add("link", event="refused", reason="fault" if known else "ticket")
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=404)
        socket = web.WebSocketResponse(autoping=False)
        link = _Link(socket, request)
        await socket.prepare(request)
        if len(self._open) >= limits.CONNECTIONS:
            await _announce(socket, "too_many_websockets")
            await socket.close(code=WSCloseCode.GOING_AWAY)
            return socket
        self._open.append(link)
        self._log.add("link", event="opened", connections=self.count)
        self._changed()
        ageing = asyncio.create_task(self._age(socket), name="slack link ageing")
        try:
            await self._greet(socket)
            await self._receive(socket)
        finally:
            ageing.cancel()
            self._open.remove(link)
            self._log.add("link", event="closed", connections=self.count, code=socket.close_code)
            self._changed()
        return socket

    async def _greet(self, socket: web.WebSocketResponse) -> None:
        hello = {
            "type": "hello",
            "num_connections": self.count,
            "debug_info": {
                "host": "applink-simulated",
                "build_number": 1,
                "approximate_connection_time": int(self._life_seconds),
            },
            "connection_info": {"app_id": people.APP},
        }
        await socket.send_str(json.dumps(hello))

    async def _age(self, socket: web.WebSocketResponse) -> None:
        """End a connection when its time is over, said a while before."""
        notice = min(limits.WARNING_SECONDS, self._life_seconds / 2)
        with contextlib.suppress(ConnectionError):
            await asyncio.sleep(self._life_seconds - notice)
            await _announce(socket, "warning")
            await asyncio.sleep(notice)
            await _announce(socket, "refresh_requested")
            await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)

    async def _receive(self, socket: web.WebSocketResponse) -> None:
        async for frame in socket:
            if self._faults.of_kind("link_silent"):
                continue
            if frame.type is WSMsgType.PING:
                await socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                self._acknowledge(frame.data)

    def _acknowledge(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        envelope = message.get("envelope_id") if isinstance(message, dict) else None
        future = self._waiting.get(str(envelope))
        known = future is not None and not future.done()
        self._log.add("ack", envelope_id=envelope, known=known, body=message)
        if future is not None and known:
            future.set_result(message)

    async def send(
        self,
        kind: delivery.Kind,
        payload: Json,
        *,
        retry: delivery.Retry | None = None,
    ) -> delivery.Outcome:
        """Send one envelope over the next connection in turn and wait for its acknowledgement."""
        started = time.monotonic()
        envelope: Json = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": delivery.accepts_response(kind, payload),
        }
        if kind == "events_api":
            envelope["retry_attempt"] = retry.attempt if retry else 0
            envelope["retry_reason"] = retry.reason if retry else ""
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = future
        try:
            async with asyncio.timeout(self._ack_seconds):
                if not await self._transmit(envelope):
                    return delivery.Outcome(error=delivery.UNREACHABLE)
                answer = await future
        except TimeoutError:
            return delivery.Outcome(error=delivery.TIMED_OUT, seconds=time.monotonic() - started)
        finally:
            del self._waiting[envelope["envelope_id"]]
        carried = answer.get("payload") if envelope["accepts_response_payload"] else None
        return delivery.Outcome(
            payload=carried if isinstance(carried, dict) else None,
            seconds=time.monotonic() - started,
        )

    async def _transmit(self, envelope: Json) -> bool:
        late = self._faults.strike("envelopes_delayed")
        if late is not None:
            await asyncio.sleep(late.number("seconds", 1.0))
        copies = 2 if self._faults.strike("envelopes_doubled") is not None else 1
        sent = False
        for _ in range(copies):
            sent = await self._send_once(envelope) or sent
        return sent

    async def _send_once(self, envelope: Json) -> bool:
        for _ in range(len(self._open)):
            self._turn += 1
            socket = self._open[self._turn % len(self._open)].socket
            if socket.closed:
                continue
            self._log.add(
                "envelope",
                envelope_id=envelope["envelope_id"],
                type=envelope["type"],
                retry_attempt=envelope.get("retry_attempt"),
                body=envelope,
            )
            if self._faults.of_kind("link_silent"):
                return True
            try:
                await socket.send_str(json.dumps(envelope))
            except ConnectionError:
                continue
            return True
        return False

    def _alive(self) -> tuple[_Link, ...]:
        return tuple(link for link in self._open if not link.socket.closed)

    async def raw(self, text: str) -> int:
        """Send any text to every connection; how many took it."""
        links = self._alive()
        for link in links:
            await link.socket.send_str(text)
        return len(links)

    async def disconnect(self, reason: str, *, close: bool) -> int:
        """Announce the end to every connection, and with `close` bring it about."""
        links = self._alive()
        for link in links:
            await _announce(link.socket, reason)
            if close:
                await link.socket.close(code=WSCloseCode.GOING_AWAY, drain=False)
        return len(links)

    def cut(self) -> int:
        """Break every connection without a word, as a dying router does."""
        links = self._alive()
        for link in links:
            if link.request.transport is not None:
                link.request.transport.abort()
        return len(links)

    async def close(self) -> None:
        """End all connections."""
        for link in self._alive():
            await link.socket.close(code=WSCloseCode.GOING_AWAY, drain=False)


async def _announce(socket: web.WebSocketResponse, reason: str) -> None:
    body = {
        "type": "disconnect",
        "reason": reason,
        "debug_info": {"host": "applink-simulated"},
    }
    await socket.send_str(json.dumps(body))
