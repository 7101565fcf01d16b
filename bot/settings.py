"""Settings: environment over file over defaults.

Every key is named `section.key`; its environment variable is `FLANNEL_BOT_SECTION__KEY`. Secrets
may also stand in files of the directory that `FLANNEL_BOT_SECRETS_DIR` names. Only `app`, `cli`
and `demo` see this module: adapters get frozen options.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot import settings_clusters, settings_text
from bot.settings_base import Duration, Section, Trigger, Wait
from bot.settings_clusters import Cluster
from bot.settings_noise import Language, Noise, Quiet, Route
from bot.settings_replicas import Replicas
from bot.settings_rules import (
    RUNBOOKS,
    Access,
    AccessKeys,
    Groups,
    Inspection,
    InspectionKeys,
    Limits,
    Remediation,
    RemediationKeys,
    Timing,
)
from bot.settings_self import Alertmanager, Heartbeat, Process, Retention, SelfTest

__all__ = [
    "PREFIX",
    "RUNBOOKS",
    "Access",
    "AccessKeys",
    "Cluster",
    "Groups",
    "Inspection",
    "InspectionKeys",
    "Limits",
    "Remediation",
    "RemediationKeys",
    "Section",
    "Settings",
    "Timing",
    "Trigger",
]

PREFIX = "FLANNEL_BOT_"


class Slack(Section):
    """How to reach Slack."""

    mode: Literal["socket", "http"] = "socket"
    """`socket`: the bot connects to Slack, and nothing has to reach it from outside. `http`: Slack
    posts to `/slack/events` at `http.port`, by an address that it can reach over HTTPS."""
    bot_token: SecretStr = SecretStr("")
    """The app's `xoxb-` token. Also read from `SLACK_BOT_TOKEN`."""
    app_token: SecretStr = SecretStr("")
    """The app's `xapp-` token with `connections:write`; not used in http mode. Also read from
    `SLACK_APP_TOKEN`."""
    signing_secret: SecretStr = SecretStr("")
    """Proves that a request is Slack's; not used in socket mode. Also read from
    `SLACK_SIGNING_SECRET`."""
    api_url: str = "https://slack.com/api/"
    """Base URL of the Web API; any Slack-compatible server works."""
    allow_insecure: bool = False
    """Accept, with remediation enabled, an `api_url` that is this machine or not https: whoever
    answers there says who approved what. For tests and the demo."""
    channel: str = ""
    """Channel id (C...) for alerts of clusters that name none of their own."""
    watchdog_after: Duration = timedelta(seconds=30)
    """Disconnected this long, the connection is opened anew with a fresh URL."""
    give_up_after: Duration = timedelta(minutes=5)
    """Disconnected this long though the Web API answers, the process exits to be restarted."""

    @field_validator("api_url")
    @classmethod
    def _ends_in_slash(cls, value: str) -> str:
        return settings_text.url(value)


class Database(Section):
    """Where state is kept."""

    url: str = "sqlite+aiosqlite:///data/flannel-bot.db"
    """SQLAlchemy URL. The default is a file in the directory `data` of the working directory."""


class Mirror(Section):
    """How the API server is watched."""

    page_size: int = Field(default=500, ge=1, le=5000)
    """Objects a page when listing."""
    watch_timeout: Wait = timedelta(minutes=5)
    """Longest life of one watch; the real one is drawn between 80 % and all of it."""
    silence_after: Wait = timedelta(seconds=150)
    """A watch without event or bookmark for so long is taken for dead.

    Servers send a bookmark about once a minute; two may be missed.
    """
    backoff_first: Wait = timedelta(seconds=1)
    """Wait after a first failure; doubles, with jitter, up to `backoff_most`."""
    backoff_most: Wait = timedelta(seconds=30)
    """Longest wait between tries."""
    gap_after: Duration = timedelta(seconds=5)
    """A failure shorter than this is no gap: watches reconnect all the time."""
    request_timeout: Wait = timedelta(seconds=30)
    """Longest time for one list page or log."""


