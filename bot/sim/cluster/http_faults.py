"""What may happen to a request before the server itself sees it."""

import asyncio

from aiohttp import web

from bot.sim.cluster import errors, http_access, http_context, http_forms, misbehaviour

_HTML = """<html>
<head><title>{code} {words}</title></head>
<body>
<center><h1>{code} {words}</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""
_REFUSALS = {
    410: ("Expired", "The resourceVersion for the provided list is too old."),
    504: (
        "Timeout",
        "Timeout: request did not complete within requested timeout - context deadline exceeded",
    ),
    403: ("Forbidden", "forbidden: an admission plugin says so"),
    409: ("Conflict", "the object has been modified; please apply your changes to the latest"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
}
_WORDS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable"}


class Dropped(Exception):
    """The connection is gone on purpose; there is nothing to answer."""


async def spoil(
    context: http_context.Context, request: web.BaseRequest, *, resource: str, verb: str
) -> web.Response | None:
    """An answer in the server's place, or none after a while; None lets the request through.

    Raises:
        Dropped: the connection was closed without an answer.
        errors.StatusError: the server's own refusal was asked for.
    """
    agent = request.headers.get("User-Agent", "")

    def strikes(name: str) -> misbehaviour.Fault | None:
        return context.switchboard.find((name,), resource=resource, verb=verb, user_agent=agent)

    if strikes("hang"):
        await _until_cleared(context, "hang")
        raise _drop(request)
    if strikes("abort"):
        raise _drop(request)
    slow = strikes("slow")
    if slow is not None:
        await asyncio.sleep(slow.number("seconds", 1))
    html = strikes("html")
    if html is not None:
        return _html(int(html.number("code", 502)))
    broken = strikes("error")
    if broken is not None:
        return _error(int(broken.number("code", 500)))
    throttle = strikes("throttle")
    if throttle is not None:
        return _too_many(int(throttle.number("retry_after", 1)))
    if strikes("unauthorized"):
        raise http_access.unauthorized()
    return None


def lose(
    context: http_context.Context, request: web.BaseRequest, *, resource: str, verb: str
) -> None:
    """Perhaps let nobody know that a request has been done.

    Raises:
        Dropped: the connection was closed without an answer.
    """
    agent = request.headers.get("User-Agent", "")
    if context.switchboard.find(("lose",), resource=resource, verb=verb, user_agent=agent):
        raise _drop(request)


def _drop(request: web.BaseRequest) -> Dropped:
    if request.transport is not None:
        request.transport.abort()
    return Dropped()


async def _until_cleared(context: http_context.Context, name: str) -> None:
    changed = asyncio.Event()
    stop = context.switchboard.listen(changed.set)
    stopping = asyncio.create_task(context.stopping.wait(), name="a hanging request")
    try:
        while context.switchboard.is_on(name) and not context.stopping.is_set():
            changed.clear()
            woken = asyncio.create_task(changed.wait(), name="a hanging request")
            try:
                await asyncio.wait({woken, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
    finally:
        stopping.cancel()
        stop()


def _html(code: int) -> web.Response:
    text = _HTML.format(code=code, words=_WORDS.get(code, "Error"))
    return http_context.reply(text.encode(), status=code, content_type="text/html")


def _error(code: int) -> web.Response:
    if code == 503:
        return http_context.reply(
            b"upstream connect error or disconnect/reset before headers\n",
            status=503,
            content_type="text/plain",
        )
    if code in _REFUSALS:
        refused = errors.StatusError(code, *_REFUSALS[code], details={})
        return http_context.reply(http_forms.encode(refused.status()), status=code)
    status = errors.StatusError(
        code,
        "InternalError",
        "Internal error occurred: etcdserver: request timed out",
        details={"causes": [{"message": "etcdserver: request timed out"}]},
    )
    return http_context.reply(http_forms.encode(status.status()), status=code)


def _too_many(seconds: int) -> web.Response:
    # Priority and fairness refuse before anything knows what a Status is.
    return http_context.reply(
        b"Too many requests, please try again later.\n",
        status=429,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(seconds), "X-Content-Type-Options": "nosniff"},
    )
