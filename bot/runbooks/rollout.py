"""A change of flannel's template as a plan: its steps, its pace, what it does, how it is stopped.

Under RollingUpdate Kubernetes replaces the pods once the template has changed, and nothing but
another change stops it. Under OnDelete nothing happens until pods are deleted, so the plan does
that: one node first, then batches, the bot's own node last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain import units
from bot.domain.health import Health
from bot.domain.plan import Binding, Criterion, Ownership, Plan, Signal, Step
from bot.domain.snapshot import Pod
from bot.domain.target import Target
from bot.runbooks import approvals, effects, forecast, ownership, steps
from bot.runbooks.case import Case
from bot.runbooks.edits import Edit
from bot.runbooks.forecast import Forecast
from bot.runbooks.workloads import Workload

_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


@dataclass(frozen=True, slots=True)
class Change:
    """One DaemonSet and what changes in it."""

    work: Workload
    edit: Edit


@dataclass(frozen=True, slots=True)
class Intent:
    """What a plan is for. `moves_nics` allows it to change NICs, where that is foretold.

    `peak_share` is the part of the new limit that peaks must stay below; 0 where memory is not
    its matter.
    """

    runbook: str
    title: str
    reasoning: tuple[str, ...]
    notes: tuple[str, ...] = ()
    moves_nics: bool = False
    peak_share: float = 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """One DaemonSet's part of the plan. `skipped` are silent nodes, whose pods are left alone."""

    change: Change
    steps: tuple[Step, ...]
    nodes: tuple[str, ...]
    at_once: int
    expected: timedelta
    skipped: tuple[str, ...] = ()


def plan(case: Case, changes: Sequence[Change], ahead: Forecast, intent: Intent) -> Plan:
    """Put a plan together from exact changes and what is foretold of them."""
    ordered = sorted(changes, key=lambda one: _order(case, one))
    parts: list[_Part] = []
    batch = 0
    for one in ordered:
        parts.append(_part(case, one, batch))
        batch = parts[-1].steps[-1].batch + 1
    nodes = tuple(node for part in parts for node in part.nodes)
    moved = tuple(node for node in ahead.moved if node in set(nodes))
    predictions = tuple(one for one in ahead.predictions if one.node in set(nodes))
    lost = {one.node for one in predictions if forecast.nothing_to_lose(case, one)}
    flannels = [one.work.flannel for one in ordered if one.work.flannel.serves]
    drafted = Plan(
        id=0,
        cluster=case.cluster,
        runbook=intent.runbook,
        title=intent.title,
        workload=_workload(case, ordered),
        requester=case.requester,
        created_at=case.now,
        expires_at=case.now + case.limits.expiry,
        steps=tuple(step for part in parts for step in part.steps),
        bindings=tuple(
            Binding(one.work.target, one.work.seen.uid, one.work.generation) for one in ordered
        ),
        criteria=tuple(_criteria(case, parts, intent)),
        predictions=predictions,
        restarts=tuple(node for node in nodes if node not in lost),
        at_once=max((part.at_once for part in parts if part.nodes), default=1),
        moves_nics=intent.moves_nics and bool(moved),
        diff=tuple(_diff(ordered)),
        reasoning=intent.reasoning,
        # What it means for traffic first: a card has room for the first of these alone.
        side_effects=(
            *effects.of_restart(case, flannels, moved=moved),
            *_of_lost(sorted(lost)),
            *(
                text
                for part in parts
                if part.change.work.flannel.serves
                for text in _of_strategy(case, part)
            ),
            *_without_nodes(ordered),
            *intent.notes,
        ),
        brake=" ".join(dict.fromkeys(_brake(one.work) for one in ordered)),
        undo=" ".join(dict.fromkeys(_undo(one.work) for one in ordered)),
        ownership=_owned(ordered),
        expected=sum((part.expected for part in parts), timedelta()),
        incident=case.incident.id if case.incident else None,
    )
    return approvals.required(drafted, case.limits)


