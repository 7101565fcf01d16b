"""What a click is answered with. No click is ever silent, whatever button of whatever age."""

from collections.abc import Mapping
from typing import Any

from bot.adapters.slack import answers_view, prose, replies, wording, works


def answer(body: Mapping[str, Any], running: works.Works) -> prose.Page:
    """Do what a click outside remediation asks for and say what it did, or why it did nothing."""
    if action(body).get("action_id") == works.CANCEL:
        user = str(_part(body, "user").get("id", ""))
        done, said = running.stop(str(action(body).get("value", "")), user)
        return answers_view.told(said) if done else answers_view.problem(said)
    return answers_view.problem(wording.OLD_BUTTON)


def action(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the element that was used."""
    used = body.get("actions")
    first = used[0] if isinstance(used, list) and used else None
    return first if isinstance(first, Mapping) else {}


def asked(body: Mapping[str, Any]) -> replies.Asked:
    """Return where the click came from."""
    container, channel = _part(body, "container"), _part(body, "channel")
    return replies.Asked(
        user=str(_part(body, "user").get("id", "")),
        channel=str(channel.get("id") or container.get("channel_id") or ""),
        response_url=str(body.get("response_url") or ""),
        thread_ts=str(container.get("thread_ts") or ""),
    )


def key(body: Mapping[str, Any]) -> str:
    """Name one click, so that its repetition is known; empty where it cannot be told."""
    used = action(body)
    if not used.get("action_ts"):
        return ""
    user, message = _part(body, "user"), _part(body, "container")
    return ":".join(
        str(part)
        for part in (
            used.get("action_id"),
            message.get("message_ts") or message.get("view_id"),
            user.get("id"),
            used["action_ts"],
        )
    )


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}
