"""What people are called, where their ids stand in texts: to be read, and to call nobody.

A mention would call whoever is named each time that a hand-over or a story is told.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bot.adapters.slack import client, faults, limits, lookups, prose, wording_attention
from bot.domain import errors
from bot.flow import ports

_ID = re.compile(r"(?<![\w.@/-])[UW](?=[A-Z]*[0-9])[A-Z0-9]{6,31}(?![\w/-])", re.ASCII)
_NOBODY = frozenset({"user_not_found", "user_not_visible"})
_MOST = 20
"""Names asked for by one message."""
_TTL = 3600.0
_WITHIN = 3.0
"""Seconds for all of them: what is told is worth more than who is named in it."""


class Names:
    """Knows names by id, as Slack tells them."""

    def __init__(self, web: client.Web, *, clock: ports.Clock) -> None:
        self._web = web
        self._known = lookups.Lookups(self._asked, clock=clock, ttl=_TTL)

    async def told(self, page: prose.Page) -> prose.Page:
        """Return the page with names in place of ids that are people's. Raises nothing."""
        found = list(dict.fromkeys(_ids(page)))
        if not found:
            return page
        names = dict.fromkeys(found, "")
        tasks = {one: asyncio.create_task(self._known.get(one)) for one in found[:_MOST]}
        try:
            await asyncio.wait(tasks.values(), timeout=_WITHIN)
        finally:
            for task in tasks.values():
                task.cancel()
            ended = await asyncio.gather(*tasks.values(), return_exceptions=True)
        for one, name in zip(tasks, ended, strict=True):
            names[one] = name if isinstance(name, str) else wording_attention.somebody(one)
        for one in found[_MOST:]:
            names[one] = wording_attention.somebody(one)
        return _named(page, names)

    async def _asked(self, user: str) -> str:
        """Return a name; empty where that is nobody's id after all. Raises Unavailable."""
        try:
            told = await self._web.call("users.info", self._web.sdk.users_info(user=user))
        except errors.BotError as error:
            if error.__cause__ is not None and faults.name_of(error.__cause__) in _NOBODY:
                return ""
            raise
        found = told.get("user")
        profile = found.get("profile") if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or not isinstance(profile, Mapping):
            return ""
        names = (profile.get("display_name"), profile.get("real_name"), found.get("name"))
        name = next((one for one in names if isinstance(one, str) and one.strip()), "")
        return limits.cut(limits.clean(name), limits.NAME)


def _ids(page: prose.Page) -> Iterator[str]:
    for part in page.parts:
        for line in part.lines if isinstance(part, prose.Paragraph) else ():
            for piece in line:
                if isinstance(piece, prose.Run) and piece.style is not prose.Style.CODE:
                    yield from _ID.findall(piece.text)


def _named(page: prose.Page, names: Mapping[str, str]) -> prose.Page:
    def name(found: re.Match[str]) -> str:
        return names.get(found[0]) or found[0]

    def piece(one: prose.Piece) -> prose.Piece:
        if isinstance(one, prose.Run) and one.style is not prose.Style.CODE:
            return replace(one, text=_ID.sub(name, one.text))
        return one

    def part(one: prose.Part) -> prose.Part:
        if not isinstance(one, prose.Paragraph):
            return one
        return prose.Paragraph(tuple(tuple(map(piece, line)) for line in one.lines))

    whole = _named(page.whole, names) if page.whole is not None else None
    return replace(page, parts=tuple(map(part, page.parts)), whole=whole)