class Checks(Section):
    """When something counts as wrong."""

    pod_grace: Duration = timedelta(minutes=5)
    """How long a pod may take to become ready."""
    daemonset_grace: Duration = timedelta(minutes=5)
    """How long a DaemonSet may be short of pods for no known reason."""
    rollout_stuck: Duration = timedelta(minutes=10)
    """How long a rollout may make no progress."""
    deployment_grace: Duration = timedelta(minutes=2)
    """How long a Deployment may be unavailable."""
    node_grace: Duration = timedelta(seconds=30)
    """How long a node may be NotReady."""
    flannel_missing_grace: Duration = timedelta(minutes=2)
    """How long a ready node may be without a flannel pod."""
    blind_after: Duration = timedelta(minutes=3)
    """How long something may be unreadable before that is itself told."""
    restart_window: Duration = timedelta(minutes=10)
    """Two restarts of one container within this are a crash loop."""
    stable_after: Duration = timedelta(minutes=10)
    """A crash loop is over when the container ran this long (or twice its longest back-off)."""
    oom_quiet: Duration = timedelta(minutes=30)
    """An OOM kill stays a finding this long after the newest one."""
    lookback: Duration = timedelta(hours=1)
    """At the very first sight of a cluster, older OOM kills are not news."""
    node_joined: Duration = timedelta(seconds=60)
    """How long a node that joined is not judged, nor others by it or by what a node changed."""
    node_left: Duration = timedelta(minutes=5)
    """How long the others may keep routes to a node that left."""
    look_valid: Wait = timedelta(hours=2)
    """A look at a node older than this shows nothing any more, neither good nor bad."""


class Incidents(Section):
    """How findings become incidents."""

    resolve_after: Duration = timedelta(minutes=3)
    """How long all must be seen well before an incident is resolved."""
    reopen_within: Duration = timedelta(minutes=15)
    """A trouble back this soon is the same incident."""
    flapping: int = Field(default=3, ge=1, le=100)
    """One that came back this often is flapping: it calls nobody for that any more."""
    flapping_resolve_after: Duration = timedelta(minutes=30)
    """How long a flapping one must be seen well before it is resolved."""


class Telling(Section):
    """How Slack is written to."""

    post_interval: Duration = timedelta(seconds=1)
    """Between two messages of one channel (Slack's own limit is about one a second)."""
    edit_interval: Duration = timedelta(seconds=3)
    """Between two edits of one card."""
    digest_over: int = Field(default=10, ge=2)
    """More new cards than this at once become a digest."""
    log_lines: int = Field(default=20, ge=0, le=200)
    """Lines of a failing container's log in the thread; 0 shows none."""


class Schedule(Section):
    """What runs when, besides at once at every change."""

    timezone: str = "UTC"
    """Time zone of cron triggers, such as `Asia/Shanghai`."""
    cycle: Trigger = "30s"
    """Judging every cluster though nothing seemed to change."""
    relist: Trigger = "10m"
    """Listing every cluster anew, so that nothing depends on an event having arrived."""
    audit: Trigger = "1m"
    """Looking at some nodes, so that all are seen in turn; off without `inspection.exec`."""
    samples: Trigger = "1m"
    """Keeping how much memory flannel uses on each node, by metrics.k8s.io."""
    digest: Trigger = "0 9 * * *"
    """The daily summary in each cluster's channel."""
    handover: Trigger = "off"
    """What `handover` tells, in each cluster's channel; such as `0 8,20 * * *` at shift changes."""
    noise: Trigger = "0 9 1 * *"
    """The monthly report of what was told and what came of it, in each cluster's channel."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return settings_text.timezone(value)


class Metrics(Section):
    """How flannel's memory over time is known."""

    prometheus_url: str = ""
    """A Prometheus that scrapes the kubelets' cAdvisor. Empty: own samples alone."""
    bearer_token: SecretStr = SecretStr("")
    """Sent to it."""
    ca: Path | None = None
    """Its authority, where it is none that the system trusts."""
    timeout: Wait = timedelta(seconds=10)
    """Longest time for one query."""
    cluster_label: str = Field(default="", pattern=r"^([a-zA-Z_][a-zA-Z0-9_]*)?$")
    """The label that tells clusters apart there; its values are `clusters[].name`."""
    history: Wait = timedelta(days=1)
    """How far back `memory` tells, and how far back peaks count for checks and limits."""
    resolution: Wait = timedelta(minutes=5)
    """Own samples within this are kept as one, with the highest of them."""
    keep: Wait = timedelta(days=3)
    """How long own samples are kept; at least `metrics.history`."""
    trend_after: Wait = timedelta(minutes=30)
    """A shorter run of flannel is no trend."""

    @field_validator("prometheus_url")
    @classmethod
    def _reached_by_http(cls, value: str) -> str:
        return settings_text.url(value) if value else value

    @model_validator(mode="after")
    def _kept_long_enough(self) -> "Metrics":
        if self.keep < self.history:
            raise ValueError("keep must be at least history: what is told must be kept")
        return self


