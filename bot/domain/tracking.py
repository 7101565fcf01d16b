"""How this cycle's findings meet the incidents already open.

One state machine: a finding joins the incident with the same check and workload, otherwise it
opens one; an incident resolves only on evidence. Pure, so any past decision can be explained
by replaying its snapshot.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain import health, notice
from bot.domain.finding import Finding, Severity
from bot.domain.incident import Incident, Member, State
from bot.domain.snapshot import API_SERVER, Snapshot
from bot.domain.target import Target

_SET_BACK = timedelta(minutes=1)
"""A clock that is behind by more was set back: what began after "now" looks as if it had not."""

_RECOVERED_KEPT = 200
"""Former members remembered by an incident; enough for a thread, small enough for a row."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When an incident ends, and when a growing one calls again."""

    resolve_after: timedelta = timedelta(minutes=3)
    """How long a member must be seen well before it counts as recovered (the hold-down).

    Longer than two cycles, so that one lucky reading of a flapping pod closes nothing.
    """

    reopen_within: timedelta = timedelta(minutes=15)
    """A trouble that returns this soon after its incident was resolved is the same incident."""

    growth: float = 2.0
    """People are called again when the spread is this many times what they were told."""

    growth_least: int = 3
    """... and at least this many members more, so that one becoming two is an edit, not a call."""

    flapping: int = 3
    """Once it has come back this often it calls no more for that, and is held down longer."""

    flapping_resolve_after: timedelta = timedelta(minutes=30)
    """The hold-down of what flaps."""

    def hold(self, incident: Incident) -> timedelta:
        """How long its members must be seen well."""
        flaps = incident.reopened >= self.flapping
        return max(self.resolve_after, self.flapping_resolve_after) if flaps else self.resolve_after


def reconcile(
    findings: Iterable[Finding],
    incidents: Sequence[Incident],
    snapshot: Snapshot,
    *,
    judged: Collection[str],
    looked: Mapping[str, Collection[str]] | None = None,
    policy: Policy,
) -> list[notice.Notice]:
    """Return what changed, one notice for each incident that did.

    `incidents` are those unresolved and those resolved within `policy.reopen_within`. `judged`
    names the checks that did judge: an incident of another is left as it is. `looked` are the
    nodes that were seen well enough by each check that judges by more than the snapshot: a member
    on any other node of the cluster is not seen. A notice holds the incident's new state; a new
    incident has id 0 until it is stored.
    """
    looked = looked or {}
    groups: dict[str, list[Finding]] = {}
    for found in findings:
        groups.setdefault(found.incident_fingerprint, []).append(found)
    known = _newest(incidents)
    notices = []
    for fingerprint in dict.fromkeys((*known, *groups)):
        incident = known.get(fingerprint)
        group = groups.get(fingerprint, [])
        if incident is None:
            notices.append(_open(group, snapshot))
        elif incident.check in judged and (group or incident.state is not State.RESOLVED):
            sight = _Sight(snapshot, looked.get(incident.check))
            changed = _advance(incident, group, sight, policy)
            if changed is not None:
                notices.append(changed)
    return notices


def _newest(incidents: Sequence[Incident]) -> dict[str, Incident]:
    """Of incidents with one fingerprint, the unresolved one, else the newest."""
    known: dict[str, Incident] = {}
    for incident in sorted(incidents, key=lambda i: (i.state is not State.RESOLVED, i.id)):
        known[incident.fingerprint] = incident
    return known


def population(workload: Target, snapshot: Snapshot) -> int:
    """How many targets of that workload there are in all; 0 where that is not known."""
    key = (workload.namespace, workload.name)
    if workload.kind == "DaemonSet":
        daemonset = snapshot.daemonsets.get(key)
        return daemonset.desired if daemonset else 0
    if workload.kind == "Deployment":
        deployment = snapshot.deployments.get(key)
        return deployment.replicas if deployment else 0
    return len(snapshot.nodes) if workload.kind == "Cluster" else 0


def _member(found: Finding, now: datetime, before: Member | None) -> Member:
    member = Member(
        name=found.member,
        fingerprint=found.fingerprint,
        target=found.target,
        severity=found.severity,
        summary=found.summary,
        evidence=found.evidence,
        first_seen_at=before.first_seen_at if before else now,
        last_seen_at=now,
        since=found.since,
        happened_at=found.happened_at,
        occurrences=found.occurrences,
        container=found.container,
    )
    # Seeing the same again is no change: an incident that lasts a week costs no writes.
    if before is not None and replace(member, last_seen_at=before.last_seen_at) == before:
        return before
    return member


