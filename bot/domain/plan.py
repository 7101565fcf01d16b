"""A plan: exactly what would be changed, what it is bound to, and who may say yes to it.

A plan is one request. It is drafted once and never changes its contents: what was approved is
what is done. When the world moves it is superseded, and a fresh plan asks anew.
"""

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain import guard, patch
from bot.domain.patch import Patch
from bot.domain.target import Target

SET_BACK = timedelta(minutes=1)
"""A clock that is behind by more was set back; one that is behind by less is another machine's."""


class StepKind(enum.StrEnum):
    """Everything that a plan can do. There is no other verb, and no free text in any."""

    PATCH_DAEMONSET = "patch_daemonset"
    CORDON = "cordon"
    EVICT_POD = "evict_pod"
    DELETE_POD = "delete_pod"
    UNCORDON = "uncordon"
    WAIT_ROLLOUT = "wait_rollout"
    WAIT_READY = "wait_ready"

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self not in (StepKind.WAIT_ROLLOUT, StepKind.WAIT_READY)


@dataclass(frozen=True, slots=True)
class Step:
    """One change, or one wait.

    `target` is the object changed or waited for, its `node` where that matters. `uid` is the
    object's; of a pod to be deleted it may be empty: then it is the pod that the DaemonSet with
    the uid `owner` has on that node and that does not run the new template yet. A WAIT_READY
    names the DaemonSet in `owner` too, and the node in its target. `undo` takes back what `change`
    does. `timeout` bounds the step. `batch` numbers the group that is done together; a step of a
    later batch waits for all of an earlier one.
    """

    kind: StepKind
    target: Target
    timeout: timedelta
    uid: str = ""
    owner: str = ""
    change: Patch = ()
    undo: Patch = ()
    batch: int = 0
    text: str = ""
    """What it does, for people; not part of what is approved."""


class Effect(enum.StrEnum):
    """What a plan does to the NIC of one node."""

    UNCHANGED = "unchanged"
    CHANGES = "changes"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What becomes of one node. `now` and `after` are NICs, empty where not known."""

    node: str
    effect: Effect
    now: str = ""
    after: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """An object as the plan found it; with any other uid or generation the plan is void.

    `generation` 0 stands for objects that have none (pods, nodes): there the uid decides.
    """

    target: Target
    uid: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who else writes the object, and what that means for a live change.

    `values` is the text to be put into the owner's own files, in place of or beside the change.
    """

    owner: str = ""
    reverts: str = ""
    evidence: str = ""
    values: str = ""


class Signal(enum.StrEnum):
    """What is looked at to tell whether it helped."""

    ROLLOUT_COMPLETE = "rollout_complete"
    NO_NEW_KILL = "no_new_kill"
    NO_NEW_CRASH = "no_new_crash"
    PEAK_BELOW = "peak_below"
    NIC_AS_PREDICTED = "nic_as_predicted"
    ROUTES_COMPLETE = "routes_complete"
    POD_READY = "pod_ready"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of success: it must hold by the deadline, and for as long as is stated."""

    signal: Signal
    target: Target
    within: timedelta
    stays: timedelta = timedelta()
    share: float = 0.0
    """Of PEAK_BELOW: the part of the limit that the peak must stay below."""
    text: str = ""


class State(enum.StrEnum):
    """The life of a request. All but PROPOSED are for good."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Plan:
    """One request to change one cluster.

    `id` is 0 until the store has given one; people say PLAN-<id>. `requester` is the Slack user
    who asked, or clicked `Propose fix` on what the bot offered; `quorum` how many others must
    approve, with `risks` saying why so many. `verdicts` are the guards' answers when it was
    drafted. `decided_by` and `reason` tell how it left PROPOSED.
    """

    id: int
    cluster: str
    runbook: str
    title: str
    workload: Target
    requester: str
    created_at: datetime
    expires_at: datetime
    steps: tuple[Step, ...]
    bindings: tuple[Binding, ...]
    criteria: tuple[Criterion, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    restarts: tuple[str, ...] = ()
    """Nodes whose flannel it restarts. Where flannel does not run there is none to restart."""
    at_once: int = 1
    """How many nodes at most are without flannel, or being drained, at one time because of it."""
    moves_nics: bool = False
    """Whether it is meant to change NICs: a maintenance, and said so."""
    quorum: int = 1
    risks: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    side_effects: tuple[str, ...] = ()
    brake: str = ""
    """How it can be stopped midway under this update strategy."""
    undo: str = ""
    ownership: Ownership = Ownership()
    expected: timedelta = timedelta()
    verdicts: tuple[guard.Verdict, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)
    """What the requester chose, by which it can be drafted anew; not part of what is approved."""
    incident: int | None = None
    state: State = State.PROPOSED
    decided_at: datetime | None = None
    decided_by: tuple[str, ...] = ()
    reason: str = ""

    @property
    def name(self) -> str:
        """What people say aloud."""
        return f"PLAN-{self.id}"

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it touches, in the order in which it does."""
        touched = [each.target.node for each in self.steps] + [*self.restarts]
        touched += [each.node for each in self.predictions]
        return tuple(dict.fromkeys(node for node in touched if node))

    @property
    def digest(self) -> str:
        """SHA-256 over all that an approval is an approval of, in hexadecimal."""
        return hashlib.sha256(_canonical(self).encode()).hexdigest()

    @property
    def short_digest(self) -> str:
        """The first six characters, shown to everybody concerned."""
        return self.digest[:6]

    def expired(self, now: datetime) -> bool:
        """Whether its time is over, at the very moment too.

        While the clock is behind the moment of the request it was set back, and how long people
        have had is not known any more: then it is over.
        """
        return now >= self.expires_at or now < self.created_at - SET_BACK


def _canonical(plan: Plan) -> str:
    """Write down what is approved: words for people, votes and verdicts are left out."""
    return json.dumps(
        {
            "cluster": plan.cluster,
            "runbook": plan.runbook,
            "workload": plan.workload.key,
            "requester": plan.requester,
            "quorum": plan.quorum,
            "expires_at": plan.expires_at.isoformat(),
            "restarts": list(plan.restarts),
            "at_once": plan.at_once,
            "moves_nics": plan.moves_nics,
            "steps": [
                {
                    "kind": step.kind.value,
                    "target": step.target.key,
                    "node": step.target.node,
                    "uid": step.uid,
                    "owner": step.owner,
                    "change": patch.document(step.change),
                    "undo": patch.document(step.undo),
                    "timeout": step.timeout.total_seconds(),
                    "batch": step.batch,
                }
                for step in plan.steps
            ],
            "bindings": [[one.target.key, one.uid, one.generation] for one in plan.bindings],
            "predictions": [
                [one.node, one.effect.value, one.now, one.after] for one in plan.predictions
            ],
            "criteria": [
                [
                    one.signal.value,
                    one.target.key,
                    one.within.total_seconds(),
                    one.stays.total_seconds(),
                    one.share,
                ]
                for one in plan.criteria
            ],
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
