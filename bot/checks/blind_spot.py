"""Something could not be read for a while, so silence about it is not health.

Says so for every gap older than `Limits.blind_after`. A shorter one is a broken watch being
mended, and only keeps the other checks from judging. Where several kinds are hidden for one and
the same reason, it is the API server that is not seen, and that is said once.

Severity: critical, because whatever happens there goes unseen; a warning where it is a single
object, or ControllerRevisions, without which every other check still judges.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from bot.checks.context import Context
from bot.domain import snapshot, target, units
from bot.domain.finding import Finding, Severity

NAME = "blind_spot"

_REFUSED = ("forbidden", "unauthorized", "403", "401")


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each gap that lasts, or one for all with one reason."""
    lasting: dict[str, snapshot.Gap] = {}
    for gap in sorted(context.snapshot.gaps, key=lambda one: one.since):
        if context.lasted(gap.since, context.limits.blind_after):
            lasting.setdefault(_what(gap), gap)
    reasons = Counter(gap.reason for gap in lasting.values() if not gap.name)
    told: set[str] = set()
    for what, gap in lasting.items():
        if reasons[gap.reason] < snapshot.MANY_KINDS or gap.name:
            yield _finding(context, gap, what)
        elif gap.reason not in told:
            told.add(gap.reason)
            hidden = [name for name, one in lasting.items() if one.reason == gap.reason]
            yield _whole(context, gap, hidden)


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


def _whole(context: Context, gap: snapshot.Gap, hidden: Sequence[str]) -> Finding:
    return Finding(
        check=NAME,
        severity=Severity.CRITICAL,
        target=target.Target(
            cluster=context.cluster, kind="Cluster", namespace="", name=snapshot.API_SERVER
        ),
        workload=context.whole(),
        summary=f"cannot see cluster {context.cluster}: {gap.reason}",
        headline="blind",
        evidence=(f"since {units.stamp(gap.since)}", f"not seen: {', '.join(hidden)}"),
        cure=_cure(gap),
        since=gap.since,
    )


def _cure(gap: snapshot.Gap) -> str:
    if gap.name:
        return f"Look at the object itself: `kubectl get {gap.resource} {gap.name} -o yaml`."
    if any(word in gap.reason.lower() for word in _REFUSED):
        return f"Give the bot's service account get, list and watch on {gap.resource}."
    return "See whether the API server answers, and whether the bot can reach it."
