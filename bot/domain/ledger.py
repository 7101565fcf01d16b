"""What is remembered of the cluster, so that every kill counts and times can be told.

`observe` compares a snapshot with what was remembered. It is pure, and cheap: pods that are the
very objects of the last snapshot are not looked at again, and a container that runs and never
restarted has no record at all.

Two promises. A certain OOM kill is counted once, whether it was seen in `state`, in `lastState`
or in both, however often the bot was restarted in between; and one that was overwritten before
anybody looked still shows as a restart that nothing explains. A pod that is gone is forgotten,
unless it died of an OOM kill lately: then its record waits until that is no finding any more, so
that a kill is told even if the pod was deleted in the same second.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import compress
from operator import is_, is_not

from bot.domain import placement, rollout, story, workload
from bot.domain.rollout import Progress
from bot.domain.snapshot import DaemonSet, Deployment, Pod, Snapshot
from bot.domain.story import Story

Key = tuple[str, str]
"""(pod uid, container), (workload uid, "") or (_WATCHED + namespace, "")."""

_WATCHED = "namespace/"

Policy = story.Policy
"""What counts as a loop, as news, and as over; here because the ledger's users ask for it here."""


@dataclass(frozen=True, slots=True)
class Record:
    """One container of one pod, keyed by (uid, container), or what else is remembered.

    `kind` is "Pod" for a container, "DaemonSet" or "Deployment" for a workload (`container`
    empty), "Namespace" for the fact that a namespace is watched since `since`. A record outlives
    its pod while `gone_at` is set, hence it names node and workload itself.
    """

    uid: str
    container: str
    kind: str = "Pod"
    namespace: str = ""
    name: str = ""
    node: str = ""
    workload_kind: str = ""
    workload_name: str = ""
    since: datetime | None = None
    gone_at: datetime | None = None
    story: Story | None = None
    progress: Progress | None = None

    @property
    def key(self) -> Key:
        """What it is stored under."""
        return self.uid, self.container


@dataclass(frozen=True)
class Ledger:
    """All records, and the moment up to which the cluster was watched.

    The flow persists both. `pods`, `departed` and `sighted` live in memory only: the pods of the
    last snapshot and those that had gone from it, to pass over what did not change, and when each
    namespace was last seen.
    """

    records: Mapping[Key, Record] = field(default_factory=dict)
    seen_until: datetime | None = None
    pods: Mapping[tuple[str, str], Pod] = field(default_factory=dict, compare=False, repr=False)
    departed: tuple[Pod, ...] = field(default=(), compare=False, repr=False)
    sighted: Mapping[str, datetime] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, records: Iterable[Record], *, seen_until: datetime | None) -> "Ledger":
        """Return the ledger as a store remembers it."""
        return cls(records={record.key: record for record in records}, seen_until=seen_until)

    def watched_at(self, namespace: str) -> datetime | None:
        """When pods of that namespace were last seen; None if they never were."""
        seen = self.sighted.get(namespace)
        if seen is not None:
            return seen
        record = self.records.get((_WATCHED + namespace, ""))
        if record is not None:
            return self.seen_until or record.since
        # Marks are written with the first snapshot; a moment without any mark speaks for all.
        marked = any(known.kind == "Namespace" for known in self.records.values())
        return None if marked else self.seen_until

    def containers(self) -> Iterator[tuple[Record, Story]]:
        """Yield the records of containers, each with its story."""
        for record in self.records.values():
            if record.story is not None:
                yield record, record.story

    def progress(self, uid: str) -> Progress | None:
        """Return what is remembered of a workload."""
        record = self.records.get((uid, ""))
        return record.progress if record else None


@dataclass(frozen=True, slots=True)
class Update:
    """The ledger after a look, and what of it is to be written down."""

    ledger: Ledger
    changed: tuple[Record, ...] = ()
    forgotten: tuple[Key, ...] = ()


