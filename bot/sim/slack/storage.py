"""The doors of files over HTTP: content comes in by a ticket, and goes out to who may see it.

Who may: the app with its token, and the page of this server, as a signed-in client may at Slack.
"""

from aiohttp import BodyPartReader, web

from bot.sim.slack import calls, errors, files, limits, people, world

_CHUNK = 64 * 1024


class Storage:
    """Serves `/upload/` and `/files-pri/`."""

    def __init__(self, whole: world.World) -> None:
        self._world = whole

    def routes(self) -> list[web.RouteDef]:
        """Both doors; the name at the end of a file's address is for people."""
        place = rf"/files-pri/{people.TEAM}-{{file:\w+}}"
        return [
            web.post("/upload/v1/{ticket}", self._receive),
            web.get(place, self._send),
            web.get(place + "/{name}", self._send),
        ]

    async def _receive(self, request: web.Request) -> web.Response:
        """Take a file's bytes, plain or as the one file of a form."""
        entry = self._world.journal.add("upload", status=200, size=0, error=None)
        body = await _content(request)
        entry["size"] = len(body)
        try:
            self._world.files.receive(request.match_info["ticket"], body)
        except errors.ApiError as error:
            entry["status"], entry["error"] = 400, error.error
            return web.Response(status=400, text=error.error)
        return web.Response(text=f"OK - {len(body)}")

    async def _send(self, request: web.Request) -> web.StreamResponse:
        if not _may_see(request):
            # Slack sends whoever is not signed in to a page, with no error a program would notice.
            raise web.HTTPFound("/")
        file = self._world.files.get(request.match_info["file"])
        if file is None:
            raise web.HTTPNotFound
        shown = file.kind is not None and file.kind.is_image and "download" not in request.query
        return web.Response(
            body=file.body or b"",
            content_type=_type(file) if shown else "application/octet-stream",
            headers={
                "Cache-Control": "private, max-age=3600" if shown else "no-store",
                "Content-Disposition": "inline" if shown else "attachment",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cross-Origin-Resource-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
            },
        )


def _type(file: files.File) -> str:
    return file.kind.mimetype if file.kind is not None else "application/octet-stream"


def _may_see(request: web.Request) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return "files:read" in (calls.granted(token.strip()) or ())
    # Browsers say where a request comes from; a page elsewhere cannot say "same-origin".
    return request.headers.get("Sec-Fetch-Site") in {"same-origin", "none"}


async def _content(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name in {"file", "filename"}:
            body = bytearray()
            while chunk := await part.read_chunk(_CHUNK):
                body += chunk
                if len(body) > limits.FILE_BYTES:
                    raise web.HTTPRequestEntityTooLarge(limits.FILE_BYTES, len(body))
            return bytes(body)
    return b""
