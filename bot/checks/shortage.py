"""Whether a workload's counters may be believed against its pods."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.checks.context import Context
from bot.domain import snapshot


def settled(pods: Iterable[snapshot.Pod], context: Context, grace: timedelta) -> bool:
    """Whether no pod changed within the grace.

    A workload's status follows its pods with a delay, so a shortage that no pod explains proves
    something only once the pods have been as they are for a while.
    """
    return all(context.now - _changed(pod) >= grace for pod in pods)


def _changed(pod: snapshot.Pod) -> datetime:
    ready = pod.condition("Ready")
    moments = (pod.created_at, ready.since if ready else None, pod.deleting_since)
    return max(moment for moment in moments if moment is not None)
