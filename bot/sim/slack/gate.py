"""Who may come in: the control doors open to this machine and to this server's own page only.

Two attackers are meant: another machine, when the server listens on more than loopback, and a
page in the user's own browser, which can reach loopback by a foreign form (told by `Origin` and
`Sec-Fetch-Site`) or by a rebound host name (told by `Host`).
"""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTROL = "/_sim/"


def _is_loopback(name: str | None) -> bool:
    if name is None:
        return False
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def objection(request: web.Request) -> str | None:
    """Why a request is refused, None when it is not."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        return f"origin {origin} is not this server"
    if not request.path.startswith(CONTROL):
        return None
    if not _is_loopback(request.remote):
        return "control is for this machine only"
    if not _is_loopback(_hostname(request.headers.get("Host", ""))):
        return "the Host header does not name this machine"
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return "another site sent this request"
    return None


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 what is not meant for this server."""
    reason = objection(request)
    if reason is not None:
        body = {"ok": False, "error": "forbidden", "message": reason}
        return web.json_response(body, status=403)
    return await handler(request)
