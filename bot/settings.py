"""Settings: environment over file over defaults.

Every key is named `section.key`; its environment variable is `FLANNEL_BOT_SECTION__KEY`. Secrets
may also stand in files of the directory that `FLANNEL_BOT_SECRETS_DIR` names. Only `app`, `cli`
and `demo` see this module: adapters get frozen options.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot import settings_text
from bot.settings_base import Duration, GroupId, Section, Trigger, UserId, Wait
from bot.settings_noise import Language, Noise, Quiet, Route
from bot.settings_replicas import Replicas
from bot.settings_self import Alertmanager, Heartbeat, Process, Retention, SelfTest

PREFIX = "FLANNEL_BOT_"

Frozen = Annotated[str, AfterValidator(settings_text.frozen)]
"""A named span of time, every week or dated."""

Memory = Annotated[str, AfterValidator(settings_text.memory)]
"""An amount of memory as Kubernetes writes it."""

Runbook = Literal[
    "raise-memory",
    "anchor-regex",
    "raise-memory-and-anchor",
    "drain",
    "evict-veth",
    "restart",
]
RUNBOOKS: tuple[Runbook, ...] = get_args(Runbook)


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


class Cluster(Section):
    """One cluster to be watched."""

    name: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """What people call it, in cards and as `@name` in commands."""
    kubeconfig: Path | None = None
    """A kubeconfig file; without one the pod's own service account is used."""
    context: str | None = None
    """A context of that file; without one its current context."""
    channel: str = ""
    """Channel id for this cluster's alerts; empty: `slack.channel`."""
    namespaces: tuple[str, ...] = ("kube-system", "kube-flannel")
    """System namespaces to be watched, besides those where flannel is discovered."""
    private_cidrs: tuple[str, ...] = ()
    """Prefixes that flannel's addresses must be in, such as `10.0.0.0/8`. Empty: an address is
    wrong where it is public and most nodes announce private ones."""

    @field_validator("private_cidrs")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(settings_text.prefix, value))


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
    """How long a node that joined is not missed by the others, nor judged by what it announces."""
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


