"""How an answer reaches the person who asked."""

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.adapters.slack import blocks, client, faults, prose, uploads, wording_work
from bot.domain import errors
from bot.flow import drawings, ports

log = structlog.get_logger(__name__)

_BY_URL = (20.0, 60.0)
"""Seconds between progress messages by response_url, which takes five in all: three such, the
answer, and the answer again as plain text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a question came from. `open` is whether all who read there may read the answer."""

    user: str
    channel: str
    response_url: str = ""
    thread_ts: str = ""
    open: bool = False


class Replies:
    """Brings answers back: to all in a thread, otherwise to one person."""

    def __init__(self, web: client.Web, *, painter: drawings.Painter | None = None) -> None:
        self._web = web
        self._painter = painter

    def place(self, asked: Asked, *, every: float) -> "Place":
        """Return where that question is answered, with edits that many seconds apart."""
        return Place(self, asked, every=every)

    async def send(self, asked: Asked, page: prose.Page, *, replace: bool = False) -> None:
        """Answer by the first way that works; that none did is logged, not raised."""
        page = self._pointing(asked, page)
        if not (asked.response_url and await self.by_url(asked, page, replace=replace)):
            ways = [self.in_thread, self.whisper] if asked.open else [self.whisper]
            trouble: errors.BotError | None = None
            for way in ways:
                try:
                    await way(asked, page)
                except errors.BotError as error:
                    trouble = error
                    continue
                break
            else:
                log.warning(
                    "answer_lost", channel=asked.channel, user=asked.user, error=str(trouble)
                )
                return
        await self.attach(asked, page)

    def _pointing(self, asked: Asked, page: prose.Page) -> prose.Page:
        """Say where the picture is, where it cannot stand below what only one person sees."""
        if asked.open or page.picture is None or self._painter is None:
            return page
        said = prose.paragraph(prose.line(wording_work.PICTURE_ELSEWHERE))
        return dataclasses.replace(page, parts=(*page.parts, said))

    async def attach(self, asked: Asked, page: prose.Page) -> None:
        """Send what belongs to an answer as files: into the thread, or to the person alone.

        A file that cannot be made or sent is told in a sentence; the answer itself is there.
        """
        made: list[tuple[Callable[[], Awaitable[ports.File]], Callable[[str], str]]] = []
        if page.picture is not None and self._painter is not None:
            made.append((partial(self._painted, page.picture), wording_work.no_picture))
        if page.whole is not None or not blocks.render(page).whole:
            made.append((partial(_document, page), wording_work.no_file))
        place: tuple[str, str] | None = (asked.channel, asked.thread_ts) if asked.open else None
        for file, lost in made:
            try:
                content = await file()
                if place is None:
                    place = await self._privately(asked, page)
                await uploads.share(self._web, content, channel=place[0], thread_ts=place[1])
            except errors.BotError as error:
                log.warning("file_not_shared", channel=asked.channel, error=str(error))
                said = prose.line(lost(str(error)))
                short = prose.Page(title=page.title, parts=(prose.paragraph(said),))
                try:
                    await self.whisper(asked, short)
                except errors.BotError as trouble:
                    log.warning("answer_lost", channel=asked.channel, error=str(trouble))

    async def _painted(self, picture: drawings.Picture) -> ports.File:
        assert self._painter is not None
        content = await self._painter.paint(picture.drawing)
        return ports.File(picture.name, picture.title, content, picture.alt)

    async def _privately(self, asked: Asked, page: prose.Page) -> tuple[str, str]:
        """Open the person's own conversation with the bot; return it and a message there."""
        told = wording_work.WHOLE_ANSWER if page.picture is None else wording_work.FILES
        said = prose.Page(title=page.title, parts=(prose.paragraph(prose.line(told)),))
        rendered = blocks.render(said)
        posted = await self._web.call(
            "chat.postMessage",
            self._web.sdk.chat_postMessage(
                channel=asked.user, parse="none", unfurl_links=False, **_content(rendered)
            ),
            posts=True,
        )
        return str(posted.get("channel") or ""), str(posted.get("ts") or "")

    async def by_url(self, asked: Asked, page: prose.Page, *, replace: bool = False) -> bool:
        """Answer by the address that came with the question; return whether that worked."""
        hook = AsyncWebhookClient(
            asked.response_url,
            session=self._web.session,
            logger=self._web.sdk.logger,
            # None of its own: it would say the same twice after a lost connection.
            retry_handlers=[],
        )
        hook.proxy = client.proxy_for(asked.response_url)
        for rendered in (blocks.render(page), blocks.plain(page)):
            body = {
                "response_type": "ephemeral",
                "replace_original": replace,
                **_content(rendered),
            }
            try:
                told = await hook.send_dict(body)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                log.warning("response_url_failed", error=faults.hidden(str(error)))
                return False
            if told.status_code == 200:
                return True
            log.warning("response_url_refused", status=told.status_code, said=told.body[:200])
            if told.status_code != 400:
                return False
        return False

    async def in_thread(self, asked: Asked, page: prose.Page) -> str:
        """Answer to all in the thread; return the message's ts. Raises as `client.Web.call`."""

        async def post(rendered: blocks.Rendered) -> str:
            request = self._web.sdk.chat_postMessage(
                channel=asked.channel,
                thread_ts=asked.thread_ts or None,
                unfurl_links=False,
                unfurl_media=False,
                mrkdwn=False,
                parse="none",
                **_content(rendered),
            )
            return str((await self._web.call("chat.postMessage", request)).get("ts") or "")

        try:
            return await post(blocks.render(page))
        except errors.Refused:
            return await post(blocks.plain(page))

    async def edit(self, asked: Asked, ts: str, page: prose.Page) -> None:
        """Change an answer in place. Raises as `client.Web.call`."""

        async def update(rendered: blocks.Rendered) -> None:
            request = self._web.sdk.chat_update(
                channel=asked.channel, ts=ts, parse="none", **_content(rendered)
            )
            await self._web.call("chat.update", request)

        try:
            await update(blocks.render(page))
        except errors.Refused:
            await update(blocks.plain(page))

    async def whisper(self, asked: Asked, page: prose.Page) -> None:
        """Answer to one person. Raises as `client.Web.call`."""

        async def post(rendered: blocks.Rendered) -> None:
            request = self._web.sdk.chat_postEphemeral(
                channel=asked.channel,
                user=asked.user,
                thread_ts=asked.thread_ts or None,
                parse="none",
                **_content(rendered),
            )
            await self._web.call("chat.postEphemeral", request)

        try:
            await post(blocks.render(page))
        except errors.Refused:
            await post(blocks.plain(page))