def _worst(severities: Iterable[Severity]) -> Severity:
    return max(severities, key=lambda severity: severity.rank)


def _on_nodes(affected: Iterable[Finding | Member]) -> bool:
    """Whether each is on a node, so that "of so many" can be said of them."""
    return all(one.target.node for one in affected)


def _lead(group: Sequence[Finding]) -> Finding:
    """The finding that speaks for all: of the worst, the first that most of them agree with."""
    worst = _worst(found.severity for found in group)
    of_worst = [found for found in group if found.severity is worst]
    cures = Counter(found.cure for found in of_worst)
    return max(of_worst, key=lambda found: cures[found.cure])


def _open(group: Sequence[Finding], snapshot: Snapshot) -> notice.Notice:
    now = snapshot.taken_at
    first = _lead(group)
    severity = first.severity
    happened = [found.happened_at for found in group if found.happened_at is not None]
    members = tuple(sorted((_member(f, now, None) for f in group), key=lambda m: m.name))
    incident = Incident(
        id=0,
        fingerprint=first.incident_fingerprint,
        check=first.check,
        cluster=snapshot.cluster,
        workload=first.workload,
        state=State.OPEN,
        severity=severity,
        summary=first.summary,
        headline=first.headline,
        cure=first.cure,
        opened_at=now,
        changed_at=now,
        members=members,
        population=population(first.workload, snapshot) if _on_nodes(group) else 0,
        peak=len(members),
        happened_at=max(happened) if happened else None,
        detected_at=now,
        told_severity=severity,
        told_spread=len(members),
    )
    return notice.Notice(
        incident=incident,
        reason=notice.Reason.OPENED,
        text=first.summary,
        calls=not _quiet(incident),
        quiet=_quiet(incident),
    )


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one check could see: the snapshot, and of nodes only `looked` unless that is None."""

    snapshot: Snapshot
    looked: Collection[str] | None = None


def _visible(member: Member, sight: _Sight) -> bool:
    """Whether this cycle could have shown that the member is well.

    A pod on a node whose kubelet is silent keeps its last status for ever: nobody reports it.
    And what only a deep look shows is not seen without one, be the snapshot ever so new. While the
    clock is behind the moment at which the trouble was seen, no time says that it is over.
    """
    target, snapshot = member.target, sight.snapshot
    if snapshot.taken_at < member.last_seen_at - _SET_BACK:
        return False
    if sight.looked is not None and target.node in snapshot.nodes:
        return target.node in sight.looked and snapshot.sees("Node", "", target.node)
    if target.kind == "Cluster":
        # What was blind is named by its gap. A bot that begins anew counts the gap from its own
        # start, so for a while it is there and no finding yet.
        if target.name == API_SERVER:
            return not snapshot.dark
        return all(gap.what != target.name for gap in snapshot.gaps)
    if not snapshot.sees(target.kind, target.namespace, target.name):
        return False
    if target.kind == "Node" or not target.node:
        return True
    if not snapshot.sees("Node", "", target.node):
        return False
    node = snapshot.nodes.get(target.node)
    gone = node is None or (target.namespace, target.name) not in snapshot.pods
    return gone or (node is not None and node.health is not health.Health.UNKNOWN)


def _advance(
    incident: Incident, group: Sequence[Finding], sight: _Sight, policy: Policy
) -> notice.Notice | None:
    now = sight.snapshot.taken_at
    before = {member.fingerprint: member for member in (*incident.recovered, *incident.members)}
    members: list[Member] = [
        _member(found, now, _returning(before.get(found.fingerprint))) for found in group
    ]
    standing = {member.fingerprint for member in members}
    recovered = {m.fingerprint: m for m in incident.recovered if m.fingerprint not in standing}
    unseen = False
    for member in incident.members:
        if member.fingerprint in standing:
            continue
        if not _visible(member, sight):
            unseen = True
            # The hold-down counts time seen well, so it begins anew when sight returns.
            members.append(_returning(member) or member)
        elif member.clear_since is None:
            members.append(replace(member, clear_since=now))
        elif now - member.clear_since < policy.hold(incident):
            members.append(member)
        else:
            recovered[member.fingerprint] = member
    updated = replace(
        incident,
        members=tuple(sorted(members, key=lambda m: (m.name, m.fingerprint))),
        recovered=tuple(recovered.values())[-_RECOVERED_KEPT:],
        population=(
            (population(incident.workload, sight.snapshot) if _on_nodes(members) else 0)
            or incident.population
        ),
        unseen=unseen,
    )
    if group:
        updated = _renewed(updated, group)
    if incident.state is State.RESOLVED:
        return _reopened(updated, group, now, policy, back=not incident.unwatched)
    if not updated.members:
        return _resolved(updated, now)
    return _noticed(incident, updated, now, policy)


def _returning(member: Member | None) -> Member | None:
    if member is None or member.clear_since is None:
        return member
    return replace(member, clear_since=None)


def _renewed(incident: Incident, group: Sequence[Finding]) -> Incident:
    first = _lead(group)
    return replace(
        incident,
        # While it lasts an incident never becomes milder: a spread that breathes would flap.
        severity=_worst((incident.severity, first.severity)),
        summary=first.summary,
        headline=first.headline,
        cure=first.cure,
        peak=max(incident.peak, len(incident.affected)),
    )


def _reopened(
    incident: Incident, group: Sequence[Finding], now: datetime, policy: Policy, *, back: bool
) -> notice.Notice:
    """`back` is whether it had been well: who was not watched meanwhile did not come back."""
    times = incident.reopened + back
    said = f"back again: {incident.title}" if back else f"watched again: {incident.title}"
    if times >= policy.flapping:
        said = f"flapping, back for the {times}. time and not told again for that: {incident.title}"
    severity = _lead(group).severity
    happened = [found.happened_at for found in group if found.happened_at is not None]
    return notice.Notice(
        incident=replace(
            incident,
            state=State.OPEN,
            # Judged afresh: how bad it was before it was over wakes nobody again.
            severity=severity,
            resolved_at=None,
            owner="",
            acknowledged_at=None,
            fixed_by="",
            changed_at=now,
            reopened=times,
            happened_at=max(happened) if happened else None,
            detected_at=now,
            told_severity=severity,
            told_spread=len(incident.affected),
        ),
        reason=notice.Reason.REOPENED,
        text=said,
        calls=severity is not Severity.INFO and times <= policy.flapping,
        quiet=severity is Severity.INFO,
    )


def _resolved(incident: Incident, now: datetime) -> notice.Notice:
    return notice.Notice(
        incident=replace(
            incident, state=State.RESOLVED, resolved_at=now, changed_at=now, unseen=False
        ),
        reason=notice.Reason.RESOLVED,
        text="nothing of it has been seen for the whole hold-down",
        calls=False,
        quiet=_quiet(incident),
    )


def _noticed(
    before: Incident, incident: Incident, now: datetime, policy: Policy
) -> notice.Notice | None:
    if incident == before:
        return None
    incident = replace(incident, changed_at=now)
    spread = len(incident.affected)
    told = before.told_severity
    if told is None or incident.severity.rank > told.rank:
        reason = notice.Reason.SEVERITY_ROSE
        text = f"now {incident.severity.value}: {incident.title}"
    elif (
        not incident.unseen
        and not _quiet(incident)
        and spread
        >= max(before.told_spread * policy.growth, before.told_spread + policy.growth_least)
    ):
        reason = notice.Reason.SPREAD_GREW
        text = f"spread from {before.told_spread} to {spread}: {incident.title}"
    else:
        return notice.Notice(
            incident=incident,
            reason=notice.Reason.CHANGED,
            text=_difference(before, incident),
            calls=False,
            quiet=_quiet(incident),
        )
    # Whoever took it on did so at another level: it wants somebody's attention anew.
    state = State.OPEN if incident.state is State.ACKNOWLEDGED else incident.state
    incident = replace(incident, state=state, told_severity=incident.severity, told_spread=spread)
    return notice.Notice(
        incident=incident, reason=reason, text=text, calls=True, first=told is Severity.INFO
    )


def _quiet(incident: Incident) -> bool:
    """Whether it is only information, which no channel needs to hear."""
    return incident.severity is Severity.INFO


def _difference(before: Incident, after: Incident) -> str:
    """Who came and went, in words; nothing where only the evidence is newer."""
    was: Mapping[str, str] = {m.fingerprint: m.name for m in before.affected}
    now: Mapping[str, str] = {m.fingerprint: m.name for m in after.affected}
    parts = []
    if joined := sorted({now[key] for key in now.keys() - was.keys()}):
        parts.append(f"now also {_few(joined)}")
    if left := sorted({was[key] for key in was.keys() - now.keys()}):
        parts.append(f"no longer affected: {_few(left)}")
    if after.unseen != before.unseen:
        parts.append("not seen at the moment" if after.unseen else "seen again")
    return "; ".join(parts)


def _few(names: Sequence[str], most: int = 8) -> str:
    listed = ", ".join(names[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed
