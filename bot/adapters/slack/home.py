"""The app's home tab: how the fleet is, for whoever may ask.

A tab is published when somebody opens it and, for those who opened it lately, again when what it
says has changed. Never oftener than `home_interval`, and for the last few openers only: Slack
takes a hundred calls a minute from all of us together, and cards go first.
"""

import asyncio
import hashlib
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import structlog

from bot.adapters.slack import answers_view, blocks, callers, client, home_view, limits, wording
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import answers, ports

log = structlog.get_logger(__name__)

Json = dict[str, Any]

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
            rendered, digest = await self._page(user)
            watcher = self._watchers.get(user)
            if watcher is None or watcher.shown == digest:
                return
            view = {"type": "home", "blocks": list(rendered)}
            request = self._web.sdk.views_publish(user_id=user, view=view)
            try:
                await self._web.call("views.publish", request)
            except errors.BotError as error:
                log.warning("home_not_shown", user=user, error=str(error))
                return
            self._watchers[user] = _Watcher(watcher.opened_at, digest)

    async def _page(self, user: str) -> tuple[tuple[Json, ...], str]:
        try:
            refusal = await self._who.refusal_of(user)
            if refusal:
                page = answers_view.problem(refusal)
            else:
                async with asyncio.timeout(self._options.answer_timeout):
                    status = await self._desk.status(None)
                page = home_view.page(status, slash=self._options.command)
        except TimeoutError:
            page = answers_view.problem(wording.TIMED_OUT)
        except errors.BotError as error:
            page = answers_view.problem(wording.unavailable(str(error)))
        except Exception:  # the seam of one tab: whoever opened it hears of it
            reference = uuid.uuid4().hex[:8]
            log.exception("home_failed", user=user, reference=reference)
            page = answers_view.problem(wording.went_wrong(reference))
        rendered = blocks.render(page, most=limits.VIEW_BLOCKS, room=limits.VIEW_BYTES)
        digest = hashlib.sha256(repr(rendered.blocks).encode()).hexdigest()
        looked = blocks.render(home_view.looked(self._clock.now()))
        # Its title is the tab's own and has been said.
        return (*rendered.blocks, *looked.blocks[1:]), digest