class Place:
    """Where one question is answered, and how far it is shown meanwhile.

    In a thread one message is edited until it is the answer. What only one person may read cannot
    be edited by the bot, so there progress is told seldom, and the answer comes as a message more.
    """

    def __init__(self, replies: Replies, asked: Asked, *, every: float) -> None:
        self._replies = replies
        self._asked = asked
        self._every = every
        self._ts = ""
        self._shown = 0
        self._last: prose.Page | None = None

    @property
    def wait(self) -> float | None:
        """Seconds until progress may be shown again; None for not any more."""
        if self._asked.response_url:
            left = _BY_URL[self._shown - 1 :] if self._shown else (self._every,)
            return left[0] if left else None
        if self._asked.open:
            return self._every
        return None if self._shown else self._every

    async def show(self, page: prose.Page) -> None:
        """Show how far it is; where that does not work the answer will do."""
        if page == self._last:
            return
        self._last = page
        try:
            if self._asked.response_url:
                await self._replies.by_url(self._asked, page, replace=self._shown > 0)
            elif self._asked.open and self._ts:
                await self._replies.edit(self._asked, self._ts, page)
            elif self._asked.open:
                self._ts = await self._replies.in_thread(self._asked, page)
            else:
                await self._replies.whisper(self._asked, page)
        except errors.BotError as error:
            log.info("progress_not_shown", channel=self._asked.channel, error=str(error))
        self._shown += 1

    async def finish(self, page: prose.Page) -> None:
        """Bring the answer."""
        if self._ts:
            try:
                await self._replies.edit(self._asked, self._ts, page)
            except errors.BotError as error:
                log.info("answer_not_edited", channel=self._asked.channel, error=str(error))
            else:
                await self._replies.attach(self._asked, page)
                return
        await self._replies.send(self._asked, page, replace=self._shown > 0)


def _content(rendered: blocks.Rendered) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": list(rendered.blocks)}


async def _document(page: prose.Page) -> ports.File:
    whole = page.whole or page
    words = "".join(c if c.isalnum() else " " for c in page.title.lower()).split()
    name = "-".join(words)[:60].strip("-")
    return ports.File(
        name=f"{name or 'answer'}.txt", title=page.title, content=blocks.document(whole).encode()
    )
