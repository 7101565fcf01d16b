"""What is remembered of a workload: since when it is short, and when its rollout last moved.

Kubernetes gives a DaemonSet no progress deadline and no condition with a time, so the moments
must be remembered. Progress is what falls and does not rise again: pods that flap between
available and not move counters, and no rollout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain import snapshot


@dataclass(frozen=True, slots=True)
class Progress:
    """One DaemonSet or Deployment that is not what it should be.

    `missing` names nodes that lack a pod, and since when. While a rollout runs, `moved_at` is
    when it last came nearer to its end, `outstanding` the least number of pods that still had to
    be replaced, `unavailable` the least that were not available at that number.
    """

    short_since: datetime | None = None
    generation: int = 0
    rolling_since: datetime | None = None
    moved_at: datetime | None = None
    outstanding: int = 0
    unavailable: int = 0
    missing: Mapping[str, datetime] = field(default_factory=dict)


def rolling(daemonset: snapshot.DaemonSet) -> bool:
    """Whether a rollout is under way by itself; under OnDelete a person's deletions drive it."""
    if daemonset.observed_generation < daemonset.generation:
        return True
    return daemonset.strategy == "RollingUpdate" and daemonset.updated < daemonset.desired


def of_daemonset(
    before: Progress | None,
    daemonset: snapshot.DaemonSet,
    *,
    missing: Mapping[str, datetime],
    now: datetime,
) -> Progress | None:
    """Return what is to be remembered of a DaemonSet; None where all is as it should be."""
    before = before or Progress()
    short = daemonset.available < daemonset.desired
    moves = rolling(daemonset)
    if not (short or moves or missing):
        return None
    progress = Progress(
        short_since=(before.short_since or now) if short else None,
        generation=daemonset.generation,
        missing=missing,
    )
    return _moved(before, progress, daemonset, now) if moves else progress


def of_deployment(
    before: Progress | None, deployment: snapshot.Deployment, *, now: datetime
) -> Progress | None:
    """Return what is to be remembered of a Deployment; None where all is as it should be."""
    if deployment.available >= deployment.replicas:
        return None
    since = before.short_since if before else None
    return Progress(short_since=since or now, generation=deployment.generation)


def _moved(
    before: Progress, progress: Progress, daemonset: snapshot.DaemonSet, now: datetime
) -> Progress:
    seen = daemonset.observed_generation >= daemonset.generation
    outstanding = daemonset.desired - daemonset.updated if seen else daemonset.desired
    unavailable = max(0, daemonset.desired - daemonset.available)
    rolling_since, moved_at = before.rolling_since, before.moved_at
    if rolling_since is None or moved_at is None or before.generation != daemonset.generation:
        rolling_since = moved_at = now
    elif outstanding < before.outstanding:
        moved_at = now
    else:
        outstanding = before.outstanding
        if unavailable < before.unavailable:
            moved_at = now
        unavailable = min(unavailable, before.unavailable)
    return Progress(
        short_since=progress.short_since,
        generation=progress.generation,
        rolling_since=rolling_since,
        moved_at=moved_at,
        outstanding=outstanding,
        unavailable=unavailable,
        missing=progress.missing,
    )
