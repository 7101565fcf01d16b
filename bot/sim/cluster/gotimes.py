"""Times as Go's `time.Parse` reads them, and as it complains."""

import re
from datetime import UTC, datetime

SECONDS = "2006-01-02T15:04:05Z07:00"
"""The layout of `Time`; a fraction is read and dropped."""
MICRO = "2006-01-02T15:04:05.000000Z07:00"
"""The layout of `MicroTime`: exactly six digits after the point."""

_CHUNKS = {
    "2006": r"\d{4}",
    "01": r"\d\d",
    "02": r"\d\d",
    "15": r"\d\d",
    "04": r"\d\d",
    "05": r"\d\d",
    ".000000": r"\.\d{6}",
    "Z07:00": r"Z|[+-]\d\d:\d\d",
}
_LAYOUT = re.compile("|".join(map(re.escape, _CHUNKS)) + "|.")


def complaint(value: str, layout: str) -> str | None:
    """What Go says of a text that is no time of that layout; None for one that is."""
    rest = value
    for chunk in _LAYOUT.findall(layout):
        found = re.match(_CHUNKS.get(chunk, re.escape(chunk)), rest)
        if found is None:
            return f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as "{chunk}"'
        rest = rest[found.end() :]
        if chunk == "05" and layout == SECONDS:
            rest = re.sub(r"^[.,]\d+", "", rest)
    return f'parsing time "{value}": extra text: "{rest}"' if rest else None


def universal(value: str, layout: str) -> str:
    """The same moment in UTC, as a server gives it back.

    Raises:
        ValueError: there is no such moment, as on the 31st of February.
    """
    moment = datetime.fromisoformat(value).astimezone(UTC)
    timespec = "microseconds" if layout == MICRO else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
