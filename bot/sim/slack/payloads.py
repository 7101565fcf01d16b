"""What the app receives when people act: commands, clicks and submitted views. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sim.slack import people, views

Json = dict[str, Any]

# Slack still sends this word, long after signatures replaced it.
_VERIFICATION = "simulated"


@dataclass(frozen=True, kw_only=True)
class Callback:
    """What a payload gives the app to act with."""

    trigger_id: str
    response_url: str | None = None


def command(
    *,
    person: people.Person,
    team: people.Team,
    channel: people.Channel,
    name: str,
    text: str,
    callback: Callback,
) -> Json:
    """A slash command. There is no `thread_ts`: commands do not exist in threads."""
    return {
        "token": _VERIFICATION,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": people.APP,
        "is_enterprise_install": "false",
        "response_url": callback.response_url or "",
        "trigger_id": callback.trigger_id,
    }


def _interaction(kind: str, *, person: people.Person, home: people.Team) -> Json:
    """The common part. `team` is where the app lives; `user.team_id` is where the person does."""
    return {
        "type": kind,
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": person.team,
        },
        "api_app_id": people.APP,
        "token": _VERIFICATION,
        "team": {"id": home.id, "domain": home.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_click(
    *,
    person: people.Person,
    home: people.Team,
    channel: people.Channel,
    ts: str,
    thread_ts: str | None,
    message: Json | None,
    action: Json,
    callback: Callback,
) -> Json:
    """A click on an element of a message; `message` is None for ephemeral ones."""
    container: Json = {
        "type": "message",
        "message_ts": ts,
        "channel_id": channel.id,
        "is_ephemeral": message is None,
    }
    if thread_ts is not None:
        container["thread_ts"] = thread_ts
    payload = _interaction("block_actions", person=person, home=home) | {
        "container": container,
        "trigger_id": callback.trigger_id,
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": {}},
        "response_url": callback.response_url,
        "actions": [action],
    }
    return payload if message is None else payload | {"message": message}


def message_action(
    *,
    person: people.Person,
    home: people.Team,
    channel: people.Channel,
    callback_id: str,
    at: str,
    message: Json,
    callback: Callback,
) -> Json:
    """A shortcut used from the menu of a message, which comes whole."""
    return _interaction("message_action", person=person, home=home) | {
        "callback_id": callback_id,
        "action_ts": at,
        "message_ts": message["ts"],
        "trigger_id": callback.trigger_id,
        "response_url": callback.response_url,
        "channel": {"id": channel.id, "name": channel.name},
        "message": message,
    }


def view_click(
    *, person: people.Person, home: people.Team, view: views.View, action: Json, callback: Callback
) -> Json:
    """A click on an element of a modal or home tab."""
    return _interaction("block_actions", person=person, home=home) | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": callback.trigger_id,
        "view": view.shape(),
        "actions": [action],
    }


def view_submission(
    *,
    person: people.Person,
    home: people.Team,
    view: views.View,
    values: Mapping[str, Any],
    callback: Callback,
) -> Json:
    """A modal sent off with what was entered."""
    return _interaction("view_submission", person=person, home=home) | {
        "trigger_id": callback.trigger_id,
        "view": view.shape() | {"state": {"values": dict(values)}},
        "response_urls": [],
    }


def view_closed(*, person: people.Person, home: people.Team, view: views.View) -> Json:
    """A modal dismissed."""
    return _interaction("view_closed", person=person, home=home) | {
        "view": view.shape(),
        "is_cleared": False,
    }


def action(element: Json, *, block_id: str, at: str, chosen: str | None) -> Json | None:
    """The entry of `actions` for a used element; None when `chosen` is not among its options."""
    entry: Json = {
        "action_id": element["action_id"],
        "block_id": block_id,
        "type": element["type"],
        "action_ts": at,
    }
    if element["type"] == "button":
        entry["text"] = element["text"]
        entry |= {key: element[key] for key in ("value", "style") if key in element}
        return entry
    groups = element.get("option_groups") or [{"options": element.get("options") or []}]
    options = {option["value"]: option for group in groups for option in group["options"]}
    if options:
        if chosen not in options:
            return None
        several = element["type"].startswith("multi_") or element["type"] == "checkboxes"
        picked = options[chosen]
        return entry | ({"selected_options": [picked]} if several else {"selected_option": picked})
    kind = element["type"].removesuffix("_select").rstrip("s")
    return entry | {f"selected_{kind}" if "select" in element["type"] else "value": chosen}
