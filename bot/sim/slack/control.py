"""The doors under `/_sim/`: people act, tests look and break things, the page listens."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from bot.sim.slack import delivery, errors, faults, interactions, people, shapes, webhooks, world

Json = dict[str, Any]
Act = Callable[[web.Request, Json], Awaitable[Json]]

_NOT_FOUND = frozenset(
    f"{thing}_not_found"
    for thing in ("message", "channel", "user", "action", "option", "view", "thread")
)
_ALTERABLE_CHANNEL = frozenset({"is_archived", "is_ext_shared", "is_private", "topic"})
_ALTERABLE_PERSON = frozenset({"deleted", "is_restricted", "is_ultra_restricted", "is_admin"})


class Control:
    """Serves the control doors."""

    def __init__(self, whole: world.World, *, banner: str) -> None:
        self._world = whole
        self._people = interactions.Interactions(whole)
        self._banner = banner

    def routes(self) -> list[web.RouteDef]:
        """Every door."""
        acts: Mapping[str, Act] = {
            "command": self._command,
            "message": self._message,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "click": self._click,
            "shortcut": self._shortcut,
            "view_submit": self._view_submit,
            "view_close": self._view_close,
            "home": self._open_home,
            "raw": self._raw,
            "verify": self._verify,
            "disconnect": self._disconnect,
            "channel": self._alter_channel,
            "person": self._alter_person,
        }
        return [
            web.get("/_sim/messages", self._messages),
            web.get("/_sim/requests", self._requests),
            web.get("/_sim/state", self._state),
            web.get("/_sim/truth", self._truth),
            web.get("/_sim/views", self._views),
            web.get("/_sim/stream", self._stream),
            web.get("/_sim/faults", self._list_faults),
            web.put("/_sim/faults/{name}", self._put_fault),
            web.delete("/_sim/faults/{name}", self._lift_fault),
            *(web.post(f"/_sim/{name}", _acting(act)) for name, act in acts.items()),
        ]

    async def _messages(self, request: web.Request) -> web.Response:
        space = self._world.space
        wanted = request.query.get("channel")
        if wanted is not None and wanted not in space.channels:
            return _failed("channel_not_found", status=404)
        channels = [wanted] if wanted else list(space.channels)
        said = sorted(
            (message for channel in channels for message in space.messages(channel)),
            key=lambda message: float(message.ts),
        )
        return web.json_response(
            {
                "ok": True,
                "messages": [self._world.live.message(message) for message in said],
                "ephemerals": [shapes.ephemeral(whisper) for whisper in space.ephemerals(wanted)],
            }
        )

    async def _requests(self, request: web.Request) -> web.Response:
        try:
            since = float(request.query.get("since", "0"))
        except ValueError:
            return _failed("since must be a number")
        log = self._world.journal
        return web.json_response({"ok": True, "requests": log.since(since), "next": log.last})

    async def _state(self, _request: web.Request) -> web.Response:
        space = self._world.space
        return web.json_response(
            {
                "ok": True,
                "banner": self._banner,
                "command": people.COMMAND,
                "bot": people.BOT_USER,
                "online": self._world.way.online(),
                "team": {"id": people.TEAM, "name": space.teams[people.TEAM].name},
                "users": [
                    shapes.person(person, shares_a_channel=True) for person in space.people.values()
                ],
                "channels": [
                    shapes.channel(channel, member=people.BOT_USER)
                    | {"members": sorted(channel.members)}
                    for channel in space.channels.values()
                ],
                "shortcuts": [{"callback_id": people.SHORTCUT, "name": people.SHORTCUT_NAME}],
                "roles": {
                    user: {"role": role, "may": may} for user, (role, may) in people.ROLES.items()
                },
                "groups": [shapes.group(g, with_users=True) for g in space.groups.values()],
            }
        )

    async def _truth(self, _request: web.Request) -> web.Response:
        space = self._world.space
        return web.json_response(
            {
                "ok": True,
                "online": self._world.way.online(),
                "connections": self._world.links.count,
                "verified": getattr(self._world.way, "verified", None),
                "messages": {channel: len(space.messages(channel)) for channel in space.channels},
                "ephemerals": len(space.ephemerals()),
                "faults": [fault.shape() for fault in self._world.faults.standing()],
            }
        )

    async def _views(self, request: web.Request) -> web.Response:
        user = request.query.get("user", "")
        home = self._world.views.homes.get(user)
        return web.json_response(
            {
                "ok": True,
                "modals": [view.shape() for view in self._world.views.stack(user)],
                "home": None if home is None else home.shape(),
            }
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        # Whoever sees it open asks for everything then: from there on nothing may be missed.
        with self._world.live.reading(heartbeat=self._world.pace.heartbeat) as texts:
            await answer.prepare(request)
            online = json.dumps({"online": self._world.way.online()})
            await answer.write(f"retry: 1000\nevent: presence\ndata: {online}\n\n".encode())
            async for text in texts:
                try:
                    await answer.write(text.encode())
                except ConnectionError:
                    break
        return answer

    async def _list_faults(self, _request: web.Request) -> web.Response:
        standing = [fault.shape() for fault in self._world.faults.standing()]
        known = {kind: list(params) for kind, params in faults.KINDS.items()}
        return web.json_response(
            {"ok": True, "faults": standing, "known": known, "about": dict(faults.ABOUT)}
        )

    async def _put_fault(self, request: web.Request) -> web.Response:
        try:
            body = await _body(request)
            params = body.get("params") or {}
            if not isinstance(params, dict):
                return _failed("params must be an object")
            fault = self._world.faults.put(request.match_info["name"], params)
        except errors.ApiError as error:
            return _failed(error.error)
        except faults.UnknownFaultError as error:
            return _failed(str(error))
        return web.json_response({"ok": True, "fault": fault.shape()})

    async def _lift_fault(self, request: web.Request) -> web.Response:
        lifted = self._world.faults.lift(request.match_info["name"])
        return web.json_response({"ok": True, "lifted": lifted})

    async def _command(self, request: web.Request, body: Json) -> Json:
        return await self._people.command(
            user=_need(body, "user"),
            channel=_need(body, "channel"),
            text=_maybe(body, "text") or "",
            base_url=_base(request),
        )

    async def _message(self, _request: web.Request, body: Json) -> Json:
        return self._people.write(
            user=_need(body, "user"),
            channel=_need(body, "channel"),
            text=_need(body, "text"),
            thread_ts=_maybe(body, "thread_ts"),
        )

    async def _edit(self, _request: web.Request, body: Json) -> Json:
        return self._people.rewrite(
            user=_need(body, "user"),
            channel=_need(body, "channel"),
            ts=_need(body, "ts"),
            text=_need(body, "text"),
        )

    async def _delete(self, _request: web.Request, body: Json) -> Json:
        self._people.erase(
            user=_need(body, "user"), channel=_need(body, "channel"), ts=_need(body, "ts")
        )
        return {}

    async def _react(self, _request: web.Request, body: Json) -> Json:
        self._people.react(
            user=_need(body, "user"),
            channel=_need(body, "channel"),
            ts=_need(body, "ts"),
            emoji=_need(body, "emoji"),
        )
        return {}

    async def _shortcut(self, request: web.Request, body: Json) -> Json:
        return await self._people.shortcut(
            user=_need(body, "user"),
            channel=_need(body, "channel"),
            ts=_need(body, "ts"),
            callback_id=_maybe(body, "callback_id") or people.SHORTCUT,
            base_url=_base(request),
        )

    async def _click(self, request: web.Request, body: Json) -> Json:
        chosen = _maybe(body, "value")
        if body.get("view_id"):
            return await self._people.click_in_view(
                user=_need(body, "user"),
                view_id=_need(body, "view_id"),
                action_id=_need(body, "action_id"),
                chosen=chosen,
            )
        return await self._people.click(
            user=_need(body, "user"),
            channel=_need(body, "channel"),
            ts=_need(body, "ts"),
            action_id=_need(body, "action_id"),
            block_id=_maybe(body, "block_id"),
            chosen=chosen,
            base_url=_base(request),
        )

    async def _view_submit(self, _request: web.Request, body: Json) -> Json:
        values = body.get("values") or {}
        if not isinstance(values, dict):
            raise errors.ApiError("values must be an object")
        return await self._people.submit(
            user=_need(body, "user"), view_id=_maybe(body, "view_id"), values=values
        )

    async def _view_close(self, _request: web.Request, body: Json) -> Json:
        return await self._people.dismiss(user=_need(body, "user"), view_id=_maybe(body, "view_id"))

    async def _open_home(self, _request: web.Request, body: Json) -> Json:
        tab = _maybe(body, "tab") or "home"
        if tab not in {"home", "messages"}:
            raise errors.ApiError("tab must be home or messages")
        self._people.open_home(user=_need(body, "user"), tab=tab)
        return {}

    async def _verify(self, _request: web.Request, _body: Json) -> Json:
        """Ask the app's address for a challenge back, as entering it at Slack does."""
        way = self._world.way
        if not isinstance(way, webhooks.Webhooks):
            raise errors.ApiError("there is an address to verify in mode http only")
        outcome = await way.verify()
        return {"verified": way.verified, "error": outcome.error}

    async def _raw(self, _request: web.Request, body: Json) -> Json:
        """A forged payload in a true envelope, or any text as a frame of its own."""
        if "frame" in body or "envelope_id" in body:
            frame = body.get("frame", body)
            text = frame if isinstance(frame, str) else json.dumps(frame)
            return {"links": await self._world.links.raw(text)}
        named = body.get("kind") or body.get("type") or "interactive"
        payload = body.get("payload")
        kind = next((known for known in delivery.KINDS if known == named), None)
        if kind is None:
            raise errors.ApiError(f"unknown kind {named}")
        if not isinstance(payload, dict):
            raise errors.ApiError("payload must be an object")
        outcome = await self._world.way.send(kind, payload)
        return {
            "acked": outcome.acked,
            "error": outcome.error,
            "latency_ms": round(outcome.seconds * 1000, 3),
            "response": outcome.payload,
        }

    async def _disconnect(self, _request: web.Request, body: Json) -> Json:
        """End Socket Mode connections: a reason announces it, `cut` breaks them unannounced."""
        if body.get("cut"):
            return {"links": self._world.links.cut()}
        reason = _need(body, "reason")
        close = bool(body.get("close", reason != "warning"))
        return {"links": await self._world.links.disconnect(reason, close=close)}

    async def _alter_channel(self, _request: web.Request, body: Json) -> Json:
        channel = _need(body, "channel")
        space = self._world.space
        if channel not in space.channels:
            raise errors.ApiError("channel_not_found")
        for user in body.get("leave", ()):
            space.leave(channel, user)
        for user in body.get("join", ()):
            space.join(channel, user)
        changes = {key: body[key] for key in _ALTERABLE_CHANNEL & body.keys()}
        if changes:
            space.alter_channel(channel, changes)
        return {"channel": shapes.channel(space.channels[channel], member=people.BOT_USER)}

    async def _alter_person(self, _request: web.Request, body: Json) -> Json:
        user = _need(body, "user")
        if user not in self._world.space.people:
            raise errors.ApiError("user_not_found")
        changes = {key: bool(body[key]) for key in _ALTERABLE_PERSON & body.keys()}
        self._world.space.alter_person(user, changes)
        return {"user": user}


def _acting(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            return web.json_response({"ok": True} | await act(request, await _body(request)))
        except errors.ApiError as error:
            status = 404 if error.error in _NOT_FOUND else 400
            return _failed(error.error, status=status)

    return handler


def _failed(error: str, *, status: int = 400) -> web.Response:
    return web.json_response({"ok": False, "error": error}, status=status)


async def _body(request: web.Request) -> Json:
    if not request.can_read_body:
        return {}
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise errors.ApiError("invalid_json") from None
    if not isinstance(body, dict):
        raise errors.ApiError("json_not_object")
    return body


def _need(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise errors.ApiError(f"missing {name}")
    return value


def _maybe(body: Json, name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def _base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"
