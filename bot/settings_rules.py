"""Settings of what may be done in a cluster and by whom: for all clusters, or for one of them.

Each section comes without the rules that span its keys, as a cluster may give some of them, and
with these, as it is in force.
"""

from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bot import settings_text
from bot.settings_base import Duration, GroupId, Section, UserId, Wait

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


def _word(value: object) -> object:
    """Take back what YAML makes of a bare `off` or `on`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value


class InspectionKeys(Section):
    """How deeply nodes are looked at: NICs, routes and what else their kernels hold."""

    exec: bool = True
    """Run one fixed read-only script in flannel's pods. Needs create and get on pods/exec."""
    probe_pods: Annotated[Literal["off", "approve", "on"], BeforeValidator(_word)] = "off"
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


class Inspection(InspectionKeys):
    """How deeply nodes are looked at: NICs, routes and what else their kernels hold."""

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


class Groups(Section):
    """User groups of Slack (S...) whose members have a role."""

    requesters: tuple[GroupId, ...] = ()
    """Groups that may propose changes, withdraw and cancel them."""
    approvers: tuple[GroupId, ...] = ()
    """Groups that may vote on changes that others proposed."""
    admins: tuple[GroupId, ...] = ()
    """Groups that may freeze and unfreeze, and cancel anything."""


class AccessKeys(Section):
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


class Access(AccessKeys):
    """Who may do what, by Slack's ids. An empty list means nobody; viewing is every member's."""

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


class RemediationKeys(Section):
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
    own_node: str = ""
    """The node that the bot itself runs on: never drained, and restarted last."""


class Remediation(RemediationKeys):
    """Changing the cluster, after people have approved exactly that change."""

    timing: Timing = Timing()
    """How long a change may take, and how long it must stay well; the same for all clusters."""
