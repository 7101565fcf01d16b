"""Windows: opened while there is permission to, filled when there is something to show.

The permission ends three seconds after a click, sooner than an answer may be there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from bot.adapters.slack import blocks, client, prose, wording_windows
from bot.domain import errors

log = structlog.get_logger(__name__)

Json = dict[str, Any]

ACKNOWLEDGED = 0.3
"""Seconds until Slack has shown what a submission is acknowledged with."""


@dataclass(frozen=True, slots=True)
class Window:
    """An open window. `hash` names what it shows, so that nothing newer is overwritten."""

    id: str
    hash: str = ""


class Windows:
    """Opens and fills windows."""

    def __init__(self, web: client.Web) -> None:
        self._web = web

    async def open(self, trigger: str, shown: Json) -> Window | None:
        """Open a window, or return None where that is not possible any more."""
        try:
            told = await self._web.call(
                "views.open", self._web.sdk.views_open(trigger_id=trigger, view=shown)
            )
        except errors.BotError as error:
            log.warning("window_refused", error=str(error))
            return None
        found = told.get("view")
        if not isinstance(found, Mapping) or not isinstance(found.get("id"), str):
            return None
        return Window(found["id"], str(found.get("hash") or ""))

    async def change(self, window: Window, shown: Json) -> None:
        """Show something else. Raises as `client.Web.call`, also when it was closed."""
        request = self._web.sdk.views_update(
            view_id=window.id, hash=window.hash or None, view=shown
        )
        await self._web.call("views.update", request)

    async def fill(self, window: Window, page: prose.Page) -> bool:
        """Show a page; return whether it is shown."""
        for rendered in (blocks.render(page), blocks.plain(page)):
            try:
                await self.change(window, view(rendered))
            except errors.Refused as error:
                log.warning("window_layout_refused", error=str(error))
                continue
            except errors.BotError as error:
                # Closed by now, most likely.
                log.info("window_not_shown", error=str(error))
                return False
            return True
        return False


def view(rendered: blocks.Rendered) -> Json:
    """A window that shows a page."""
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "flannel-bot"},
        "close": {"type": "plain_text", "text": wording_windows.CLOSE},
        "blocks": list(rendered.blocks),
    }
