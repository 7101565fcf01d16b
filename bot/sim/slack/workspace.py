"""What was said: messages, threads and ephemeral texts of all channels, in memory.

The workspace knows no tokens and no limits; whoever calls it has judged them. Each change is told
to the listeners at once and in order, which is how the page and the Events API learn of it.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.sim.slack import people, stamps

Json = dict[str, Any]
Listener = Callable[["Change"], None]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Who changed a message last, and when."""

    user: str
    ts: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message as everybody in the channel sees it."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    files: tuple[Json, ...] = ()
    metadata: Json | None = None
    thread_ts: str | None = None
    """The parent's stamp; only replies carry one here."""
    broadcast: bool = False
    edited: Edit | None = None
    deleted: bool = False
    """A tombstone: the parent of a thread that outlives it."""
    reactions: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ephemeral:
    """A text that one person sees, and that no method can read back."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[Json, ...] = ()
    thread_ts: str | None = None
    via: str
    """How it came: ack, response_url, post or slack (the server's own words)."""
    command_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that just happened to one channel."""

    kind: str
    """posted, edited, deleted, ephemeral, ephemeral_gone, joined, reaction, unreaction, channel."""
    channel: str
    message: Message | None = None
    before: Message | None = None
    ephemeral: Ephemeral | None = None
    user: str | None = None
    detail: str = ""


class Workspace:
    """Channels, people and messages of the pretend team."""

    def __init__(self) -> None:
        self.stamps = stamps.Stamps()
        self.people = {person.id: person for person in people.PEOPLE}
        self.channels = {channel.id: channel for channel in people.CHANNELS}
        self.groups = {group.id: group for group in people.GROUPS}
        self.teams = {team.id: team for team in people.TEAMS}
        self._messages: dict[str, dict[str, Message]] = {}
        self._threads: dict[tuple[str, str], list[str]] = {}
        self._ephemerals: dict[str, Ephemeral] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on; it must not block."""
        self._listeners.append(listener)

    def tell(self, change: Change) -> None:
        """Hand a change to all listeners."""
        for listener in self._listeners:
            listener(change)

    def find_channel(self, name: str) -> people.Channel | None:
        """A channel by id, or by name with or without `#`."""
        found = self.channels.get(name)
        if found is not None:
            return found
        plain = name.removeprefix("#")
        return next((c for c in self.channels.values() if not c.is_im and c.name == plain), None)

    def open_im(self, user: str) -> people.Channel:
        """The direct message channel between the bot and `user`."""
        channel_id = "D0" + user.removeprefix("U0")
        if channel_id not in self.channels:
            self.channels[channel_id] = people.Channel(
                id=channel_id,
                name=user,
                members=frozenset({user, people.BOT_USER}),
                is_im=True,
            )
            self.tell(Change(kind="channel", channel=channel_id))
        return self.channels[channel_id]

    def alter_channel(self, channel: str, changes: Mapping[str, Any]) -> None:
        """Replace fields of a channel, such as `is_archived`."""
        self.channels[channel] = dataclasses.replace(self.channels[channel], **changes)
        self.tell(Change(kind="channel", channel=channel))

    def alter_person(self, user: str, changes: Mapping[str, Any]) -> None:
        """Replace fields of a person, such as `deleted`."""
        self.people[user] = dataclasses.replace(self.people[user], **changes)

    def join(self, channel: str, user: str) -> bool:
        """Make `user` a member; false when they were one."""
        found = self.channels[channel]
        if user in found.members:
            return False
        self.channels[channel] = dataclasses.replace(found, members=found.members | {user})
        self.tell(Change(kind="joined", channel=channel, user=user))
        return True

    def leave(self, channel: str, user: str) -> None:
        """Take `user` out of a channel."""
        found = self.channels[channel]
        self.alter_channel(channel, {"members": found.members - {user}})

    def post(
        self,
        channel: str,
        user: str,
        *,
        text: str,
        blocks: Iterable[Json] = (),
        attachments: Iterable[Json] = (),
        metadata: Json | None = None,
        thread_ts: str | None = None,
        broadcast: bool = False,
        files: Callable[[str], tuple[Json, ...]] | None = None,
    ) -> Message:
        """Say something in a channel or, with `thread_ts`, in a thread.

        `files` tells what is shared, given the stamp of the message that shares it.
        """
        ts = self.stamps.next()
        message = Message(
            channel=channel,
            ts=ts,
            user=user,
            text=text,
            blocks=tuple(blocks),
            attachments=tuple(attachments),
            metadata=metadata,
            thread_ts=thread_ts,
            broadcast=broadcast,
            files=files(ts) if files else (),
        )
        self._messages.setdefault(channel, {})[message.ts] = message
        if thread_ts is not None:
            self._threads.setdefault((channel, thread_ts), []).append(message.ts)
        self.tell(Change(kind="posted", channel=channel, message=message))
        return message

    def edit(self, message: Message, *, user: str, **changes: Any) -> Message:  # noqa: ANN401
        """Replace fields of a message and mark it edited."""
        edited = dataclasses.replace(
            message, edited=Edit(user=user, ts=self.stamps.next()), **changes
        )
        self._messages[message.channel][message.ts] = edited
        self.tell(Change(kind="edited", channel=message.channel, message=edited, before=message))
        return edited

    def react(self, message: Message, *, user: str, emoji: str) -> bool:
        """Add a reaction; false when this person already gave it."""
        given = dict(message.reactions)
        if user in given.get(emoji, ()):
            return False
        given[emoji] = (*given.get(emoji, ()), user)
        changed = dataclasses.replace(message, reactions=tuple(given.items()))
        self._messages[message.channel][message.ts] = changed
        self.tell(
            Change(
                kind="reaction", channel=message.channel, message=changed, user=user, detail=emoji
            )
        )
        return True

    def unreact(self, message: Message, *, user: str, emoji: str) -> bool:
        """Take a reaction back; false when this person had not given it."""
        given = dict(message.reactions)
        if user not in given.get(emoji, ()):
            return False
        left = tuple(one for one in given.pop(emoji) if one != user)
        rest = {**given, emoji: left} if left else given
        changed = dataclasses.replace(message, reactions=tuple(rest.items()))
        self._messages[message.channel][message.ts] = changed
        self.tell(
            Change(
                kind="unreaction", channel=message.channel, message=changed, user=user, detail=emoji
            )
        )
        return True

    def delete(self, message: Message) -> None:
        """Remove a message; the parent of a thread leaves a tombstone."""
        channel = self._messages[message.channel]
        if self.replies(message.channel, message.ts):
            channel[message.ts] = dataclasses.replace(
                message,
                deleted=True,
                text="This message was deleted.",
                blocks=(),
                attachments=(),
                files=(),
                metadata=None,
            )
        else:
            del channel[message.ts]
        if message.thread_ts is not None:
            self._threads[message.channel, message.thread_ts].remove(message.ts)
        self.tell(Change(kind="deleted", channel=message.channel, before=message))

    def at(self, channel: str, ts: str) -> Message | None:
        """A message or a tombstone by its stamp."""
        return self._messages.get(channel, {}).get(ts)

    def get(self, channel: str, ts: str) -> Message | None:
        """A message by its stamp; None also for what was deleted."""
        found = self.at(channel, ts)
        return None if found is None or found.deleted else found

    def thread_root(self, channel: str, ts: str) -> Message | None:
        """The parent of the thread that `ts` belongs to; a tombstone can be one."""
        found = self.at(channel, ts)
        if found is not None and found.thread_ts is not None:
            return self.at(channel, found.thread_ts)
        return found

    def replies(self, channel: str, ts: str) -> tuple[Message, ...]:
        """The replies of a thread, oldest first."""
        stamps_of_replies = self._threads.get((channel, ts), ())
        return tuple(self._messages[channel][reply] for reply in stamps_of_replies)

    def messages(self, channel: str) -> tuple[Message, ...]:
        """Everything said in a channel, replies included, oldest first."""
        return tuple(self._messages.get(channel, {}).values())

    def whisper(
        self,
        channel: str,
        user: str,
        *,
        text: str,
        via: str,
        blocks: Iterable[Json] = (),
        thread_ts: str | None = None,
        command_id: str | None = None,
    ) -> Ephemeral:
        """Show something to one person only."""
        ephemeral = Ephemeral(
            channel=channel,
            ts=self.stamps.next(),
            user=user,
            text=text,
            blocks=tuple(blocks),
            thread_ts=thread_ts,
            via=via,
            command_id=command_id,
        )
        self._ephemerals[ephemeral.ts] = ephemeral
        self.tell(Change(kind="ephemeral", channel=channel, ephemeral=ephemeral))
        return ephemeral

    def rewrite_ephemeral(
        self, ephemeral: Ephemeral, *, text: str, blocks: Iterable[Json]
    ) -> Ephemeral:
        """Replace the content of an ephemeral text in place."""
        changed = dataclasses.replace(ephemeral, text=text, blocks=tuple(blocks))
        self._ephemerals[ephemeral.ts] = changed
        self.tell(Change(kind="ephemeral", channel=ephemeral.channel, ephemeral=changed))
        return changed

    def forget_ephemeral(self, ephemeral: Ephemeral) -> None:
        """Take an ephemeral text away from its reader."""
        if self._ephemerals.pop(ephemeral.ts, None) is not None:
            self.tell(Change(kind="ephemeral_gone", channel=ephemeral.channel, ephemeral=ephemeral))

    def ephemeral(self, ts: str) -> Ephemeral | None:
        """An ephemeral text by its stamp."""
        return self._ephemerals.get(ts)

    def ephemerals(self, channel: str | None = None) -> tuple[Ephemeral, ...]:
        """Ephemeral texts still shown, oldest first."""
        return tuple(e for e in self._ephemerals.values() if channel in (None, e.channel))
