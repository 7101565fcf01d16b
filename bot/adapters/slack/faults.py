"""What Slack's failures mean, in the bot's own errors.

Three questions decide: was the request certainly not stored, will asking again ever help, and can
a person help. Nothing is called refused for good unless the message itself is at fault: a revoked
token, a missing scope or an archived channel make rows wait until somebody has helped.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk import errors as sdk

from bot.domain import errors
from bot.flow import ports

WRONG_TOKEN = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "not_allowed_token_type",
        "no_permission",
        "org_login_required",
        "team_access_not_granted",
    }
)
"""No request with this token will work before a person has changed something."""

MESSAGE_AT_FAULT = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "only_one_table_allowed",
        "msg_too_long",
        "msg_blocks_too_long",
        "no_text",
        "too_many_attachments",
        "invalid_attachments",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "invalid_arguments",
        "invalid_json",
        "json_not_object",
    }
)
"""The same message will never be taken."""

GONE = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cant_update_message",
        "edit_window_closed",
        "cannot_reply_to_message",
    }
)

PERHAPS_DONE = frozenset({"fatal_error", "internal_error", "service_unavailable"})
"""Slack says of these that the request may have had its effect."""

CURES = {
    "channel_not_found": "invite the bot to the channel, or correct its id in the settings",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "unarchive the channel, or name another one in the settings",
    "missing_scope": "add the scope to the Slack app and install it anew",
    "restricted_action": "a workspace setting keeps the bot from posting there",
    "not_authed": "set the token",
    "invalid_auth": "the token is wrong for this workspace",
    "token_revoked": "install the Slack app anew and set its new token",
    "token_expired": "install the Slack app anew and set its new token",
    "account_inactive": "the bot was removed from the workspace: install the Slack app anew",
    "not_allowed_token_type": "this is another kind of token than the one needed here",
}

_LONGEST_WAIT = 3_600.0
_SECRET = re.compile(r"\bx(?:ox[a-z]|app)(?:\.xox[a-z])?-[\w-]+|(?<=ticket=)[^&\s'\"]+")


def hidden(text: str) -> str:
    """Return a text without the tokens and socket tickets it may hold."""
    return _SECRET.sub("…", text)


def name_of(error: BaseException) -> str:
    """Return Slack's name for an error, or an empty text if Slack named none."""
    named = _body(error).get("error") if isinstance(error, sdk.SlackApiError) else None
    return named if isinstance(named, str) else ""


def translate(error: Exception, *, verb: str, posts: bool) -> errors.BotError:
    """Return the bot's error for what a Web API call raised.

    `posts` says that the call must not be repeated blindly and had begun to leave; then a failure
    after which it may have been stored becomes Ambiguous.
    """
    perhaps = ports.Ambiguous if posts else errors.Unavailable
    if isinstance(error, sdk.SlackApiError):
        return _answered(error, verb=verb, perhaps=perhaps)
    reason = hidden(str(error)) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return errors.Unavailable(f"Slack cannot be reached ({verb}): {reason}")
    if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.InvalidURL):
        return errors.Unavailable(f"Slack cannot be reached ({verb}): {reason}")
    if isinstance(error, asyncio.TimeoutError):
        return perhaps(f"Slack did not answer in time ({verb})")
    if isinstance(error, aiohttp.ClientError | OSError):
        return perhaps(f"the connection to Slack failed ({verb}): {reason}")
    # Not JSON, or JSON that is no object: a proxy or a maintenance page answered.
    return perhaps(f"Slack's answer cannot be read ({verb}): {type(error).__name__}")


def _answered(
    error: sdk.SlackApiError, *, verb: str, perhaps: type[errors.Unavailable]
) -> errors.BotError:
    status, headers, body = _status(error), _headers(error), _body(error)
    name = name_of(error)
    if status == 429 or name in ("ratelimited", "rate_limited"):
        return ports.RateLimited(retry_after(headers))
    if not name:
        return perhaps(f"Slack answered HTTP {status} without a reason ({verb})")
    if name in GONE:
        return ports.MessageGone(f"Slack says {name} ({verb})")
    if name in MESSAGE_AT_FAULT:
        return errors.Refused(f"Slack refused the message: {name}{_particulars(body)} ({verb})")
    if status >= 500 or name in PERHAPS_DONE:
        return perhaps(f"Slack says {name} ({verb})")
    cure = CURES.get(name, "")
    needed = body.get("needed")
    if name == "missing_scope" and isinstance(needed, str):
        cure = f"{cure} (needed: {needed})"
    return errors.Unavailable(f"Slack says {name} ({verb})" + (f": {cure}" if cure else ""))


def retry_after(headers: Mapping[str, Any]) -> float:
    """Return how long Slack asks to wait, in seconds; a second if it says nothing sensible."""
    for key, value in headers.items():
        if str(key).lower() == "retry-after":
            first = value[0] if isinstance(value, list | tuple) and value else value
            try:
                seconds = float(first)
            except (TypeError, ValueError):
                break
            if 0.0 <= seconds < float("inf"):
                return min(max(seconds, 0.1), _LONGEST_WAIT)
    return 1.0


def _status(error: sdk.SlackApiError) -> int:
    # The SDK puts its own response here, or aiohttp's when the body was not JSON.
    for attribute in ("status_code", "status"):
        found = getattr(error.response, attribute, None)
        if isinstance(found, int):
            return found
    return 0


def _headers(error: sdk.SlackApiError) -> Mapping[str, Any]:
    headers = getattr(error.response, "headers", None)
    return headers if isinstance(headers, Mapping) else {}


def _body(error: sdk.SlackApiError) -> Mapping[str, Any]:
    if isinstance(error.response, Mapping):
        return error.response
    data = getattr(error.response, "data", None)
    return data if isinstance(data, Mapping) else {}


def _particulars(body: Mapping[str, Any]) -> str:
    found = body.get("errors")
    if not isinstance(found, list) or not found:
        return ""
    return " [" + "; ".join(str(one)[:200] for one in found[:3]) + "]"
