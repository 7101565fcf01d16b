"""Settings of several replicas."""

from datetime import timedelta

from pydantic import Field, model_validator

from bot.settings_base import Section, Wait

_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"


class Replicas(Section):
    """More than one copy of the bot: all answer people, one of them judges, tells and changes."""

    enabled: bool = False
    """Elect a leader. Needs PostgreSQL (`database.url`), and get, create and update on one Lease.
    A single replica needs neither."""
    cluster: str = ""
    """The cluster that holds the Lease, by its name; empty: the first."""
    namespace: str = Field(default="kube-system", pattern=_NAME)
    """The namespace of the Lease."""
    lease: str = Field(default="flannel-bot", pattern=_NAME)
    """The name of the Lease."""
    lasts: Wait = timedelta(seconds=15)
    """Not renewed for so long, another replica takes over. Whole seconds."""
    renew_within: Wait = timedelta(seconds=10)
    """A leader that could not renew for so long changes nothing any more, until it has."""
    retry: Wait = timedelta(seconds=2)
    """Between two renewals, and between two looks of those who wait."""

    @model_validator(mode="after")
    def _one_after_another(self) -> "Replicas":
        if self.lasts.microseconds:
            raise ValueError("lasts must be whole seconds: a Lease knows no parts of one")
        if self.renew_within * 6 > self.lasts * 5:
            raise ValueError(
                "renew_within must be at most five sixths of lasts: a leader has to have stopped "
                "before another begins, whatever the pace of their clocks"
            )
        if self.retry * 2 > self.renew_within:
            raise ValueError("retry must be at most half of renew_within, so that one may fail")
        return self
