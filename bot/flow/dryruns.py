"""Dry runs: whether the API server would take a plan's writes, asked of itself.

So a right that is lacking, an admission policy or an invalid value is known before the first
write, and no run ends half-way for it. Evictions are asked elsewhere, for their budgets.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.domain import errors
from bot.domain.plan import Step, StepKind
from bot.domain.snapshot import Snapshot
from bot.flow import actuation

_ASKED = 8
"""Dry runs under way at a time."""
_NO_RUN = "RUN-0"
"""Whom a dry run marks an object for, in what is not stored."""


async def refusals(
    actuator: actuation.Actuator, steps: Sequence[Step], seen: Snapshot
) -> tuple[str, ...] | None:
    """What the API server would refuse of these steps, each once; None where it cannot be asked.

    Args:
        actuator: the cluster's writes.
        steps: of a plan of which nothing is done yet.
        seen: the cluster, for which pod a deletion would meet.
    """
    slots = asyncio.Semaphore(_ASKED)

    async def ask(step: Step) -> str:
        async with slots:
            try:
                await _try(actuator, step)
            except errors.Refused as error:
                return str(error)
            except (errors.Conflict, actuation.NoDryRun):
                # What has changed since is told by another guard, and by the step itself.
                return ""
        return ""

    try:
        found = await asyncio.gather(*(ask(step) for step in _telling(steps, seen)))
    except errors.BotError:
        return None
    return tuple(dict.fromkeys(filter(None, found)))


async def _try(actuator: actuation.Actuator, step: Step) -> None:
    target = step.target
    if step.kind is StepKind.PATCH_DAEMONSET:
        await actuator.patch_daemonset(target, step.change, operation=_NO_RUN, dry_run=True)
    elif step.kind is StepKind.CORDON:
        await actuator.cordon(target.name, uid=step.uid, operation=_NO_RUN, dry_run=True)
    else:
        await actuator.delete_pod(target.namespace, target.name, uid=step.uid, dry_run=True)


def _telling(steps: Sequence[Step], seen: Snapshot) -> Iterator[Step]:
    """The steps that are asked for: of the deletions in a namespace the first stands for all."""
    places: set[str] = set()
    for step in steps:
        if step.kind in (StepKind.PATCH_DAEMONSET, StepKind.CORDON):
            yield step
        elif step.kind is StepKind.DELETE_POD and step.target.namespace not in places:
            named = step if step.uid else _named(step, seen)
            if named is not None:
                places.add(step.target.namespace)
                yield named


def _named(step: Step, seen: Snapshot) -> Step | None:
    """A deletion of whatever pod is on a node by then, as one of the pod that is there now."""
    return next(
        (
            replace(step, target=replace(step.target, name=pod.name), uid=pod.uid)
            for pod in seen.pods_of.get(step.owner, ())
            if pod.node == step.target.node
        ),
        None,
    )
