"""What pretend people do: write, type a command, click, submit a modal, open the home tab.

Nobody asks here whether a person could do it: a guest may click in a channel they do not see.
To find out what the app does with that is what a pretend Slack is for.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.sim.slack import (
    blocks,
    callbacks,
    delivery,
    errors,
    payloads,
    people,
    shapes,
    stamps,
    views,
    workspace,
    world,
)

Json = dict[str, Any]

_NAMED = re.compile(r"(?<![\w<])([@#])([A-Za-z0-9][\w.-]*)")


class Interactions:
    """Acts of people, each of which ends with how the app took it."""

    def __init__(self, whole: world.World) -> None:
        self._world = whole

    def _person(self, user: str) -> people.Person:
        person = self._world.space.people.get(user)
        if person is None:
            raise errors.ApiError("user_not_found")
        return person

    def _channel(self, channel: str) -> people.Channel:
        space = self._world.space
        found = space.channels.get(channel)
        owner = "U0" + channel.removeprefix("D0")
        if found is None and channel.startswith("D0") and owner in space.people:
            # A direct message needs no opening by those who write it.
            found = space.open_im(owner)
        if found is None:
            raise errors.ApiError("channel_not_found")
        return found

    def _linked(self, text: str, *, labels: bool) -> str:
        """Turn `@olivia` and `#ops` into the references that Slack's own clients send."""

        def reference(match: re.Match[str]) -> str:
            sign, name = match.groups()
            space = self._world.space
            known = space.people if sign == "@" else space.channels
            for found in known.values():
                if found.name == name:
                    return f"<{sign}{found.id}|{name}>" if labels else f"<{sign}{found.id}>"
            return match.group()

        return _NAMED.sub(reference, text)

    def write(self, *, user: str, channel: str, text: str, thread_ts: str | None) -> Json:
        """Say something; a mention of the bot becomes an event.

        Raises:
            errors.ApiError: for an unknown person, channel or thread, or nothing to say.
        """
        self._person(user)
        where = self._channel(channel)
        if where.is_archived:
            raise errors.ApiError("is_archived")
        if not text.strip():
            raise errors.ApiError("no_text")
        parent = None
        if thread_ts is not None:
            root = self._world.space.thread_root(channel, thread_ts)
            if root is None:
                raise errors.ApiError("thread_not_found")
            parent = root.ts
        message = self._world.space.post(
            channel, user, text=self._linked(text, labels=False), thread_ts=parent
        )
        return {"ts": message.ts, "message": self._world.live.message(message)}

    async def command(self, *, user: str, channel: str, text: str, base_url: str) -> Json:
        """Type a slash command; with or without `/flannel` in front.

        Raises:
            errors.ApiError: for an unknown person or channel.
        """
        person = self._person(user)
        where = self._channel(channel)
        command_id = stamps.name("Cm")
        name, rest = people.COMMAND, text.strip()
        if rest.startswith("/"):
            name, _, rest = rest.partition(" ")
        if name != people.COMMAND:
            words = f"`{name}` is not a valid command. In this workspace there is {people.COMMAND}."
            self._world.space.whisper(channel, user, text=words, via="slack", command_id=command_id)
            return self._commanded(command_id, delivery.Outcome(error="unknown_command"))
        path = self._world.responses.new(
            "commands", channel=channel, user=user, command_id=command_id
        )
        payload = payloads.command(
            person=person,
            team=self._world.space.teams[person.team],
            channel=where,
            name=name,
            text=self._linked(rest.strip(), labels=True),
            callback=payloads.Callback(
                trigger_id=self._world.triggers.new(user), response_url=base_url + path
            ),
        )
        outcome = await self._world.way.send("slash_commands", payload)
        self._show(outcome, user=user, channel=channel, name=name, command_id=command_id)
        return self._commanded(command_id, outcome)

    def _show(
        self,
        outcome: delivery.Outcome,
        *,
        user: str,
        channel: str,
        name: str,
        command_id: str,
    ) -> None:
        space = self._world.space
        error = outcome.error
        if outcome.payload is not None and (
            outcome.payload.get("text") or outcome.payload.get("blocks")
        ):
            try:
                blocks.judge(outcome.payload.get("blocks") or [])
            except errors.ApiError as refused:
                error = refused.error
            else:
                callbacks.say(
                    space,
                    outcome.payload,
                    channel=channel,
                    user=user,
                    via="ack",
                    command_id=command_id,
                )
        if error is not None:
            words = f'{name} failed with the error "{error}"'
            space.whisper(channel, user, text=words, via="slack", command_id=command_id)

    def _commanded(self, command_id: str, outcome: delivery.Outcome) -> Json:
        shown = [e for e in self._world.space.ephemerals() if e.command_id == command_id]
        return _told(outcome) | {
            "command_id": command_id,
            "ephemeral": [shapes.ephemeral(whisper) for whisper in shown],
        }

    async def click(
        self,
        *,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        block_id: str | None,
        chosen: str | None,
        base_url: str,
    ) -> Json:
        """Use a button or menu of a message or of an ephemeral text.

        Raises:
            errors.ApiError: `message_not_found`, `action_not_found` or `option_not_found`.
        """
        person = self._person(user)
        where = self._channel(channel)
        space = self._world.space
        message = space.get(channel, ts)
        ephemeral = space.ephemeral(ts)
        source = message or ephemeral
        if source is None or source.channel != channel:
            raise errors.ApiError("message_not_found")
        used = self._element(source.blocks, action_id, block_id=block_id, chosen=chosen)
        replies = space.replies(channel, ts)
        thread_ts = source.thread_ts or (ts if replies else None)
        path = self._world.responses.new(
            "actions", channel=channel, user=user, source=ts, thread_ts=source.thread_ts
        )
        payload = payloads.message_click(
            person=person,
            home=space.teams[people.TEAM],
            channel=where,
            ts=ts,
            thread_ts=thread_ts,
            message=None if message is None else shapes.message(message, replies),
            action=used,
            callback=payloads.Callback(
                trigger_id=self._world.triggers.new(user), response_url=base_url + path
            ),
        )
        return _told(await self._world.way.send("interactive", payload))

    async def shortcut(
        self, *, user: str, channel: str, ts: str, callback_id: str, base_url: str
    ) -> Json:
        """Use a shortcut of the app from the menu of a message.

        Raises:
            errors.ApiError: for an unknown person, channel or message.
        """
        person = self._person(user)
        where = self._channel(channel)
        space = self._world.space
        message = space.get(channel, ts)
        if message is None:
            # An ephemeral text has no such menu.
            raise errors.ApiError("message_not_found")
        path = self._world.responses.new(
            "app", channel=channel, user=user, source=ts, thread_ts=message.thread_ts
        )
        payload = payloads.message_action(
            person=person,
            home=space.teams[people.TEAM],
            channel=where,
            callback_id=callback_id,
            at=space.stamps.next(),
            message=shapes.message(message, space.replies(channel, ts)),
            callback=payloads.Callback(
                trigger_id=self._world.triggers.new(user), response_url=base_url + path
            ),
        )
        return _told(await self._world.way.send("interactive", payload))

    def _own(self, user: str, channel: str, ts: str) -> workspace.Message:
        self._person(user)
        self._channel(channel)
        message = self._world.space.get(channel, ts)
        if message is None:
            raise errors.ApiError("message_not_found")
        if message.user != user:
            raise errors.ApiError("not_the_author")
        return message

    def rewrite(self, *, user: str, channel: str, ts: str, text: str) -> Json:
        """Edit a message of one's own.

        Raises:
            errors.ApiError: `message_not_found` or `not_the_author`.
        """
        message = self._own(user, channel, ts)
        edited = self._world.space.edit(message, user=user, text=self._linked(text, labels=False))
        return {"message": self._world.live.message(edited)}

    def erase(self, *, user: str, channel: str, ts: str) -> None:
        """Delete a message of one's own, or, as an admin may, the app's.

        Raises:
            errors.ApiError: `message_not_found` or `not_the_author`.
        """
        found = self._world.space.get(channel, ts)
        author = people.BOT_USER if found and found.user == people.BOT_USER else user
        self._person(user)
        self._world.space.delete(self._own(author, channel, ts))

    def react(self, *, user: str, channel: str, ts: str, emoji: str) -> None:
        """Put a mark under a message.

        Raises:
            errors.ApiError: `message_not_found` or `already_reacted`.
        """
        self._person(user)
        message = self._world.space.get(channel, ts)
        if message is None:
            raise errors.ApiError("message_not_found")
        if not self._world.space.react(message, user=user, emoji=emoji.strip(":")):
            raise errors.ApiError("already_reacted")

    def _element(
        self,
        shown: tuple[Json, ...],
        action_id: str,
        *,
        block_id: str | None,
        chosen: str | None,
    ) -> Json:
        for block in shown:
            if block_id not in (None, block["block_id"]):
                continue
            for element in blocks.interactive(block):
                if element["action_id"] == action_id:
                    at = self._world.space.stamps.next()
                    used = payloads.action(
                        element, block_id=block["block_id"], at=at, chosen=chosen
                    )
                    if used is None:
                        raise errors.ApiError("option_not_found")
                    return used
        raise errors.ApiError("action_not_found")

    def _view(self, user: str, view_id: str | None) -> views.View:
        stack = self._world.views.stack(user)
        view = self._world.views.get(view_id) if view_id else (stack[-1] if stack else None)
        if view is None or view.user != user:
            raise errors.ApiError("view_not_found")
        return view

    async def click_in_view(
        self, *, user: str, view_id: str, action_id: str, chosen: str | None
    ) -> Json:
        """Use an element of a modal or home tab.

        Raises:
            errors.ApiError: `view_not_found`, `action_not_found` or `option_not_found`.
        """
        view = self._view(user, view_id)
        shown = tuple(view.body["blocks"])
        payload = payloads.view_click(
            person=self._person(user),
            home=self._world.space.teams[people.TEAM],
            view=view,
            action=self._element(shown, action_id, block_id=None, chosen=chosen),
            callback=payloads.Callback(trigger_id=self._world.triggers.new(user)),
        )
        return _told(await self._world.way.send("interactive", payload))

    async def submit(self, *, user: str, view_id: str | None, values: Mapping[str, Any]) -> Json:
        """Send off the topmost modal, or the named one, and do what the app answers.

        Raises:
            errors.ApiError: `view_not_found`.
        """
        view = self._view(user, view_id)
        payload = payloads.view_submission(
            person=self._person(user),
            home=self._world.space.teams[people.TEAM],
            view=view,
            values=values,
            callback=payloads.Callback(trigger_id=self._world.triggers.new(user)),
        )
        outcome = await self._world.way.send("interactive", payload)
        told = _told(outcome) | {"response": outcome.payload}
        if outcome.acked:
            self._react(user, view, outcome.payload or {})
        return told

    def _react(self, user: str, view: views.View, answer: Json) -> None:
        kind = answer.get("response_action")
        known = self._world.views
        if kind == "update":
            known.update(view, views.judge(answer.get("view"), kind="modal"))
        elif kind == "push":
            known.push(user, views.judge(answer.get("view"), kind="modal"))
        elif kind == "clear":
            known.close(user)
        elif kind != "errors":
            known.close(user, top_only=True)

    async def dismiss(self, *, user: str, view_id: str | None) -> Json:
        """Close the topmost modal without sending it off.

        Raises:
            errors.ApiError: `view_not_found`.
        """
        view = self._view(user, view_id)
        self._world.views.close(user, top_only=True)
        if not view.body.get("notify_on_close"):
            return {"acked": True}
        payload = payloads.view_closed(
            person=self._person(user), home=self._world.space.teams[people.TEAM], view=view
        )
        return _told(await self._world.way.send("interactive", payload))

    def open_home(self, *, user: str, tab: str) -> None:
        """Open the app's home, at its `home` or `messages` tab.

        Raises:
            errors.ApiError: `user_not_found`.
        """
        self._person(user)
        shown = self._world.views.homes.get(user) if tab == "home" else None
        view = None if shown is None else shown.shape()
        self._world.events.home_opened(user, tab=tab, view=view)


def _told(outcome: delivery.Outcome) -> Json:
    return {
        "acked": outcome.acked,
        "error": outcome.error,
        "latency_ms": round(outcome.seconds * 1000, 3),
    }
