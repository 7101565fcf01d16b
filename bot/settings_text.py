"""Texts of settings: durations, triggers, URLs, time zones."""

import ipaddress
import re
import zoneinfo
from datetime import timedelta
from urllib.parse import urlsplit

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_CRON_FIELDS = 5


def duration(value: object) -> object:
    """Read `90s`, `1h30m`, `0.5` or a number of seconds. Raises ValueError.

    What is no text or number is handed on to be judged by its type.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    text = str(value).strip().lower()
    try:
        number_of_seconds = float(text)
    except ValueError:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(
                f"{value!r} is no duration: write seconds or 90s, 5m, 1h30m, 2d"
            ) from None
        number_of_seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 0 <= number_of_seconds <= 366 * 86400:
        raise ValueError(f"{value!r} is out of range: a duration is between 0 and a year")
    return timedelta(seconds=number_of_seconds)


def positive(value: timedelta) -> timedelta:
    """Refuse zero. Raises ValueError."""
    if value <= timedelta(0):
        raise ValueError("must be longer than zero")
    return value


def shown(value: timedelta) -> str:
    """Write a duration as `duration` reads it, in the largest unit that fits."""
    number = value.total_seconds()
    for unit in ("d", "h", "m"):
        if number and number % _UNITS[unit] == 0:
            return f"{number / _UNITS[unit]:.0f}{unit}"
    return f"{number:.6f}".rstrip("0").rstrip(".") + "s"


def seconds(text: str) -> float:
    """Return a duration's text in seconds. Raises ValueError."""
    value = duration(text)
    assert isinstance(value, timedelta)
    return value.total_seconds()


def trigger(value: object) -> object:
    """Check a duration, five cron fields, or `off`. Raises ValueError."""
    text = str(value).strip()
    if text.lower() in {"off", "false"}:  # YAML reads a bare off as false
        return "off"
    if len(text.split()) == _CRON_FIELDS:
        from apscheduler.triggers.cron import CronTrigger  # heavy, and only for this

        try:
            CronTrigger.from_crontab(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no cron expression: {error}") from None
        return text
    try:
        value = seconds(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a duration (30s, 10m) nor five cron fields (0 9 * * mon-fri) "
            "nor `off`"
        ) from None
    if value <= 0:
        raise ValueError(f"{text!r} would run without pause: write `off` to switch it off")
    return text


def url(value: str) -> str:
    """Check an http(s) URL and give it its final slash. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{value!r} is no http or https URL")
    return value if value.endswith("/") else value + "/"


def prefix(value: str) -> str:
    """Check an address prefix. Raises ValueError."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError(f"{value!r} is no prefix: write one such as 10.0.0.0/8") from None


def timezone(value: str) -> str:
    """Check the name of a time zone. Raises ValueError."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone: write one such as Europe/Berlin") from None
    return value
