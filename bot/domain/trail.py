"""Ends of runs that would be lost between two snapshots.

A status shows the two newest ends of a container at most. A kill that is followed by another
crash within a second is overwritten before a snapshot is taken, though the watch told of it.
So each new status of a pod carries on what the ones before it told.
"""

from dataclasses import replace

from bot.domain.snapshot import Container, ContainerState, Phase, Pod

KEPT = 6
"""Ends carried on for each container: more than fit between two snapshots of any crash loop."""


def follow(before: Pod | None, after: Pod) -> Pod:
    """Return `after` with the ends that `before` told and `after` does not.

    `before` of another uid is another pod. Containers that never ended cost nothing.
    """
    if before is None or before.uid != after.uid:
        return after
    known = {container.name: container for container in before.containers}
    containers = tuple(
        _carried(known.get(container.name), container) for container in after.containers
    )
    if all(old is new for old, new in zip(after.containers, containers, strict=True)):
        return after
    return replace(after, containers=containers)


def left_behind(before: Pod, after: Pod | None) -> bool:
    """Whether a pod that goes, or gives way to another, takes ends along that nobody may know."""
    if after is not None and after.uid == before.uid:
        return False
    return any(container.trail or _ends(container) for container in before.containers)


def _carried(before: Container | None, after: Container) -> Container:
    if before is None:
        return after
    told = {_mark(state) for state in _ends(after)}
    trail = [state for state in (*before.trail, *_ends(before)) if _mark(state) not in told]
    kept = tuple(dict.fromkeys(trail))[-KEPT:]
    return replace(after, trail=kept) if kept != after.trail else after


def _ends(container: Container) -> tuple[ContainerState, ...]:
    """What a status tells of ends, oldest first."""
    return tuple(
        state
        for state in (container.last_state, container.state)
        if state is not None and state.phase is Phase.TERMINATED
    )


def _mark(state: ContainerState) -> object:
    return state.container_id or (state.finished_at, state.exit_code)