class Inspection(Section):
    """How deeply nodes are looked at: NICs, routes and what else their kernels hold."""

    exec: bool = True
    """Run one fixed read-only script in flannel's pods. Needs create and get on pods/exec."""
    probe_pods: Literal["off", "approve", "on"] = "off"
    """Look by a short-lived pod at a node whose flannel does not run; needs create and delete on
    pods where flannel is. `approve`: only when an approver (`access.approvers`) clicks for it.
    `on` is the one thing that is done to a cluster without anybody's approval. `off` never makes
    one."""
    probes_at_once: int = Field(default=2, ge=1, le=20)
    """Probe pods that exist at the same time in one cluster."""
    probes_an_hour: int = Field(default=60, ge=1, le=3600)
    """Probe pods that may be made in an hour in one cluster."""
    exec_in_pods: bool = False
    """Where a pattern hits a pod's NIC and the node's own tables do not tell whose it is, run
    `cat /sys/class/net/eth0/iflink` in the pods that it could be. Needs create and get on
    pods/exec where these pods are."""
    at_once: int = Field(default=8, ge=1, le=64)
    """Nodes looked at at the same time."""
    within: Wait = timedelta(seconds=15)
    """Longest time for one node."""
    a_minute: int = Field(default=1200, ge=1, le=60000)
    """Looks that may begin in a minute, for all people and jobs together."""
    sample: int = Field(default=10, ge=1, le=1000)
    """Nodes that `schedule.audit` looks at each time, the oldest look first."""
    burst: int = Field(default=50, ge=1, le=5000)
    """Nodes that it looks at each time after a change that concerns all of them."""
    restarted: Duration = timedelta(seconds=20)
    """How long flannel may take after its start before its node is looked at again."""

    @field_validator("probe_pods", mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        """Take back what YAML makes of a bare `off` or `on`."""
        if isinstance(value, bool):
            value = "on" if value else "off"
        return value

    @model_validator(mode="after")
    def _all_need_exec(self) -> "Inspection":
        if self.probe_pods != "off" and not self.exec:
            raise ValueError(
                "probe_pods needs exec: a look by a probe pod is an exec in it; set "
                "inspection.exec to true or inspection.probe_pods to off"
            )
        if self.exec_in_pods and not self.exec:
            raise ValueError(
                "exec_in_pods needs exec; set inspection.exec to true or "
                "inspection.exec_in_pods to false"
            )
        return self


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


class Groups(Section):
    """User groups of Slack (S...) whose members have a role."""

    requesters: tuple[GroupId, ...] = ()
    """Groups that may propose changes, withdraw and cancel them."""
    approvers: tuple[GroupId, ...] = ()
    """Groups that may vote on changes that others proposed."""
    admins: tuple[GroupId, ...] = ()
    """Groups that may freeze and unfreeze, and cancel anything."""


class Access(Section):
    """Who may do what, by Slack's ids. An empty list means nobody; viewing is every member's."""

    requesters: tuple[UserId, ...] = ()
    """User ids (U...) that may propose changes, withdraw and cancel them."""
    approvers: tuple[UserId, ...] = ()
    """User ids that may vote on changes that others proposed. Nobody approves their own."""
    admins: tuple[UserId, ...] = ()
    """User ids that may freeze and unfreeze, and cancel anything. That alone is no vote."""
    groups: Groups = Groups()
    """Whose members have a role too; asked of Slack anew before anything is changed."""
    quorum: int = Field(default=1, ge=1, le=10)
    """How many must approve a change."""
    quorum_risky: int = Field(default=2, ge=1, le=10)
    """How many must approve one that moves NICs, or touches more nodes than `many_nodes`."""
    many_nodes: int = Field(default=200, ge=1)
    """A change of more nodes than this counts as risky."""

    @model_validator(mode="after")
    def _risk_asks_for_no_less(self) -> "Access":
        if self.quorum_risky < self.quorum:
            raise ValueError(
                f"quorum_risky ({self.quorum_risky}) must be at least quorum ({self.quorum})"
            )
        return self


class Limits(Section):
    """How much may be changed at once, and how fast."""

    max_nodes: int = Field(default=1000, ge=1)
    """Nodes that one plan may touch."""
    min_healthy: float = Field(default=0.5, ge=0, le=1)
    """Share of nodes whose flannel must stay ready while a plan is at work, from 0 to 1."""
    cooldown: Duration = timedelta(minutes=10)
    """Between the end of one run and the next on the same workload or node."""
    drains_at_once: int = Field(default=1, ge=1, le=100)
    """Nodes being drained at a time."""
    control_plane: bool = False
    """Whether control-plane nodes may be drained."""
    memory_cap: Memory = "1Gi"
    """The highest memory limit that is proposed, be it asked for by a person."""
    batch: int = Field(default=5, ge=1, le=100)
    """Flannel pods deleted at a time where the DaemonSet's update strategy is OnDelete."""
    look_age: Wait = timedelta(minutes=10)
    """A look at a node older than this foretells nothing."""
    snapshot_age: Wait = timedelta(minutes=2)
    """With an older picture of the cluster nothing is changed."""


class Timing(Section):
    """How long a change may take, and how long it must stay well."""

    write: Wait = timedelta(minutes=1)
    """One write, with its repetitions."""
    pod_ready: Wait = timedelta(minutes=5)
    """A restarted flannel until it is ready: image pull and start."""
    settle: Wait = timedelta(seconds=30)
    """A restarted flannel until its NIC and routes must be as foretold."""
    pace: Wait = timedelta(seconds=36)
    """What one node takes in a rolling update, for forecasts and time-outs."""
    drain: Wait = timedelta(minutes=10)
    """One pod's eviction, its budget's refusals and its grace included."""
    helps_within: Wait = timedelta(minutes=10)
    """After the last step, until it must be seen to have helped."""
    stays: Wait = timedelta(minutes=5)
    """How long it must then stay well."""
    poll: Wait = timedelta(seconds=1)
    """Between two glances while something is waited for."""


class Remediation(Section):
    """Changing the cluster, after people have approved exactly that change."""

    enabled: bool = False
    """Off, the bot only observes. Switched off again, it also stops what is approved and not
    begun."""
    runbooks: tuple[Runbook, ...] = RUNBOOKS
    """What may be proposed at all."""
    expiry: Wait = timedelta(minutes=15)
    """How long a proposed plan waits for approval."""
    frozen: tuple[Frozen, ...] = ()
    """When nothing may be changed, in the time zone of `schedule.timezone`: every week, such as
    `weekend: fri 16:00 - mon 08:00`, or dated, such as `year end: 2026-12-20 - 2027-01-03`."""
    limits: Limits = Limits()
    """How much may be changed at once, and how fast."""
    timing: Timing = Timing()
    """How long a change may take, and how long it must stay well."""
    own_node: str = ""
    """The node that the bot itself runs on: never drained, and restarted last."""


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
    def _slack_is_slack(self) -> "Settings":
        unsafe = not self.slack.allow_insecure and settings_text.insecure(self.slack.api_url)
        changes = self.remediation.enabled
        if unsafe and (changes or self.inspection.probe_pods == "approve"):
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
