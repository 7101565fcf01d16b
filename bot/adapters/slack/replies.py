"""How an answer reaches the person who asked."""

from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.adapters.slack import blocks, client, faults, prose
from bot.domain import errors

log = structlog.get_logger(__name__)


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

    def __init__(self, web: client.Web) -> None:
        self._web = web

    async def send(self, asked: Asked, page: prose.Page) -> None:
        """Answer by the first way that works; that none did is logged, not raised."""
        if asked.response_url and await self._by_response_url(asked, page):
            return
        ways = [self._in_thread, self._whisper] if asked.open else [self._whisper]
        trouble: errors.BotError | None = None
        for way in ways:
            for rendered in (blocks.render(page), blocks.plain(page)):
                try:
                    await way(asked, rendered)
                except errors.Refused as error:
                    trouble = error
                    continue
                except errors.BotError as error:
                    trouble = error
                    break
                return
        log.warning("answer_lost", channel=asked.channel, user=asked.user, error=str(trouble))

    async def _by_response_url(self, asked: Asked, page: prose.Page) -> bool:
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
                "replace_original": False,
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

    async def _in_thread(self, asked: Asked, rendered: blocks.Rendered) -> None:
        request = self._web.sdk.chat_postMessage(
            channel=asked.channel,
            thread_ts=asked.thread_ts or None,
            unfurl_links=False,
            unfurl_media=False,
            mrkdwn=False,
            parse="none",
            **_content(rendered),
        )
        await self._web.call("chat.postMessage", request)

    async def _whisper(self, asked: Asked, rendered: blocks.Rendered) -> None:
        request = self._web.sdk.chat_postEphemeral(
            channel=asked.channel,
            user=asked.user,
            thread_ts=asked.thread_ts or None,
            parse="none",
            **_content(rendered),
        )
        await self._web.call("chat.postEphemeral", request)


def _content(rendered: blocks.Rendered) -> dict[str, Any]:
    return {"text": rendered.text, "blocks": list(rendered.blocks)}
