"""The self-test's way to Slack and back. Implements `bot.flow.selftest.RoundTrip`."""

import uuid

from bot.adapters.slack import client, wording_self
from bot.domain import errors

EVENT_TYPE = "flannel_bot_selftest"
_TRIES = 3


class RoundTrip:
    """Posts into one channel, and leaves nothing behind."""

    def __init__(self, web: client.Web, channel: str) -> None:
        self._web = web
        self._channel = channel

    async def round_trip(self) -> None:
        """Post, find, delete. Raises BotError; what was posted is deleted all the same."""
        token = uuid.uuid4().hex
        told = await self._web.call(
            "chat.postMessage",
            self._web.sdk.chat_postMessage(
                channel=self._channel,
                text=wording_self.SELF_TEST,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"token": token}},
            ),
        )
        ts = str(told.get("ts") or "")
        try:
            if not ts or not await self._seen(ts):
                raise errors.Unavailable("a message that was posted does not come back")
        finally:
            if ts:
                await self._web.call(
                    "chat.delete", self._web.sdk.chat_delete(channel=self._channel, ts=ts)
                )

    async def _seen(self, ts: str) -> bool:
        for _ in range(_TRIES):
            page = await self._web.call(
                "conversations.history",
                self._web.sdk.conversations_history(
                    channel=self._channel, oldest=ts, latest=ts, inclusive=True, limit=1
                ),
            )
            found = page.get("messages")
            if isinstance(found, list) and any(
                isinstance(one, dict) and one.get("ts") == ts for one in found
            ):
                return True
        return False
