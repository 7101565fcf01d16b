"""What sections of settings are made of."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from bot import settings_text

Duration = Annotated[timedelta, BeforeValidator(settings_text.duration)]
"""Seconds as a number, or `90s`, `5m`, `1h30m`, `2d`."""

Wait = Annotated[Duration, AfterValidator(settings_text.positive)]
"""A duration that may not be zero: waiting that long keeps a loop from turning hot."""

Trigger = Annotated[str, BeforeValidator(settings_text.trigger)]
"""A duration (`30s`), five cron fields (`0 9 * * mon-fri`) or `off`."""

UserId = Annotated[str, AfterValidator(settings_text.user)]
"""Slack's id of a person, U... or W..."""

GroupId = Annotated[str, AfterValidator(settings_text.group)]
"""Slack's id of a user group, S..."""


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
