"""What Slack says of the bot: its tokens, their scopes, its channels, the time."""

from collections.abc import Mapping
from typing import Any

from bot.adapters.slack import client, faults, manifest
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import doctor, ports

WANTED = doctor.Wanted(scopes=manifest.LACKING, vital=manifest.VITAL)
_SHARED = ("is_ext_shared", "is_org_shared", "is_pending_ext_shared")


async def examine(
    web: client.Web,
    channels: Mapping[str, tuple[str, ...]],
    *,
    options: Options,
    clock: ports.Clock,
) -> doctor.SlackFacts:
    """Ask Slack about everything; what it does not answer is an answer too.

    Args:
        web: the Web API.
        channels: the clusters that are told in each channel, by its id.
        options: which tokens there are, and which the mode needs.
        clock: time.
    """
    app = await _app_token(web, options) if options.connects else None
    if not options.bot_token:
        return doctor.SlackFacts(_unset("slack.bot_token", "SLACK_BOT_TOKEN"), app)
    try:
        who = await web.who()
    except errors.BotError as error:
        return doctor.SlackFacts(_wrong("slack.bot_token", error), app)
    return doctor.SlackFacts(
        doctor.Answer(),
        app,
        who=f"{who.user_id} in {who.team_id}",
        scopes=who.scopes,
        channels=tuple([await _channel(web, id_, of) for id_, of in channels.items()]),
        ahead=doctor.ahead(who.date, clock.now()),
    )


async def _app_token(web: client.Web, options: Options) -> doctor.Answer:
    if not options.app_token:
        return _unset("slack.app_token", "SLACK_APP_TOKEN")
    try:
        await web.may_connect()
    except errors.BotError as error:
        return _wrong("slack.app_token", error)
    return doctor.Answer()


def _unset(setting: str, variable: str) -> doctor.Answer:
    return doctor.Answer(f"{setting} is not set", f"set {variable} or a secret file")


def _wrong(setting: str, error: errors.BotError) -> doctor.Answer:
    if isinstance(error, errors.Misconfigured):
        return doctor.Answer(str(error), f"correct {setting}")
    return doctor.Answer(
        str(error), "see whether Slack can be reached from here: proxy, firewall, slack.api_url"
    )


async def _channel(web: client.Web, id_: str, of: tuple[str, ...]) -> doctor.Channel:
    if not id_:
        return doctor.Channel("", of)
    try:
        told = await web.call("conversations.info", web.sdk.conversations_info(channel=id_))
    except errors.BotError as error:
        named = faults.name_of(error.__cause__) if error.__cause__ else ""
        cure = faults.CURES.get(named, "ask again once Slack answers")
        return doctor.Channel(id_, of, doctor.Answer(str(error), cure))
    found: Any = told.get("channel")
    if not isinstance(found, dict):
        return doctor.Channel(id_, of, doctor.Answer("Slack's answer tells nothing of it"))
    return doctor.Channel(
        id_,
        of,
        name=str(found.get("name") or ""),
        member=bool(found.get("is_member")),
        archived=bool(found.get("is_archived")),
        shared=any(found.get(key) for key in _SHARED),
    )
