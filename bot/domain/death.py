"""How a container's process ended, as its pod's status shows it.

A status shows at most two ends: the present `state` and `lastState`. The same end moves from one
to the other, so it must be known again.
"""

import enum
from dataclasses import dataclass
from datetime import datetime

from bot.domain import snapshot


class Verdict(enum.StrEnum):
    """What a termination was, as far as its fields prove it."""

    OOM = "oom"
    """reason OOMKilled and exit code 137: certain."""
    STALE_LABEL = "stale_label"
    """reason OOMKilled with another exit code.

    Runtimes label by the container's cumulative count of OOM kills, so an earlier kill of a child
    process marks a later, ordinary end (kubernetes/kubernetes#140718). Not an OOM kill.
    """
    KILLED = "killed"
    """exit code 137 with another reason: SIGKILL, cause unknown. A runtime may have missed an OOM
    (containerd #8180, CRI-O #6580), a liveness probe failed, a grace period ended."""
    EXITED = "exited"
    """Anything else."""


@dataclass(frozen=True, slots=True)
class Death:
    """One termination of a container's process. `number` is its ordinal by the restart count."""

    number: int
    noticed_at: datetime
    reason: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    container_id: str = ""
    where: str = "lastState"

    @property
    def verdict(self) -> Verdict:
        """What it was, as far as its fields prove it."""
        if self.reason == "OOMKilled":
            return Verdict.OOM if self.exit_code == 137 else Verdict.STALE_LABEL
        return Verdict.KILLED if self.exit_code == 137 else Verdict.EXITED

    def same(self, other: "Death") -> bool:
        """Whether both tell of one death: by container id, else by time, else by ordinal."""
        if self.container_id and other.container_id:
            return self.container_id == other.container_id
        if self.finished_at and other.finished_at:
            return (self.finished_at, self.exit_code) == (other.finished_at, other.exit_code)
        return self.number == other.number


def pending(container: snapshot.Container) -> bool:
    """Whether the container has died and awaits its restart, if it ever comes."""
    state = container.state
    if state is None:
        return False
    if state.phase is snapshot.Phase.WAITING:
        return terminated(container.last_state)
    return state.phase is snapshot.Phase.TERMINATED


def terminated(state: snapshot.ContainerState | None) -> bool:
    """Whether that state is an end."""
    return state is not None and state.phase is snapshot.Phase.TERMINATED


def visible(container: snapshot.Container, now: datetime) -> tuple[Death, ...]:
    """Return the deaths that the status and its trail show, oldest first."""
    count = container.restart_count
    waiting = container.state is not None and container.state.phase is snapshot.Phase.WAITING
    found = [
        _death(state, max(1, count - age), "earlier state", now)
        for age, state in zip(range(len(container.trail), 0, -1), container.trail, strict=True)
    ]
    if container.last_state is not None and terminated(container.last_state):
        number = count + 1 if waiting else count
        found.append(_death(container.last_state, number, "lastState", now))
    if container.state is not None and terminated(container.state):
        death = _death(container.state, count + 1, "state", now)
        # Some runtimes repeat the same death in both places while they restart a container.
        found = [one for one in found if not one.same(death)]
        found.append(death)
    return tuple(found)


def _death(state: snapshot.ContainerState, number: int, where: str, now: datetime) -> Death:
    return Death(
        number=number,
        noticed_at=now,
        reason=state.reason,
        exit_code=state.exit_code,
        started_at=state.started_at,
        finished_at=state.finished_at,
        container_id=state.container_id,
        where=where,
    )
