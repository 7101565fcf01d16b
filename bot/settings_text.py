"""Texts of settings: durations, triggers, URLs, time zones."""

import ipaddress
import re
import zoneinfo
from datetime import date, time, timedelta
from urllib.parse import urlsplit

from bot import checks
from bot.domain import alert, calendar, matcher, units
from bot.flannel import regex

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


def insecure(value: str) -> str:
    """Return what makes a URL no place to hear of approvals, or an empty text."""
    parts = urlsplit(value)
    host = parts.hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")
    if here:
        return "is this machine"
    return "" if parts.scheme == "https" else "is not https"


def user(value: str) -> str:
    """Check the id of a person. Raises ValueError."""
    return _identifier(value, "UW", "person", "U0123ABCD", "their profile, under Copy member ID")


def group(value: str) -> str:
    """Check the id of a user group. Raises ValueError."""
    return _identifier(value, "S", "user group", "S0123ABCD", "the group's page, in its address")


def _identifier(value: str, letters: str, what: str, example: str, where: str) -> str:
    if not re.fullmatch(rf"[{letters}][A-Z0-9]{{2,31}}", value):
        raise ValueError(
            f"{value!r} is no id of a {what}: it looks like {example} and is found in {where}; "
            "names can be changed by their owners and are never taken"
        )
    return value


_WEEKLY = re.compile(
    rf"({'|'.join(calendar.DAYS)})\s+(\d\d:\d\d)\s*-\s*({'|'.join(calendar.DAYS)})\s+(\d\d:\d\d)"
)
_DATED = re.compile(r"(\d{4}-\d\d-\d\d)\s*-\s*(\d{4}-\d\d-\d\d)")
_DAY = 24 * 60


def window(value: str, zone: str) -> calendar.Window:
    """Read `weekend: fri 16:00 - mon 08:00` or `year end: 2026-12-20 - 2027-01-03`.

    Raises ValueError. A weekly one that ends where it begins lasts the whole week.
    """
    name, _, span = (part.strip() for part in value.partition(":"))
    weekly, dated = _WEEKLY.fullmatch(span.lower()), _DATED.fullmatch(span)
    if not name or not (weekly or dated):
        raise ValueError(
            f"{value!r} is no span of time: write `weekend: fri 16:00 - mon 08:00` or "
            "`year end: 2026-12-20 - 2027-01-03`"
        )
    try:
        if dated:
            return _dated(name, zone, dated[1], dated[2])
        assert weekly is not None
        day, end = calendar.DAYS.index(weekly[1]), calendar.DAYS.index(weekly[3])
        start, stop = time.fromisoformat(weekly[2]), time.fromisoformat(weekly[4])
    except ValueError as error:
        raise ValueError(f"{value!r} is no span of time: {error}") from None
    minutes = (end - day) * _DAY + (stop.hour - start.hour) * 60 + stop.minute - start.minute
    return calendar.Window(
        name=name, timezone=zone, day=day, start=start, minutes=minutes % (7 * _DAY) or 7 * _DAY
    )


def _dated(name: str, zone: str, begins: str, ends: str) -> calendar.Window:
    first, last = date.fromisoformat(begins), date.fromisoformat(ends)
    if last < first:
        raise ValueError("it ends before it begins")
    return calendar.Window(name=name, timezone=zone, first=first, last=last)


def frozen(value: str) -> str:
    """Check a span of time. Raises ValueError."""
    window(value, "UTC")
    return value


def hours(value: str) -> str:
    """Check a span of time that may also be daily. Raises ValueError."""
    windows(value, "UTC")
    return value


_DAILY = re.compile(r"daily\s+(\d\d:\d\d)\s*-\s*(\d\d:\d\d)")


def windows(value: str, zone: str) -> tuple[calendar.Window, ...]:
    """Read what `window` reads, or `night: daily 22:00 - 07:00`, which is one for each day.

    Raises ValueError.
    """
    name, _, span = (part.strip() for part in value.partition(":"))
    daily = _DAILY.fullmatch(span.lower())
    if not name or not daily:
        return (window(value, zone),)
    days = calendar.DAYS
    nights = daily[2] <= daily[1]
    return tuple(
        window(f"{name}: {day} {daily[1]} - {days[(at + nights) % 7]} {daily[2]}", zone)
        for at, day in enumerate(days)
    )


def matchers(value: str) -> str:
    """Check conditions; an empty text is none. Raises ValueError."""
    conditions(value)
    return value


def conditions(value: str) -> tuple[matcher.Matcher, ...]:
    """Read conditions; an empty text is none. Raises ValueError."""
    if not value.strip():
        return ()

    def fault(pattern: str) -> str:
        found = regex.read(pattern)
        return found.error if isinstance(found, regex.Malformed) else ""

    dialect = matcher.Dialect(fault=fault, known={"check": (*checks.ALL_CHECKS, alert.CHECK)})
    found = matcher.parse(value, dialect)
    if not isinstance(found, matcher.Problem):
        return found
    raise ValueError(f"{value!r}, at character {found.position}: {found.text}")


def on_call(value: str) -> str:
    """Check the id of a person or a user group. Raises ValueError."""
    return group(value) if value.startswith("S") else user(value)


def memory(value: str) -> str:
    """Check an amount of memory. Raises ValueError."""
    units.parsed_memory(value)
    return value
