"""The Events API: what the app is told without asking, and how often it is told again.

Only subscribed kinds are sent, as an app's manifest would have it. An event that is not
acknowledged is sent again, up to three times; commands and clicks never are.
"""

import asyncio
import re
import time
from typing import Any

from bot.sim.slack import delivery, people, shapes, stamps, workspace

Json = dict[str, Any]

RETRY_SECONDS = (0.0, 60.0, 300.0)
"""Waits before the three repetitions: nearly at once, after a minute, after five."""
SUBSCRIBED = ("app_mention", "app_home_opened", "member_joined_channel", "message.im")
"""What an app like this subscribes to; `message.channels` and others can be added."""

_REASONS = {delivery.UNREACHABLE: "connection_failed", "http_error": "http_error"}


_MARKS = {"reaction": "reaction_added", "unreaction": "reaction_removed"}


class Events:
    """Turns changes of the workspace into events, and sees to their delivery."""

    def __init__(
        self,
        space: workspace.Workspace,
        way: delivery.Delivery,
        *,
        subscribed: tuple[str, ...] = SUBSCRIBED,
        retry_seconds: tuple[float, ...] = RETRY_SECONDS,
        over_http: bool = False,
    ) -> None:
        self._space = space
        self._way = way
        self._subscribed = frozenset(subscribed)
        self._retry_seconds = retry_seconds
        late = "http_timeout" if over_http else "timeout"
        self._reasons = {**_REASONS, delivery.TIMED_OUT: late}
        self._tasks: set[asyncio.Task[None]] = set()
        space.listen(self._changed)

    def _changed(self, change: workspace.Change) -> None:
        channel = self._space.channels[change.channel]
        if people.BOT_USER not in channel.members:
            return
        if change.kind == "posted" and change.message is not None:
            self._posted(channel, change.message)
        elif change.kind in {"edited", "deleted"} and change.before is not None:
            self._altered(channel, change.before, change.message)
        elif change.kind == "joined" and change.user is not None:
            self._emit(
                "member_joined_channel",
                {
                    "type": "member_joined_channel",
                    "user": change.user,
                    "channel": channel.id,
                    "channel_type": _letter(channel),
                    "team": people.TEAM,
                },
                user=change.user,
            )
        elif change.kind in _MARKS and change.message is not None and change.user:
            item = {"type": "message", "channel": channel.id, "ts": change.message.ts}
            kind = _MARKS[change.kind]
            self._emit(
                kind,
                {
                    "type": kind,
                    "user": change.user,
                    "reaction": change.detail,
                    "item": item,
                    "item_user": change.message.user,
                },
                user=change.user,
            )

    def _posted(self, channel: people.Channel, message: workspace.Message) -> None:
        event = shapes.message(message) | {"channel": channel.id, "event_ts": message.ts}
        author = self._space.people[message.user]
        if author.team != people.TEAM:
            event |= {"user_team": author.team, "source_team": author.team, "team": author.team}
        kind = "message.im" if channel.is_im else "message.channels"
        channel_type = "im" if channel.is_im else "channel"
        self._emit(kind, event | {"channel_type": channel_type}, user=message.user)
        mentioned = re.search(rf"<@{people.BOT_USER}(\|[^>]*)?>", message.text)
        if mentioned and not channel.is_im and message.user != people.BOT_USER:
            self._emit("app_mention", event | {"type": "app_mention"}, user=message.user)

    def _altered(
        self,
        channel: people.Channel,
        before: workspace.Message,
        after: workspace.Message | None,
    ) -> None:
        """An edit or a deletion: messages of their own, about another one."""
        event: Json = {
            "type": "message",
            "subtype": "message_changed" if after else "message_deleted",
            "hidden": True,
            "channel": channel.id,
            "channel_type": "im" if channel.is_im else "channel",
            "ts": self._space.stamps.next(),
            "previous_message": shapes.message(before),
        }
        if after is not None:
            event["message"] = shapes.message(after)
        else:
            event["deleted_ts"] = before.ts
        kind = "message.im" if channel.is_im else "message.channels"
        self._emit(kind, event, user=before.user)

    def home_opened(self, user: str, *, tab: str, view: Json | None = None) -> None:
        """Somebody opened the app's home; `view` is what the app last published there."""
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self._space.open_im(user).id,
            "tab": tab,
            "event_ts": self._space.stamps.next(),
        }
        if view is not None:
            event["view"] = view
        self._emit("app_home_opened", event, user=user)

    def _emit(self, kind: str, event: Json, *, user: str) -> None:
        if kind not in self._subscribed:
            return
        event.setdefault("event_ts", self._space.stamps.next())
        channel = self._space.channels.get(str(event.get("channel")))
        payload = {
            "token": "simulated",
            "team_id": people.TEAM,
            "context_team_id": people.TEAM,
            "context_enterprise_id": None,
            "api_app_id": people.APP,
            "event": event,
            "type": "event_callback",
            "event_id": stamps.name("Ev"),
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": people.TEAM,
                    "user_id": people.BOT_USER,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.is_ext_shared,
            "event_context": f"4-{stamps.short()}",
        }
        task = asyncio.get_running_loop().create_task(
            self._deliver(payload), name=f"event {kind} by {user}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, payload: Json) -> None:
        outcome = await self._way.send("events_api", payload)
        for attempt, wait in enumerate(self._retry_seconds, start=1):
            if outcome.acked or outcome.final:
                return
            await asyncio.sleep(wait)
            reason = self._reasons.get(outcome.error or "", "unknown_error")
            retry = delivery.Retry(attempt=attempt, reason=reason)
            outcome = await self._way.send("events_api", payload, retry=retry)

    async def close(self) -> None:
        """Give up what is still to be delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _letter(channel: people.Channel) -> str:
    return "G" if channel.is_private else "C"
