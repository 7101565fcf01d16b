"""The page's files, served from the package with headers that allow nothing else."""

from importlib import resources

from aiohttp import web

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class Pages:
    """Holds the files in memory."""

    def __init__(self) -> None:
        folder = resources.files("bot.sim.slack") / "page"
        self._files = {
            entry.name: entry.read_bytes()
            for entry in folder.iterdir()
            if entry.name.rpartition(".")[2] in _TYPES
        }

    def routes(self) -> list[web.RouteDef]:
        """The page, its parts, and permalinks, which lead into the page."""
        return [
            web.get("/", self._index),
            web.get("/page/{name}", self._file),
            web.get(r"/archives/{channel:\w+}/p{stamp:\d{7,}}", self._permalink),
        ]

    async def _index(self, _request: web.Request) -> web.Response:
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    async def _permalink(self, request: web.Request) -> web.StreamResponse:
        stamp = request.match_info["stamp"]
        channel = request.match_info["channel"]
        raise web.HTTPFound(f"/#{channel}/{stamp[:-6]}.{stamp[-6:]}")

    def _answer(self, name: str) -> web.Response:
        body = self._files.get(name)
        if body is None:
            raise web.HTTPNotFound
        return web.Response(
            body=body,
            content_type=_TYPES[name.rpartition(".")[2]],
            charset="utf-8",
            headers={
                "Cache-Control": "no-cache",
                "Content-Security-Policy": POLICY,
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )
