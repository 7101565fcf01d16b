"""Something could not be read for a while, so silence about it is not health.

Says so for every gap older than `Limits.blind_after`. A shorter one is a broken watch being
mended, and only keeps the other checks from judging.

Severity: critical, because whatever happens there goes unseen; a warning where it is a single
object, or ControllerRevisions, without which every other check still judges.
"""

from collections.abc import Iterable

from bot.checks.context import Context
from bot.domain import snapshot, target, units
from bot.domain.finding import Finding, Severity

NAME = "blind_spot"

_REFUSED = ("forbidden", "unauthorized", "403", "401")


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each gap that lasts."""
    told: set[str] = set()
    for gap in sorted(context.snapshot.gaps, key=lambda one: one.since):
        what = _what(gap)
        if what not in told and context.lasted(gap.since, context.limits.blind_after):
            told.add(what)
            yield _finding(context, gap, what)


def _what(gap: snapshot.Gap) -> str:
    return gap.what.replace("*", "everything", 1) if gap.resource == "*" else gap.what


def _finding(context: Context, gap: snapshot.Gap, what: str) -> Finding:
    minor = bool(gap.name) or gap.resource == "controllerrevisions"
    return Finding(
        check=NAME,
        severity=Severity.WARNING if minor else Severity.CRITICAL,
        target=target.Target(cluster=context.cluster, kind="Cluster", namespace="", name=what),
        workload=context.whole(),
        summary=f"blind on {what} of cluster {context.cluster} since {units.stamp(gap.since)}",
        headline="blind",
        evidence=(gap.reason, f"since {units.stamp(gap.since)}"),
        cure=_cure(gap),
        since=gap.since,
    )


def _cure(gap: snapshot.Gap) -> str:
    if gap.name:
        return f"Look at the object itself: `kubectl get {gap.resource} {gap.name} -o yaml`."
    if any(word in gap.reason.lower() for word in _REFUSED):
        return f"Give the bot's service account get, list and watch on {gap.resource}."
    return "See whether the API server answers, and whether the bot can reach it."
