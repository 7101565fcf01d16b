"""Terminations and restart counts in the words of a person, with the fields that prove them.

Text depends on what happened, never on how long ago: a finding that lasts must read the same
from cycle to cycle.
"""

from collections.abc import Iterator

from bot.domain import death, story, units

_CLARIFIED = {
    death.Verdict.STALE_LABEL: (
        "the label OOMKilled does not fit exit code {code}: runtimes repeat it from an earlier "
        "kill, so this end is not called an OOM kill"
    ),
    death.Verdict.KILLED: (
        "exit code 137 with reason {reason}: ended by SIGKILL, cause unknown (a missed OOM kill, "
        "a failed liveness probe or a stop that took too long); not called an OOM kill"
    ),
}


def fields(end: death.Death) -> str:
    """Write a termination as its fields stand in the pod's status."""
    return (
        f"{end.where}.terminated.reason={end.reason or 'none'} exitCode={end.exit_code} "
        f"finishedAt={units.stamp(end.finished_at)}"
    )


def clarified(end: death.Death) -> str:
    """Return what a misleading termination really proves, or nothing where it is plain."""
    text = _CLARIFIED.get(end.verdict, "")
    return text.format(code=end.exit_code, reason=end.reason or "none")


def counted(told: story.Story, *, restarts: int, observed: str, unseen: int) -> Iterator[str]:
    """Write what the restart count proves since it was `restarts`.

    `observed` tells the deaths that were seen since then, `unseen` how many were not.
    """
    if told.restarts > restarts:
        line = f"restartCount {restarts} -> {told.restarts}"
        if unseen > 0:
            line = f"{line}, {observed} observed: at least {unseen} more, times unknown"
            if told.blind_from is not None and told.unseen_noticed_at is not None:
                line = (
                    f"{line} (between {units.stamp(told.blind_from)} and "
                    f"{units.stamp(told.unseen_noticed_at)})"
                )
        yield line
    else:
        yield f"restartCount {told.restarts}"
    if told.before_watch and told.base == told.before_watch:
        yield f"{units.count(told.before_watch, 'restart')} before I watched"
    if told.fall is not None:
        yield (
            f"restartCount went down {told.fall.before} -> {told.fall.after} at "
            f"{units.stamp(told.fall.at)}: what happened between is unknown, counted anew"
        )
