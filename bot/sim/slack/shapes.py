"""How things look on the wire: JSON as Slack's methods and payloads carry it. Pure."""

from collections.abc import Sequence
from typing import Any

from bot.sim.slack import people, workspace

Json = dict[str, Any]


def message(
    said: workspace.Message,
    replies: Sequence[workspace.Message] = (),
    *,
    with_metadata: bool = True,
) -> Json:
    """A message as `conversations.history` shows it, with its thread's counters."""
    shape: Json = {"type": "message", "user": said.user, "ts": said.ts, "text": said.text}
    shape["team"] = people.TEAM
    if said.deleted:
        shape.update({"subtype": "tombstone", "user": "USLACKBOT", "hidden": True})
    elif said.user == people.BOT_USER:
        shape.update({"bot_id": people.BOT, "app_id": people.APP, "bot_profile": bot_profile()})
    if said.blocks:
        shape["blocks"] = list(said.blocks)
    if said.attachments:
        shape["attachments"] = list(said.attachments)
    if said.files:
        shape |= {"files": list(said.files), "upload": False}
    if said.metadata is not None and with_metadata:
        shape["metadata"] = said.metadata
    if said.edited is not None:
        shape["edited"] = {"user": said.edited.user, "ts": said.edited.ts}
    if said.reactions:
        shape["reactions"] = [
            {"name": emoji, "users": list(users), "count": len(users)}
            for emoji, users in said.reactions
        ]
    if said.thread_ts is not None:
        shape["thread_ts"] = said.thread_ts
        if said.broadcast:
            shape["subtype"] = "thread_broadcast"
    elif replies:
        shape.update(
            {
                "thread_ts": said.ts,
                "reply_count": len(replies),
                "reply_users": sorted({reply.user for reply in replies}),
                "reply_users_count": len({reply.user for reply in replies}),
                "latest_reply": replies[-1].ts,
                "is_locked": False,
                "subscribed": False,
            }
        )
    return shape


def ephemeral(whisper: workspace.Ephemeral) -> Json:
    """An ephemeral text as the control shows it."""
    shape: Json = {
        "channel": whisper.channel,
        "ts": whisper.ts,
        "user": whisper.user,
        "text": whisper.text,
        "blocks": list(whisper.blocks),
        "via": whisper.via,
        "is_ephemeral": True,
    }
    if whisper.thread_ts is not None:
        shape["thread_ts"] = whisper.thread_ts
    if whisper.command_id is not None:
        shape["command_id"] = whisper.command_id
    return shape


def bot_profile() -> Json:
    """The app's face beside its messages."""
    return {
        "id": people.BOT,
        "deleted": False,
        "name": "flannel-bot",
        "app_id": people.APP,
        "team_id": people.TEAM,
        "icons": {},
        "updated": 0,
    }


def person(found: people.Person, *, shares_a_channel: bool) -> Json:
    """A user as `users.info` shows them.

    Somebody of another team is a stranger only while no shared channel connects them with the
    app; after that, `team_id` alone gives them away.
    """
    shape: Json = {
        "id": found.id,
        "team_id": found.team,
        "name": found.name,
        "deleted": found.deleted,
        "real_name": found.real_name,
        "tz": "Etc/UTC",
        "tz_label": "UTC",
        "tz_offset": 0,
        "profile": {
            "real_name": found.real_name,
            "display_name": found.name,
            "title": found.title,
            "team": found.team,
        },
        "is_admin": found.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": found.is_restricted,
        "is_ultra_restricted": found.is_ultra_restricted,
        "is_bot": found.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if found.is_bot:
        shape["profile"] |= {"bot_id": people.BOT, "api_app_id": people.APP}
    if found.team != people.TEAM:
        shape["is_stranger"] = not shares_a_channel
    return shape


def channel(found: people.Channel, *, member: str) -> Json:
    """A conversation as `conversations.info` shows it to `member`."""
    shape: Json = {
        "id": found.id,
        "created": 0,
        "is_im": found.is_im,
        "is_mpim": False,
        "is_archived": found.is_archived,
        "context_team_id": people.TEAM,
        "is_org_shared": False,
    }
    if found.is_im:
        return shape | {"user": found.name, "is_open": True}
    return shape | {
        "name": found.name,
        "name_normalized": found.name,
        "is_channel": not found.is_private,
        "is_group": found.is_private,
        "is_private": found.is_private,
        "is_general": False,
        "is_shared": found.is_ext_shared,
        "is_ext_shared": found.is_ext_shared,
        "is_pending_ext_shared": False,
        "is_member": member in found.members,
        "creator": "U0OPERATOR",
        "num_members": len(found.members),
        "topic": {"value": found.topic, "creator": "U0OPERATOR", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def group(found: people.Group, *, with_users: bool) -> Json:
    """A user group as `usergroups.list` shows it."""
    shape: Json = {
        "id": found.id,
        "team_id": people.TEAM,
        "is_usergroup": True,
        "handle": found.handle,
        "name": found.name,
        "date_delete": 0,
        "user_count": len(found.users),
    }
    return shape | {"users": list(found.users)} if with_users else shape