class Http(Section):
    """Where `/healthz`, `/readyz` and `/metrics` are served."""

    host: str = "0.0.0.0"  # noqa: S104  # probes and scrapes come from outside the pod
    """Address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""


class Log(Section):
    """The bot's own log, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe lines that are written."""
    format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    slack: Slack = Slack()
    clusters: tuple[Cluster, ...] = ()
    """Empty: the cluster that the bot runs in, or the kubeconfig of the environment."""
    database: Database = Database()
    replicas: Replicas = Replicas()
    mirror: Mirror = Mirror()
    checks: Checks = Checks()
    incidents: Incidents = Incidents()
    telling: Telling = Telling()
    noise: Noise = Noise()
    language: Language = Language()
    quiet: tuple[Quiet, ...] = ()
    routing: tuple[Route, ...] = ()
    schedule: Schedule = Schedule()
    inspection: Inspection = Inspection()
    metrics: Metrics = Metrics()
    http: Http = Http()
    log: Log = Log()
    process: Process = Process()
    heartbeat: Heartbeat = Heartbeat()
    selftest: SelfTest = SelfTest()
    retention: Retention = Retention()
    alertmanager: Alertmanager = Alertmanager()
    access: Access = Access()
    remediation: Remediation = Remediation()

    @field_validator("clusters", "quiet", "routing", mode="before")
    @classmethod
    def _numbered(cls, value: object) -> object:
        """Accept `FLANNEL_BOT_CLUSTERS__0__NAME` and so on."""
        if isinstance(value, dict) and value and all(str(key).isdigit() for key in value):
            return [value[key] for key in sorted(value, key=int)]
        return value

    @field_validator("clusters")
    @classmethod
    def _names_differ(cls, value: tuple[Cluster, ...]) -> tuple[Cluster, ...]:
        names = [each.name for each in value]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"two clusters are named {doubled[0]!r}: each needs its own name")
        return value

    @model_validator(mode="after")
    def _replicas_share(self) -> "Settings":
        if self.replicas.enabled and not self.database.url.startswith("postgresql"):
            raise ValueError("replicas.enabled: replicas share PostgreSQL; name it in database.url")
        return self

    @model_validator(mode="after")
    def _clusters_make_sense(self) -> "Settings":
        for number, one in enumerate(self.clusters):
            for section in settings_clusters.RULES:
                try:
                    settings_clusters.in_force(getattr(self, section), getattr(one, section))
                except ValueError as error:
                    raise ValueError(f"clusters.{number}.{section}: {error}") from None
        return self

    @model_validator(mode="after")
    def _slack_is_slack(self) -> "Settings":
        unsafe = not self.slack.allow_insecure and settings_text.insecure(self.slack.api_url)
        each = [self.within(one) for one in self.watched]
        changes = any(one.remediation.enabled for one in each)
        if unsafe and (changes or any(one.inspection.probe_pods == "approve" for one in each)):
            key = "remediation.enabled" if changes else "inspection.probe_pods"
            raise ValueError(
                f"slack.api_url: {self.slack.api_url!r} {unsafe}, and with {key} "
                "whoever answers there could approve changes; use Slack's own https address, or "
                "set slack.allow_insecure where that is meant"
            )
        return self

    @property
    def watched(self) -> tuple[Cluster, ...]:
        """The clusters; none configured means the one that the bot finds itself in."""
        return self.clusters or (Cluster(),)

    def channel_of(self, one: Cluster) -> str:
        """Return where a cluster is told; empty where no channel is named."""
        return one.channel or self.slack.channel

    def within(self, one: Cluster) -> "Settings":
        """Return the settings as they are for one cluster: what it gives itself counts more."""
        return self.model_copy(
            update={
                section: settings_clusters.in_force(getattr(self, section), getattr(one, section))
                for section in settings_clusters.RULES
            }
        )

    def differs(self, other: "Settings") -> bool:
        """Whether anything is otherwise in the other; a key that was given counts, not its value.

        What a cluster gives may have the value of the default, and yet replace what is for all.
        """
        each = [self.within(one) for one in self.watched]
        return self != other or each != [other.within(one) for one in other.watched]

    def of(self, name: str) -> "Settings":
        """Return the settings for a cluster by its name; those for all, where it gives none."""
        return next((self.within(one) for one in self.watched if one.name == name), self)
