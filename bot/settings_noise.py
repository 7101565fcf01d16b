"""Settings of what is told, where, how often, and when not."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from bot import settings_text
from bot.settings_base import Duration, Section, UserId

Matchers = Annotated[str, AfterValidator(settings_text.matchers)]
"""Conditions joined by commas, such as `check=oom_killed,node=~"edge-.*"`."""

OnCall = Annotated[str, AfterValidator(settings_text.on_call)]
"""Slack's id of a person (U..., W...) or of a user group (S...)."""

Span = Annotated[str, AfterValidator(settings_text.hours)]
"""A named span of time: daily, weekly or dated."""


Tongue = Literal["en", "zh-CN"]
"""English or simplified Chinese."""

ChannelId = Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,31}$")]
"""Slack's id of a channel, C... or G..."""


class Noise(Section):
    """How often people are called."""

    repeat_critical: Duration = timedelta(hours=4)
    """A critical incident that nobody has taken on calls again after this; 0 never does."""
    repeat_warning: Duration = timedelta(hours=24)
    """Likewise for a warning."""
    on_call: tuple[OnCall, ...] = ()
    """Who is called by name when something is critical: ids of people or user groups."""
    budget: int = Field(default=20, ge=0, le=10_000)
    """Calls a day that a channel should have at most. Beyond it, only what is new or critical
    calls; the rest edits its card. The monthly report says where it was more. 0 for no limit."""


class Language(Section):
    """Which language the bot speaks. Names of objects are never translated."""

    default: Tongue = "en"
    """To whom nothing else is said."""
    channels: dict[ChannelId, Tongue] = Field(default_factory=dict)
    """By channel id (C...), such as `{C0123ABCD: zh-CN}`."""
    users: dict[UserId, Tongue] = Field(default_factory=dict)
    """By a person's id (U...), for answers to them; counts more than the channel's."""


class Quiet(Section):
    """When something is not told. It is told afterwards, if it still stands."""

    when: Span
    """`night: daily 22:00 - 07:00`, `weekend: fri 18:00 - mon 08:00` or `holidays: 2026-12-24 -
    2026-12-26`."""
    timezone: str = ""
    """Its time zone, such as `Asia/Shanghai`; empty: that of `schedule.timezone`."""
    match: Matchers = ""
    """What is not told then; empty: everything that is not critical."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return settings_text.timezone(value) if value else value


class Route(Section):
    """Where something is told instead of in its cluster's channel. The first match counts."""

    match: Matchers = Field(min_length=1)
    """What it is about."""
    channel: str = Field(default="", pattern=r"^([CG][A-Z0-9]{2,31})?$")
    """Channel id (C...); empty: the cluster's own."""
    on_call: tuple[OnCall, ...] = ()
    """Who is called by name when it is critical; empty: `noise.on_call`."""
