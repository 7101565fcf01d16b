"""Settings of how the bot looks after itself."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from bot import settings_text
from bot.settings_base import Section, Trigger, Wait


class Process(Section):
    """The process itself."""

    role: Literal["all", "chat", "executor"] = "all"
    """What this process is for; `run --role` says it too. `chat` speaks with people, judges and
    tells, and needs no right to run or change anything in a cluster; `executor` does what takes
    such a right. They meet in the database and are given the same settings. `all`: both in one."""
    stop_within: Wait = timedelta(seconds=25)
    """After SIGTERM the process is gone within this, whatever hangs; keep it below the pod's
    `terminationGracePeriodSeconds` (30 by default). Nothing is lost by it."""
    reload_every: Wait = timedelta(seconds=10)
    """How often the configuration file and the secret files are looked at. A changed one is taken
    over, the log's level at once and all else by beginning anew in the same process once no
    change to a cluster is under way; one that cannot be is refused, and the old stays in force."""


class Heartbeat(Section):
    """A sign of life to somebody outside, who speaks up when it stays away."""

    url: SecretStr = SecretStr("")
    """Fetched as long as everything is well: a dead man's switch, such as a check of
    healthchecks.io. Empty: none. Kept secret, since whoever knows it can feign our life."""
    every: Trigger = "1m"
    """How often, in time for whoever waits for it."""
    timeout: Wait = timedelta(seconds=10)
    """Longest time for one."""

    @field_validator("url")
    @classmethod
    def _reached_by_http(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not text.startswith(("https://", "http://")):
            raise ValueError("is no http or https address")
        return value


class SelfTest(Section):
    """A message to Slack and back, to know that people could hear."""

    channel: str = Field(default="", pattern=r"^([CG][A-Z0-9]{2,31})?$")
    """Channel id (C...) in which a message is posted, looked for and deleted at once; a channel
    without readers is best. Empty: no such tests. Needs the history scope of that channel."""
    every: Trigger = "15m"
    """How often. Two failures in a row make the bot not ready."""


class Retention(Section):
    """How long the past is kept. What is open or waits is kept however old it is."""

    incidents: Wait = timedelta(days=180)
    """Resolved incidents with their stories, and plans, runs, silences and freezes that are over.
    Who silenced or froze what stays in the record of deeds for as long as that is kept."""
    outbox: Wait = timedelta(days=30)
    """Messages that were sent, or refused for good, and what was asked of an executor."""
    deeds: Wait = timedelta(days=365)
    """The record of what was done. Where it was cut its last hash is kept, so that
    `flannel-bot audit verify` still proves the rest."""
    every: Trigger = "1h"
    """How often what is older is removed."""

    @field_validator("incidents", "outbox")
    @classmethod
    def _long_enough(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1):
            raise ValueError(f"{settings_text.shown(value)} is too short; at least 1d")
        return value


class Alertmanager(Section):
    """Alerts that an Alertmanager posts to `/alertmanager` at `http.port`.

    Those about system workloads and nodes join the incidents of the checks that judge the same.
    """

    token: SecretStr = SecretStr("")
    """The bearer token that it must send (`http_config.authorization.credentials`). Empty: nothing
    is taken."""
    expire_after: Wait = timedelta(hours=6)
    """An alert that is neither told again nor resolved for so long counts no more; set it above
    Alertmanager's `repeat_interval`."""
    cluster_label: str = Field(default="cluster", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    """The label that names an alert's cluster, as in `clusters[].name`; with one cluster none is
    needed."""
