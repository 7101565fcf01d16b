"""What a payload lets the app do afterwards: open one modal, and answer at an address."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.sim.slack import blocks, errors, files, limits, people, stamps, workspace

Json = dict[str, Any]


@dataclass
class _Trigger:
    user: str
    until: float
    used: bool = False


class Triggers:
    """Single-use permissions to open a modal, good for three seconds."""

    def __init__(self, *, seconds: float = limits.TRIGGER_SECONDS) -> None:
        self._seconds = seconds
        self._known: dict[str, _Trigger] = {}

    def new(self, user: str) -> str:
        """A trigger from something that `user` just did."""
        name = f"{time.time_ns() // 1_000_000}.{people.TEAM}.{secrets.token_hex(16)}"
        self._known[name] = _Trigger(user=user, until=time.monotonic() + self._seconds)
        return name

    def exchange(self, name: str) -> str:
        """The user behind a trigger, which is used up by this.

        Raises:
            errors.ApiError: `invalid_trigger_id`, `expired_trigger_id` or `exchanged_trigger_id`.
        """
        trigger = self._known.get(name)
        if trigger is None:
            raise errors.ApiError("invalid_trigger_id")
        if trigger.used:
            raise errors.ApiError("exchanged_trigger_id")
        if time.monotonic() > trigger.until:
            raise errors.ApiError("expired_trigger_id")
        trigger.used = True
        return trigger.user


@dataclass
class _Permission:
    channel: str
    user: str
    until: float
    uses: int = 0
    source: str | None = None
    """The message or ephemeral text that was clicked, if any."""
    thread_ts: str | None = None
    command_id: str | None = None


class ResponseUrls:
    """Addresses at which the app may answer a command or a click, five times in half an hour."""

    def __init__(
        self,
        space: workspace.Workspace,
        stored: files.Files,
        *,
        seconds: float = limits.RESPONSE_URL_SECONDS,
    ) -> None:
        self._space = space
        self._files = stored
        self._seconds = seconds
        self._known: dict[str, _Permission] = {}

    def new(
        self,
        kind: str,
        *,
        channel: str,
        user: str,
        source: str | None = None,
        thread_ts: str | None = None,
        command_id: str | None = None,
    ) -> str:
        """The path of a new address; `kind` is commands or actions."""
        path = f"/hooks/{kind}/{people.TEAM}/{stamps.name('')}/{secrets.token_urlsafe(18)}"
        self._known[path] = _Permission(
            channel=channel,
            user=user,
            until=time.monotonic() + self._seconds,
            source=source,
            thread_ts=thread_ts,
            command_id=command_id,
        )
        return path

    def use(self, path: str, body: Json) -> None:
        """Carry out an answer.

        Raises:
            errors.ApiError: `invalid_url`, `expired_url`, `used_url`, or what is wrong with it.
        """
        permission = self._known.get(path)
        if permission is None:
            raise errors.ApiError("invalid_url")
        if time.monotonic() > permission.until:
            raise errors.ApiError("expired_url")
        if permission.uses >= limits.RESPONSE_URL_USES:
            raise errors.ApiError("used_url")
        permission.uses += 1
        if body.get("delete_original") is True:
            self._delete(permission)
            return
        sent = body.get("blocks") or []
        blocks.judge(sent)
        self._files.judge(sent)
        text = body.get("text") or ""
        if not text and not sent and not body.get("attachments"):
            raise errors.ApiError("no_text")
        if body.get("replace_original") is True and permission.source is not None:
            self._replace(permission, text=str(text), content=blocks.named(sent))
            return
        say(
            self._space,
            body,
            channel=permission.channel,
            user=permission.user,
            via="response_url",
            thread_ts=permission.thread_ts,
            command_id=permission.command_id,
        )

    def _delete(self, permission: _Permission) -> None:
        if permission.source is None:
            return
        ephemeral = self._space.ephemeral(permission.source)
        message = self._space.get(permission.channel, permission.source)
        if ephemeral is not None:
            self._space.forget_ephemeral(ephemeral)
        elif message is not None:
            self._space.delete(message)

    def _replace(self, permission: _Permission, *, text: str, content: Sequence[Json]) -> None:
        source = permission.source or ""
        ephemeral = self._space.ephemeral(source)
        message = self._space.get(permission.channel, source)
        if ephemeral is not None:
            self._space.rewrite_ephemeral(ephemeral, text=text, blocks=content)
        elif message is not None:
            self._space.edit(message, user=people.BOT_USER, text=text, blocks=tuple(content))


def say(
    space: workspace.Workspace,
    body: Json,
    *,
    channel: str,
    user: str,
    via: str,
    thread_ts: str | None = None,
    command_id: str | None = None,
) -> None:
    """Show an answer to the person alone or, with `response_type` `in_channel`, to all."""
    content = blocks.named(body.get("blocks") or [])
    text = str(body.get("text") or "")
    thread = body.get("thread_ts") or thread_ts
    if body.get("response_type") == "in_channel":
        space.post(channel, people.BOT_USER, text=text, blocks=content, thread_ts=thread)
        return
    space.whisper(
        channel,
        user,
        text=text,
        blocks=content,
        thread_ts=thread,
        via=via,
        command_id=command_id,
    )
