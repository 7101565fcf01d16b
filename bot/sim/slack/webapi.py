"""The Web API's door: arguments, token, scope, rate limit, injected faults, then the method."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sim.slack import calls, errors, faults, people, rates, world
from bot.sim.slack.methods import apps, chat, conversations, files, reactions, users, viewing

Json = dict[str, Any]

METHODS: Mapping[str, calls.Method] = {
    method.name: method
    for table in (apps, chat, conversations, files, reactions, users, viewing)
    for method in table.METHODS
}

_HTML = "<!DOCTYPE html><html><head><title>Server Error</title></head><body>Oops</body></html>"
_FOR_EVER = 3600.0
_NOTED = 8192
"""Characters of an answer up to which the journal keeps it."""
_LOOK_SECONDS = 0.25
"""How often a hanging call looks whether anybody still waits for it."""


class WebApi:
    """Serves `/api/<method>`."""

    def __init__(self, whole: world.World) -> None:
        self._world = whole

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, and note it in the journal."""
        name = request.match_info["method"]
        entry = self._world.journal.add("web_api", method=name, args={}, status=None)
        started = time.monotonic()
        try:
            answer = await self._answer(request, name, entry)
        finally:
            entry["seconds"] = round(time.monotonic() - started, 6)
        entry["status"] = answer.status
        return answer

    async def _answer(self, request: web.Request, name: str, entry: Json) -> web.StreamResponse:
        try:
            args = await calls.arguments(request)
        except errors.ApiError as error:
            return self._json(error.answer(), entry)
        token = _token(request, args)
        args.pop("token", None)
        entry["args"] = args
        method = METHODS.get(name)
        if method is None:
            return self._json(
                errors.ApiError("unknown_method", {"req_method": name}).answer(), entry
            )
        call = calls.Call(
            method=name,
            token=token,
            args=args,
            base_url=f"{request.scheme}://{request.host}",
        )
        early = await self._before(request, method, call, entry)
        if early is not None:
            return early
        try:
            self._authorise(method, call)
            self._refuse(call)
            body = {"ok": True} | method.run(self._world, call)
        except errors.ApiError as error:
            return self._json(error.answer(), entry, token=token, method=method)
        late = await self._after(request, call, entry)
        return late if late is not None else self._json(body, entry, token=token, method=method)

    async def _before(
        self, request: web.Request, method: calls.Method, call: calls.Call, entry: Json
    ) -> web.StreamResponse | None:
        """Whatever strikes before the method runs."""
        channel = call.text("channel") or None
        slow = self._strike("slow", call)
        if slow is not None:
            await _wait(slow, request, default=1.0)
        if self._strike("dropped", call) is not None:
            return _drop(request)
        broken = self._strike("server_error", call)
        if broken is not None:
            return _broken(broken)
        limited = self._strike("rate_limited", call)
        seconds: float | None = None
        if limited is not None:
            seconds = limited.number("retry_after", 1)
        elif method.by != "anybody":
            seconds = self._world.rates.retry_after(
                method.name, tier=method.tier, channel=channel, mode=self._rate_mode()
            )
        if seconds is None:
            return None
        answer = self._json({"ok": False, "error": "ratelimited"}, entry, status=429)
        answer.headers["Retry-After"] = str(int(seconds))
        return answer

    async def _after(
        self, request: web.Request, call: calls.Call, entry: Json
    ) -> web.StreamResponse | None:
        """Whatever strikes when the work is done and only the answer is missing."""
        entry["stored"] = True
        if self._strike("dropped_after_storing", call) is not None:
            return _drop(request)
        broken = self._strike("server_error_after_storing", call)
        if broken is not None:
            return _broken(broken)
        hanging = self._strike("timeout_after_storing", call)
        if hanging is None:
            return None
        await _wait(hanging, request, default=_FOR_EVER)
        return _drop(request)

    def _strike(self, kind: str, call: calls.Call) -> faults.Fault | None:
        return self._world.faults.strike(
            kind, method=call.method, channel=call.text("channel") or None
        )

    def _refuse(self, call: calls.Call) -> None:
        refused = self._strike("api_error", call)
        if refused is not None:
            raise errors.ApiError(str(refused.params.get("error", "internal_error")))

    def _rate_mode(self) -> rates.Mode:
        if self._world.faults.of_kind("rate_limits_off"):
            return rates.Mode.OFF
        strict = self._world.faults.of_kind("rate_limits_strict")
        return rates.Mode.STRICT if strict else rates.Mode.REALISTIC

    def _authorise(self, method: calls.Method, call: calls.Call) -> None:
        if method.by == "anybody":
            return
        if not call.token:
            raise errors.ApiError("not_authed")
        scopes = self._scopes(call.token)
        if scopes is None:
            raise errors.ApiError("invalid_auth")
        for revoked in self._world.faults.of_kind("token_revoked"):
            if revoked.params.get("token", people.BOT_TOKEN) == call.token:
                raise errors.ApiError("token_revoked")
        is_app = call.token == people.APP_TOKEN
        if method.by != "either" and is_app is not (method.by == "app"):
            raise errors.ApiError("not_allowed_token_type")
        if method.scopes and not set(method.scopes) & set(scopes):
            raise errors.ApiError(
                "missing_scope",
                {"needed": ",".join(method.scopes), "provided": ",".join(scopes)},
            )

    def _scopes(self, token: str) -> tuple[str, ...] | None:
        scopes = calls.granted(token)
        taken = {f.params.get("scope") for f in self._world.faults.of_kind("missing_scope")}
        return None if scopes is None else tuple(s for s in scopes if s not in taken)

    def _json(
        self,
        body: Json,
        entry: Json,
        *,
        status: int = 200,
        token: str | None = None,
        method: calls.Method | None = None,
    ) -> web.Response:
        entry["ok"] = body["ok"]
        entry["error"] = body.get("error")
        text = json.dumps(body)
        entry["answer"] = body if len(text) <= _NOTED else f"{len(text)} bytes, too long to keep"
        answer = web.Response(text=text, content_type="application/json", status=status)
        scopes = self._scopes(token) if token else None
        if scopes is not None:
            answer.headers["X-OAuth-Scopes"] = ",".join(scopes)
            if method is not None and method.scopes:
                answer.headers["X-Accepted-OAuth-Scopes"] = ",".join(method.scopes)
        return answer


def _token(request: web.Request, args: Mapping[str, Any]) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    sent = args.get("token")
    return sent if isinstance(sent, str) and sent else None


async def _wait(fault: faults.Fault, request: web.Request, *, default: float) -> None:
    """Wait as long as a fault says, until somebody lifts it, or until the caller has gone."""
    end = time.monotonic() + fault.number("seconds", default)
    while request.transport is not None and not request.transport.is_closing():
        left = end - time.monotonic()
        if left <= 0:
            return
        try:
            await asyncio.wait_for(fault.lifted.wait(), min(left, _LOOK_SECONDS))
        except TimeoutError:
            continue
        return


def _drop(request: web.Request) -> web.StreamResponse:
    """Break the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


def _broken(fault: faults.Fault) -> web.Response:
    """A page or a line from something in front of the API, not from the API."""
    status = int(fault.number("status", 503))
    if fault.params.get("html", True):
        return web.Response(text=_HTML, content_type="text/html", status=status)
    return web.Response(text="upstream connect error", status=status)