def _order(case: Case, change: Change) -> tuple[bool, bool, int, str]:
    # The DaemonSet of few nodes first: it is the trial of the others, and the bot's own comes last.
    # Those without nodes come after all, so that nothing of them is to be undone if that fails.
    flannel = change.work.flannel
    number = len(flannel.serves)
    return not number, case.own_node in flannel.serves, number, flannel.name


def _workload(case: Case, changes: Sequence[Change]) -> Target:
    targets = [one.work.target for one in changes]
    if case.incident is not None and case.incident.workload in targets:
        return case.incident.workload
    return max(changes, key=lambda one: len(one.work.flannel.serves)).work.target


def _part(case: Case, change: Change, batch: int) -> _Part:
    work = change.work
    patch = steps.change(case, work, change.edit, batch=batch)
    if work.on_delete:
        return _by_deletion(case, change, patch)
    nodes = work.flannel.serves
    if not nodes:
        return _Part(change, (patch,), (), 1, timedelta())
    wait = steps.rollout(case, work, nodes=len(nodes), batch=batch + 1)
    return _Part(
        change,
        (patch, wait),
        nodes,
        work.at_once,
        forecast.rounds(len(nodes), work.at_once, case.limits.pace),
    )


def _by_deletion(case: Case, change: Change, patch: Step) -> _Part:
    flannel = change.work.flannel
    # Whoever has no pod gets one of the new template anyhow.
    standing = [node for node in flannel.serves if node in case.flannel_pods]
    silent = tuple(node for node in standing if _silent(case, node))
    ordered = sorted(set(standing) - set(silent), key=lambda node: _turn(case, node))
    done = [patch]
    batches = list(_batches(case, ordered))
    for number, nodes in enumerate(batches, start=patch.batch + 1):
        done += [steps.delete_old(case, flannel, node, batch=number) for node in nodes]
        done += [steps.ready(case, flannel, node, batch=number) for node in nodes]
    return _Part(
        change,
        tuple(done),
        tuple(ordered),
        max(map(len, batches), default=1),
        len(batches) * case.limits.pace,
        silent,
    )


def _turn(case: Case, node: str) -> tuple[bool, bool, str]:
    """Control planes late, the bot's own last.

    Not by what is broken now: where flannel is killed again and again that changes by the minute,
    and with every other order what was approved would be another plan.
    """
    here = case.snapshot.nodes.get(node)
    control = here is not None and any(label in here.labels for label in _CONTROL_PLANE)
    return node == case.own_node, control, node


def _batches(case: Case, nodes: Sequence[str]) -> Iterator[Sequence[str]]:
    """One node alone, then batches; the bot's own node by itself."""
    own = [node for node in nodes if node == case.own_node]
    rest = [node for node in nodes if node != case.own_node]
    if rest:
        yield rest[:1]
    for start in range(1, len(rest), case.limits.batch):
        yield rest[start : start + case.limits.batch]
    if own:
        yield own


def _silent(case: Case, node: str) -> bool:
    here = case.snapshot.nodes.get(node)
    return here is None or here.health is not Health.HEALTHY


def _diff(changes: Sequence[Change]) -> Iterator[str]:
    """Write each change once, with all DaemonSets that get the same."""
    same: dict[tuple[str, ...], list[Change]] = {}
    for one in changes:
        same.setdefault(one.edit.diff, []).append(one)
    for diff, held in same.items():
        first = held[0].work.flannel
        what = f"DaemonSet {first.name}"
        if len(held) > 1:
            names = ", ".join(one.work.flannel.daemonset for one in held)
            what = f"DaemonSets {names} in {first.namespace}"
        yield f"{what}, container {first.container}"
        yield from diff


