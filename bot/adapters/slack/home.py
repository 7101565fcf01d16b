"""The app's home tab: how the fleet is, for whoever may ask.

A tab is published when somebody opens it and, for those who opened it lately, again when what it
says has changed. Never oftener than `home_interval`, and for the last few openers only: Slack
takes a hundred calls a minute from all of us together, and cards go first.
"""

import asyncio
import hashlib
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace

import structlog

from bot.adapters.slack import (
    answers_view,
    blocks,
    callers,
    catalogue,
    client,
    home_view,
    limits,
    prose,
    wording,
    wording_windows,
)
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import answers, ports

log = structlog.get_logger(__name__)

_WATCHERS = 20
"""People whose tab is kept fresh."""


@dataclass(frozen=True, slots=True)
class _Watcher:
    opened_at: float
    shown: str = ""
    """A digest of what the tab says, the moment of looking left out."""


class Home:
    """Publishes tabs."""

    def __init__(
        self,
        web: client.Web,
        desk: answers.Desk,
        *,
        who: callers.Callers,
        options: Options,
        clock: ports.Clock,
    ) -> None:
        self._web = web
        self._desk = desk
        self._who = who
        self._options = options
        self._clock = clock
        self._watchers: OrderedDict[str, _Watcher] = OrderedDict()
        self._changed = asyncio.Event()
        self._publishing = asyncio.Lock()

    async def opened(self, user: str) -> None:
        """Show somebody their tab, and keep it fresh for a while."""
        if not user:
            return
        self._watchers[user] = _Watcher(self._clock.monotonic())
        self._watchers.move_to_end(user)
        while len(self._watchers) > _WATCHERS:
            self._watchers.popitem(last=False)
        await self._show(user)

    def changed(self) -> None:
        """Hear that what a tab says may not be true any more."""
        self._changed.set()

    async def run(self) -> None:
        """Keep open tabs fresh until cancelled."""
        while True:
            await self._something()
            now = self._clock.monotonic()
            for user, watcher in tuple(self._watchers.items()):
                if now - watcher.opened_at > self._options.home_watch:
                    self._watchers.pop(user, None)
                else:
                    await self._show(user)

    async def _something(self) -> None:
        """Wait for a change, or long enough to look anyway; never less than the interval."""
        await self._clock.sleep(self._options.home_interval)
        try:
            async with asyncio.timeout(self._options.home_interval * 2):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _show(self, user: str) -> None:
        async with self._publishing:
            page = await self._page(user)
            with catalogue.speaking(self._options.languages.of(user=user)):
                as_of = wording_windows.AS_OF
            looked = prose.paragraph(prose.line(as_of, prose.Moment(self._clock.now())))
            shown = replace(page, parts=(looked, *page.parts))
            digest = hashlib.sha256(repr(page).encode()).hexdigest()
            watcher = self._watchers.get(user)
            if watcher is None or watcher.shown == digest:
                return
            if await self._publish(user, shown):
                self._watchers[user] = _Watcher(watcher.opened_at, digest)

    async def _publish(self, user: str, page: prose.Page) -> bool:
        rich = blocks.render(page, most=limits.VIEW_BLOCKS, room=limits.VIEW_BYTES)
        for rendered in (rich, blocks.plain(page)):
            view = {"type": "home", "blocks": list(rendered.blocks)}
            request = self._web.sdk.views_publish(user_id=user, view=view)
            try:
                await self._web.call("views.publish", request)
            except errors.Refused as error:
                log.warning("home_layout_refused", user=user, error=str(error))
            except errors.BotError as error:
                log.warning("home_not_shown", user=user, error=str(error))
                return False
            else:
                return True
        return False

    async def _page(self, user: str) -> prose.Page:
        with catalogue.speaking(self._options.languages.of(user=user)):
            return await self._spoken(user)

    async def _spoken(self, user: str) -> prose.Page:
        try:
            refusal = await self._who.refusal_of(user)
            if refusal:
                return answers_view.problem(refusal)
            async with asyncio.timeout(self._options.answer_timeout):
                status = await self._desk.status(None)
            return home_view.page(status, slash=self._options.command)
        except TimeoutError:
            return answers_view.problem(wording.TIMED_OUT)
        except errors.BotError as error:
            return answers_view.problem(wording.unavailable(str(error)))
        except Exception:  # the seam of one tab: whoever opened it hears of it
            reference = uuid.uuid4().hex[:8]
            log.exception("home_failed", user=user, reference=reference)
            return answers_view.problem(wording.went_wrong(reference))
