"""Take back what a run changed, as a plan of its own: proposed, approved and verified like any.

What was patched is patched back by the inverse, which tests that it still stands as the run left
it. If somebody changed the object since there is no plan, and what differs is named: taking back
would put an old state together with a new one that nobody has seen.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace

from bot.domain import patch, run, units
from bot.domain.patch import Operation, Patch
from bot.domain.plan import Plan, Step, StepKind
from bot.domain.run import Run
from bot.flannel import flags
from bot.flannel.flags import Flags
from bot.runbooks import effects, forecast, rollout, workloads
from bot.runbooks.case import Case, Json, NoPlan
from bot.runbooks.edits import Edit
from bot.runbooks.workloads import Workload


def draft(case: Case, done: Plan, ended: Run) -> Plan | NoPlan:
    """Draft the way back from what a run of that plan has applied and not undone."""
    if not ended.over:
        return NoPlan(f"{ended.name} is still at work: cancel it, which takes back what it did")
    left = [
        done.steps[number]
        for number in run.undoable(ended, done)
        if number not in ended.undone or ended.undone[number].state is not run.StepState.APPLIED
    ]
    cordoned = [one.target.name for one in left if one.kind is StepKind.CORDON]
    if cordoned:
        nodes = units.listing(cordoned)
        manual = "".join(f"kubectl uncordon {node}\n" for node in cordoned)
        return NoPlan(f"{ended.name} left {nodes} cordoned, which is lifted by hand", manual)
    if not left:
        return NoPlan(f"{ended.name} left nothing that could be taken back. {done.undo}")
    changes: list[rollout.Change] = []
    given: dict[str, Flags] = {}
    for step in left:
        back = _back(case, done, step, ended)
        if isinstance(back, NoPlan):
            return back
        changes.append(back)
        given[back.work.flannel.name] = _flags(back)
    ahead = forecast.of(case, [one.work.flannel for one in changes], given)
    if ahead.trapped:
        return NoPlan(
            "taking it back restarts flannel, which would then not find its NIC on "
            f"{units.listing(list(ahead.trapped), most=10)}. {ahead.risks(ahead.trapped)}",
            "".join(_by_hand(one) for one in changes),
        )
    patterns = {raw: None for one in given.values() for raw in one.iface_regex}
    drafted = rollout.plan(
        case,
        changes,
        ahead,
        rollout.Intent(
            runbook=done.runbook,
            title=f"Take back {ended.name}: {done.title}",
            reasoning=(
                f"what {ended.name} changed is as it left it, and nothing else has changed",
            ),
            notes=tuple(effects.of_prone(tuple(patterns))),
            moves_nics=done.moves_nics,
        ),
    )
    return replace(drafted, incident=drafted.incident or done.incident)


def _back(case: Case, done: Plan, step: Step, ended: Run) -> rollout.Change | NoPlan:
    found = [one for one in case.flannels if case.home(one).key == step.target.key]
    if not found:
        return NoPlan(f"{step.target} is no flannel any more, or is gone")
    work = workloads.of(case, found[0])
    if isinstance(work, NoPlan):
        return work
    if work.seen.uid != step.uid:
        return NoPlan(f"{step.target} was replaced by another of that name since {ended.name}")
    try:
        changed = patch.apply(step.undo, work.document)
    except patch.Mismatch:
        told = "; ".join(_differing(work, step.undo))
        return NoPlan(f"somebody has changed {step.target} since {ended.name}: {told}")
    before = next((one.generation for one in done.bindings if one.target == step.target), 0)
    if before and work.generation != before + 1:
        return NoPlan(
            f"somebody has changed {step.target} since {ended.name}: what it wrote still stands, "
            f"but the generation is {work.generation} and was {before + 1}",
            _by_hand(rollout.Change(work, _edit(work, step.undo, changed))),
        )
    return rollout.Change(work, _edit(work, step.undo, changed))


def _differing(work: Workload, undo: Patch) -> list[str]:
    """Name what is not as the run left it."""
    found = []
    for one in undo:
        if one.op != "test":
            continue
        try:
            patch.apply([one], work.document)
        except patch.Mismatch:
            is_now = patch.look(work.document, one.path)
            found.append(f"{_shown(one.path)} is {_text(is_now)} and was {_text(one.value)}")
    return found


def _edit(work: Workload, undo: Patch, changed: Json) -> Edit:
    """Turn an inverse patch into an edit; tests of the object itself are added again later."""
    operations = tuple(one for one in undo if not _of_identity(one))
    diff: list[str] = []
    fields: dict[str, Json] = {}
    container = changed["spec"]["template"]["spec"]["containers"][work.index]
    for one in operations:
        if one.op == "test":
            continue
        diff.append(f"- {_shown(one.path)}: {_text(patch.look(work.document, one.path))}")
        if one.op != "remove":
            diff.append(f"+ {_shown(one.path)}: {_text(one.value)}")
        field = one.path.split("/")[6]
        fields[field] = (
            {"limits": {"memory": container["resources"]["limits"]["memory"]}}
            if field == "resources"
            else list(container[field])
        )
    return Edit(operations, tuple(diff), fields)


def _of_identity(one: Operation) -> bool:
    return one.op == "test" and (one.path == "/metadata/uid" or one.path.endswith("/name"))


def _shown(path: str) -> str:
    """Write a pointer as the drafts do: args[2], resources.limits.memory."""
    parts = path.split("/")
    inner = parts[6:] if parts[1:2] == ["spec"] else parts[1:]
    text = ".".join(inner)
    return f"{'.'.join(inner[:-1])}[{inner[-1]}]" if inner[-1:] and inner[-1].isdigit() else text


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flags(back: rollout.Change) -> Flags:
    fields: Mapping[str, Json] = back.edit.fields
    spec = back.work.spec
    command = tuple(fields.get("command", spec.command))
    return flags.of(replace(spec, command=command, args=tuple(fields.get("args", spec.args))))


def _by_hand(back: rollout.Change) -> str:
    flannel = back.work.flannel
    body = shlex.quote(patch.text(back.edit.operations))
    patching = f"kubectl -n {flannel.namespace} patch daemonset {flannel.daemonset}"
    return f"{patching} --type json -p {body}\n"