def _criteria(case: Case, parts: Sequence[_Part], intent: Intent) -> Iterator[Criterion]:
    limits = case.limits
    for part in parts:
        target = part.change.work.target
        # One that serves no node has nothing that could be rolled out.
        if part.nodes and not part.skipped:
            yield Criterion(
                Signal.ROLLOUT_COMPLETE, target, limits.helps_within,
                text="every pod runs the new template and is available",
            )  # fmt: skip
        if not part.nodes:
            continue
        for signal, text in (
            (Signal.NO_NEW_KILL, "no OOM kill of a new pod"),
            (Signal.NO_NEW_CRASH, "no crash of a new pod"),
            (Signal.NIC_AS_PREDICTED, "each node uses the NIC that was foretold"),
            (Signal.ROUTES_COMPLETE, "each node has the routes to all others"),
        ):
            yield Criterion(signal, target, limits.helps_within, stays=limits.stays, text=text)
        # Without a source of peaks it could only end as "not known", which is no success.
        if intent.peak_share and any(node in case.peaks for node in part.nodes):
            yield Criterion(
                Signal.PEAK_BELOW, target, limits.helps_within, stays=limits.stays,
                share=intent.peak_share,
                text=f"memory peaks stay below {intent.peak_share:.0%} of the new limit",
            )  # fmt: skip


def _of_strategy(case: Case, part: _Part) -> Iterator[str]:
    work = part.change.work
    name, number = work.flannel.name, units.count(len(part.nodes), "node")
    if work.on_delete:
        yield (
            f"DaemonSet {name} is OnDelete: the patch alone changes nothing. The plan deletes its "
            f"pods on {number}, one first and then up to {case.limits.batch} at a time, and waits "
            "for each to be ready."
        )
        if part.skipped:
            yield (
                f"Not ready and so left out: {effects.listed(part.skipped)}. Flannel there keeps "
                "the old template until its pod is deleted."
            )
        return
    yield (
        f"Kubernetes restarts flannel on {number} of DaemonSet {name} by itself, "
        f"{work.at_once} at a time."
    )
    if work.seen.updated < work.seen.desired:
        yield (
            f"A rollout is under way already ({work.seen.updated} of {work.seen.desired} pods are "
            "of the present template): what it has replaced is replaced once more."
        )
    down = [node for node in part.nodes if (pod := _pod(case, node)) is not None and not pod.ready]
    if down:
        yield (
            f"Pods that are not available now restart at once, outside maxUnavailable: "
            f"{effects.listed(down)}."
        )
    silent = [node for node in part.nodes if _silent(case, node)]
    if silent:
        stalls = ", and so many that the rollout cannot move" if len(silent) >= work.at_once else ""
        yield (
            f"Not ready, and so unavailable all the time{stalls}: {effects.listed(silent)}. Mend "
            "or remove such nodes first."
        )


def _without_nodes(changes: Sequence[Change]) -> Iterator[str]:
    names = [one.work.flannel.daemonset for one in changes if not one.work.flannel.serves]
    if names:
        yield f"Changed for nodes that come later, as they serve none now: {', '.join(names)}."


def _of_lost(nodes: Sequence[str]) -> Iterator[str]:
    if nodes:
        yield (
            f"Flannel does not run on {effects.listed(nodes)}, and which NIC it would take there "
            "is not known: it has nothing to lose."
        )


def _pod(case: Case, node: str) -> Pod | None:
    return case.flannel_pods.get(node)


def _brake(work: Workload) -> str:
    if work.on_delete:
        return (
            "OnDelete: a cancel stops deleting pods after the batch at work and takes the template "
            "back. Nodes that are done keep the new one until their pods are deleted."
        )
    return (
        "RollingUpdate cannot be paused: the only brake is the guarded inverse patch. Nodes that "
        "are done restart once more by it, unavailable ones at once."
    )


def _undo(work: Workload) -> str:
    if work.on_delete:
        return (
            "the inverse patch, refused if the same texts changed since; `undo RUN-n` deletes the "
            "pods of the new template."
        )
    return (
        "the inverse patch, refused if the same texts changed since; every flannel of the "
        "DaemonSet restarts again."
    )


def _owned(changes: Sequence[Change]) -> Ownership:
    """Sisters have one owner, so the first that has any speaks, with the text for all."""
    found = [ownership.of(one.work, one.edit.fields) for one in changes]
    owned = [one for one in found if one.owner]
    if not owned:
        return Ownership()
    return replace(owned[0], values="---\n".join(dict.fromkeys(one.values for one in owned)))
