"""Settings read, shown, and obeyed by the log."""

import urllib.parse
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from bot import settings, settings_clusters, settings_sources, settings_text
from bot.adapters import telemetry
from bot.domain import errors


def load(file: Path | None, log_format: str | None, *, quiet: bool = False) -> settings.Settings:
    """Read the settings and begin to log as they say. Raises Misconfigured."""
    given = settings_sources.load(file)
    begin_logging(given, log_format, quiet=quiet)
    return given


def begin_logging(
    given: settings.Settings,
    log_format: str | None,
    *,
    quiet: bool = False,
    besides: Iterable[str] = (),
) -> None:
    """Log as the settings say, their secrets hidden, and others `besides`."""
    telemetry.configure_logging(
        level="error" if quiet else given.log.level,
        style=log_format or given.log.format,
        secrets=secrets(given, besides=besides),
    )


def secrets(given: settings.Settings, *, besides: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every secret in force and others, the longest first: one may be a part of another."""
    found = [*_secrets(given), *besides]
    password = urllib.parse.urlsplit(given.database.url).password
    if password:
        found += [password, urllib.parse.unquote(password)]
    return tuple(sorted({one for one in found if one}, key=len, reverse=True))


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _secrets(each)


def refuse_incomplete(given: settings.Settings) -> None:
    """Name everything that `run` lacks at once, not one at a start.

    Raises:
        errors.Misconfigured: one line for each setting that is missing.
    """
    lacking = []
    other = "signing_secret" if given.slack.mode == "http" else "app_token"
    # An executor only asks Slack who people are.
    keys = ("bot_token",) if given.process.role == "executor" else ("bot_token", other)
    for key in keys:
        if not getattr(given.slack, key).get_secret_value():
            needed = f"slack.{key}: is not set, and mode {given.slack.mode} needs it"
            lacking.append(f"{needed}; set SLACK_{key.upper()} or a secret file")
    for one in given.watched:
        if not given.channel_of(one):
            lacking.append(
                "slack.channel: is not set, and cluster "
                f"{one.name!r} names no channel of its own; give the channel id (C...)"
            )
            break
    if lacking:
        raise errors.Misconfigured("\n".join(lacking))


def written(values: Any) -> str:  # noqa: ANN401  # whatever YAML can hold
    """Return plain values as YAML, keys in the order they have."""
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text


def shown(given: settings.Settings) -> str:
    """Return the settings in force as YAML, secrets hidden."""
    values = _plain(given.model_dump())
    for number, one in enumerate(given.clusters):
        own = given.within(one).model_dump(include=set(settings_clusters.RULES))
        own["remediation"].pop("timing")  # the same for all
        values["clusters"][number] |= _plain(own)
    values["database"]["url"] = _without_password(given)
    return written(values)


def _plain(value: Any) -> Any:  # noqa: ANN401  # whatever settings hold
    """Return a value as one would write it in the file."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, SecretStr):
        return "(set)" if value.get_secret_value() else "(not set)"
    if isinstance(value, timedelta):
        return settings_text.shown(value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _without_password(given: settings.Settings) -> str:
    from bot.adapters.store import location  # with SQLAlchemy, which no other command needs

    parsed = location.parse(given.database.url)
    return parsed.url.render_as_string(hide_password=True)