def observe(ledger: Ledger, snapshot: Snapshot, policy: Policy) -> Update:
    """Compare a snapshot with what was remembered.

    The same snapshot twice changes nothing. What a gap hides is left as it was.
    """
    now = snapshot.taken_at
    changed: dict[Key, Record] = {}
    for record in (*_containers(ledger, snapshot, policy), *_gone(ledger, snapshot, policy)):
        changed[record.key] = record
    forgotten: list[Key] = []
    for record, after in _elapsed(ledger, snapshot, policy, skip=changed):
        if after is None:
            forgotten.append(record.key)
        else:
            changed[record.key] = after
    for key, workload_record in _workloads(ledger, snapshot):
        if workload_record is None:
            forgotten.append(key)
        else:
            changed[key] = workload_record
    sighted = _sighted(ledger, snapshot)
    for namespace in sighted:
        key = (_WATCHED + namespace, "")
        if key not in ledger.records:
            changed[key] = Record(
                uid=key[0], container="", kind="Namespace", name=namespace, since=now
            )
    records = ledger.records
    if changed or forgotten:
        records = {**records, **changed}
        for key in forgotten:
            records.pop(key, None)
    seen_until = ledger.seen_until
    if _watching(records, snapshot):
        seen_until = max(now, seen_until or now)
    return Update(
        ledger=Ledger(
            records=records,
            seen_until=seen_until,
            pods=snapshot.pods,
            departed=snapshot.departed,
            sighted=sighted,
        ),
        changed=tuple(changed.values()),
        forgotten=tuple(forgotten),
    )


def _watching(records: Mapping[Key, Record], snapshot: Snapshot) -> bool:
    """Whether pods are seen in every namespace where they ever were; before any was, in all.

    The moment speaks for all of them. Moved while one is still being listed, it would date what
    happened before, or all that ever did, into the seconds since.
    """
    names = {record.name for record in records.values() if record.kind == "Namespace"}
    names = names or {gap.namespace for gap in snapshot.gaps}
    return all(snapshot.sees("Pod", name, "") for name in names)


def _others(ledger: Ledger, snapshot: Snapshot) -> tuple[Pod, ...]:
    """The pods that are other objects than before."""
    pods, known = snapshot.pods, ledger.pods
    if pods is known:
        return ()
    # Without a step of Python for each that is the same, which is nearly all of 25,000; and where
    # none came or went, as mostly, without looking any of them up.
    same = len(pods) == len(known) and all(map(is_, pods, known))
    before = known.values() if same else map(known.get, pods)
    return tuple(compress(pods.values(), map(is_not, pods.values(), before)))


def _containers(ledger: Ledger, snapshot: Snapshot, policy: Policy) -> Iterator[Record]:
    """The records that changed because their pod did."""
    watched: dict[str, datetime | None] = {}
    for pod in _others(ledger, snapshot):
        if pod.namespace not in watched:
            watched[pod.namespace] = ledger.watched_at(pod.namespace)
        yield from _advanced(pod, ledger, snapshot, policy, before=watched[pod.namespace])


def _advanced(
    pod: Pod, ledger: Ledger, snapshot: Snapshot, policy: Policy, *, before: datetime | None
) -> Iterator[Record]:
    for container in pod.containers:
        record = ledger.records.get((pod.uid, container.name))
        if record is None and not story.worth_telling(container):
            continue
        since = before
        if record is None and before is not None:
            # Watched and without a record: the count was zero then, or at its creation.
            since = max(before, pod.created_at)
        sight = _sight(pod, snapshot, since)
        told = record.story if record else None
        advanced = story.advance(told, container, sight, policy=policy)
        if record is None or advanced != told or record.gone_at is not None:
            yield _record(pod, container.name, advanced)


def _gone(ledger: Ledger, snapshot: Snapshot, policy: Policy) -> Iterator[Record]:
    """The records of OOM kills that a pod took along when it went, each pod looked at once."""
    if snapshot.departed is ledger.departed:
        return
    known = {pod.uid for pod in ledger.departed}
    for pod in snapshot.departed:
        present = snapshot.pods.get((pod.namespace, pod.name))
        if pod.uid in known or (present is not None and present.uid == pod.uid):
            continue
        before = ledger.watched_at(pod.namespace)
        for record in _advanced(pod, ledger, snapshot, policy, before=before):
            if record.story is not None and record.story.kills is not None:
                yield replace(record, gone_at=snapshot.taken_at)


def _sight(pod: Pod, snapshot: Snapshot, before: datetime | None) -> story.Sight:
    ready = pod.condition("Ready")
    return story.Sight(
        at=snapshot.taken_at,
        before=before,
        ready_since=ready.since if ready is not None and ready.status == "True" else None,
    )


def _record(pod: Pod, container: str, told: Story) -> Record:
    owner = workload.of(pod, cluster="")
    return Record(
        uid=pod.uid,
        container=container,
        namespace=pod.namespace,
        name=pod.name,
        node=pod.node,
        workload_kind=owner.kind,
        workload_name=owner.name,
        since=pod.created_at,
        story=told,
    )


