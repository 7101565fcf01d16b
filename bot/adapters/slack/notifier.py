"""Telling: posts, edits and finds messages for the outbox."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.adapters.slack import (
    blocks,
    cards,
    catalogue,
    client,
    details,
    faults,
    names,
    plan_cards,
    prose,
)
from bot.domain import errors, notice
from bot.flow import ports

log = structlog.get_logger(__name__)

EVENT_TYPE = "flannel_bot"
_PAGE = 100
_SKEW = timedelta(seconds=60)
"""How far Slack's clock may be behind ours when its history is asked for."""
_NEVER_READABLE = frozenset(
    {"missing_scope", "method_not_supported_for_channel_type", "no_permission"}
)


class Notifier:
    """Slack as `bot.flow.ports.Messenger`. Repeats nothing by itself but a refused layout.

    Args:
        languages: whom to speak which language to.
        clock: time, by which people's names are believed; None tells their ids.
    """

    def __init__(
        self,
        web: client.Web,
        *,
        languages: catalogue.Languages | None = None,
        clock: ports.Clock | None = None,
    ) -> None:
        self._web = web
        self._names = names.Names(web, clock=clock) if clock is not None else None
        self._languages = languages or catalogue.Languages()

    async def post(
        self, channel: str, message: ports.Message, *, row: notice.Outgoing, thread_ts: str = ""
    ) -> str:
        """Post and return the message's ts."""
        language = self._languages.of(channel=channel)
        with catalogue.speaking(language):
            page = page_of(message)
            if self._names is not None and isinstance(message, notice.Detail):
                page = await self._names.told(page)
        extra: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
        if thread_ts:
            broadcast = isinstance(message, notice.Detail) and message.broadcast
            extra |= {"thread_ts": thread_ts, "reply_broadcast": broadcast}

        def send(rendered: blocks.Rendered) -> Awaitable[AsyncSlackResponse]:
            return self._web.sdk.chat_postMessage(
                channel=channel, **_content(rendered), metadata=metadata(row, message), **extra
            )

        with catalogue.speaking(language):
            told = await self._send("chat.postMessage", page, send, posts=True)
        ts = told.get("ts")
        if not isinstance(ts, str) or not ts:
            raise ports.Ambiguous("Slack did not say where the message is (chat.postMessage)")
        return ts

    async def update(
        self, channel: str, ts: str, message: ports.Message, *, row: notice.Outgoing
    ) -> None:
        """Edit in place. The message keeps the outbox id it was posted with.

        What a plan's message carries unseen grows with its run, so there it is sent anew; `row`
        then has the id of the row that the message was posted by.
        """
        carried: dict[str, Any] = {}
        if isinstance(message, notice.PlanView):
            carried = {"metadata": metadata(row, message)}

        def send(rendered: blocks.Rendered) -> Awaitable[AsyncSlackResponse]:
            return self._web.sdk.chat_update(
                channel=channel, ts=ts, **_content(rendered), **carried
            )

        with catalogue.speaking(self._languages.of(channel=channel)):
            await self._send("chat.update", page_of(message), send, posts=False)
        log.debug("slack_edited", channel=channel, ts=ts, row=row.id)

    async def find(
        self, channel: str, outbox_id: str, *, since: datetime, thread_ts: str = ""
    ) -> str | None:
        """Return the ts of the message that carries that outbox id, or None."""
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{(since - _SKEW).timestamp():.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        if thread_ts:
            asked["ts"] = thread_ts
        cursors: set[str] = set()
        while True:
            try:
                page = await self._page(asked)
            except ports.MessageGone:
                return None
            except errors.Unavailable as error:
                if error.__cause__ and faults.name_of(error.__cause__) in _NEVER_READABLE:
                    raise errors.Refused(str(error)) from error
                raise
            for message in _dicts(page.get("messages")):
                if outbox_id_of(message) == outbox_id and isinstance(message.get("ts"), str):
                    return str(message["ts"])
            cursor = _cursor(page)
            if not cursor or cursor in cursors:
                return None
            cursors.add(cursor)
            asked["cursor"] = cursor

    async def _page(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "ts" in asked:
            request = self._web.sdk.conversations_replies(**asked)
            return await self._web.call("conversations.replies", request)
        request = self._web.sdk.conversations_history(**asked)
        return await self._web.call("conversations.history", request)

    async def _send(
        self,
        verb: str,
        page: prose.Page,
        send: Callable[[blocks.Rendered], Awaitable[AsyncSlackResponse]],
        *,
        posts: bool,
    ) -> dict[str, Any]:
        try:
            return await self._web.call(verb, send(blocks.render(page)), posts=posts)
        except errors.Refused as error:
            # Slack took nothing, so saying it plainly cannot say it twice.
            log.warning("slack_layout_refused", verb=verb, title=page.title, error=str(error))
            return await self._web.call(verb, send(blocks.plain(page)), posts=posts)


def page_of(message: ports.Message) -> prose.Page:
    """Return what a message says."""
    match message:
        case notice.CardView():
            return cards.card(message)
        case notice.DigestView():
            return cards.digest(message)
        case notice.PlanView():
            return plan_cards.card(message)
        case notice.Detail():
            return details.detail(message)


def metadata(row: notice.Outgoing, message: ports.Message | None = None) -> dict[str, Any]:
    """What a message carries unseen: the row it is of, by which it is found again."""
    payload: dict[str, Any] = {"outbox_id": row.id, "kind": row.kind.value}
    if row.incident is not None:
        payload["incident"] = row.incident
    if row.plan is not None:
        payload["plan"] = row.plan
    if isinstance(message, notice.PlanView):
        if message.plan.incident is not None:
            payload["incident"] = message.plan.incident
        if message.run is not None:
            payload["run"] = message.run.id
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def outbox_id_of(message: dict[str, Any]) -> str:
    """Return the outbox id a message carries, or an empty text."""
    carried = message.get("metadata")
    if not isinstance(carried, dict) or carried.get("event_type") != EVENT_TYPE:
        return ""
    payload = carried.get("event_payload")
    return str(payload.get("outbox_id", "")) if isinstance(payload, dict) else ""


def _content(rendered: blocks.Rendered) -> dict[str, Any]:
    return {
        "text": rendered.text,
        "blocks": list(rendered.blocks),
        "parse": "none",
        "link_names": False,
    }


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _cursor(page: dict[str, Any]) -> str:
    following = page.get("response_metadata")
    return str(following.get("next_cursor") or "") if isinstance(following, dict) else ""