def _elapsed(
    ledger: Ledger, snapshot: Snapshot, policy: Policy, *, skip: Collection[Key]
) -> Iterator[tuple[Record, Record | None]]:
    """The records that changed by time alone or by their pod's absence; None is to be forgotten."""
    now = snapshot.taken_at
    pods = snapshot.pods
    for key, record in ledger.records.items():
        told = record.story
        if told is None or key in skip:
            continue
        pod = pods.get((record.namespace, record.name))
        if pod is not None and pod.uid == record.uid:
            if told.loop is None or not snapshot.sees("Pod", pod.namespace, pod.name):
                continue
            container = next((one for one in pod.containers if one.name == key[1]), None)
            if container is not None:
                settled = story.settle(told, container, _sight(pod, snapshot, now), policy=policy)
                if settled != told:
                    yield record, replace(record, story=settled)
        elif snapshot.sees("Pod", record.namespace, record.name):
            if story.over(told, now=now, policy=policy):
                yield record, None
            elif record.gone_at is None:
                yield record, replace(record, gone_at=now)


def _workloads(ledger: Ledger, snapshot: Snapshot) -> Iterator[tuple[Key, Record | None]]:
    """What is to be remembered of workloads, where that changed; None is to be forgotten."""
    now = snapshot.taken_at
    present: set[str] = set()
    after: Progress | None
    for daemonset in snapshot.daemonsets.values():
        present.add(daemonset.uid)
        if not snapshot.sees("DaemonSet", daemonset.namespace, daemonset.name):
            continue
        before = ledger.progress(daemonset.uid)
        missing = _missing(daemonset, snapshot, before)
        after = rollout.of_daemonset(before, daemonset, missing=missing, now=now)
        if after != before:
            yield (daemonset.uid, ""), _workload_record("DaemonSet", daemonset, after)
    for deployment in snapshot.deployments.values():
        present.add(deployment.uid)
        if not snapshot.sees("Deployment", deployment.namespace, deployment.name):
            continue
        before = ledger.progress(deployment.uid)
        after = rollout.of_deployment(before, deployment, now=now)
        if after != before:
            yield (deployment.uid, ""), _workload_record("Deployment", deployment, after)
    for key, record in ledger.records.items():
        if record.progress is None or record.uid in present:
            continue
        if snapshot.sees(record.kind, record.namespace, record.name):
            yield key, None


def _workload_record(
    kind: str, one: DaemonSet | Deployment, progress: Progress | None
) -> Record | None:
    if progress is None:
        return None
    return Record(
        uid=one.uid,
        container="",
        kind=kind,
        namespace=one.namespace,
        name=one.name,
        workload_kind=kind,
        workload_name=one.name,
        since=one.created_at,
        progress=progress,
    )


def _missing(
    daemonset: DaemonSet, snapshot: Snapshot, before: Progress | None
) -> Mapping[str, datetime]:
    known: Mapping[str, datetime] = before.missing if before else {}
    if not (snapshot.sees("Node", "", "") and snapshot.sees("Pod", daemonset.namespace, "")):
        return known
    if daemonset.desired == 0 and daemonset.observed_generation >= daemonset.generation:
        # One of the DaemonSets for another architecture: no node wants it, says the controller.
        return {}
    here = {
        pod.node  # is there, or about to be
        for pod in snapshot.pods_of.get(daemonset.uid, ())
        if pod.phase != "Failed" and pod.deleting_since is None
    }
    return {
        name: known.get(name, snapshot.taken_at)
        for name in sorted(snapshot.nodes.keys() - here)
        if placement.meant(daemonset.template, snapshot.nodes[name])
    }


def _sighted(ledger: Ledger, snapshot: Snapshot) -> Mapping[str, datetime]:
    """When each namespace's pods were last seen, this snapshot included."""
    namespaces = set(ledger.sighted)
    # Of all pods, not only of those that changed: sight may have been lost on them, and come back.
    for mapping in (snapshot.pods, snapshot.daemonsets, snapshot.deployments):
        namespaces |= {namespace for namespace, _ in mapping}
    now = snapshot.taken_at
    fresh = {name: now for name in namespaces if snapshot.sees("Pod", name, "")}
    return {**ledger.sighted, **fresh}
