"""Judge: run every check over one snapshot. A check that fails judges nothing, and says so."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from bot import checks
from bot.domain import finding, snapshot

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks said; `judged` names those that could, `gaps` tells of the others.

    `looked` names the nodes that those could see which judge by more than the snapshot.
    """

    findings: tuple[finding.Finding, ...]
    judged: frozenset[str]
    gaps: tuple[snapshot.Gap, ...]
    looked: Mapping[str, Collection[str]] = field(default_factory=dict)


def judge(
    context: checks.Context,
    all_checks: Mapping[str, Callable[[checks.Context], Iterable[finding.Finding]]] | None = None,
) -> Judgement:
    """Run the checks, worst findings first."""
    findings: list[finding.Finding] = []
    judged: set[str] = set()
    gaps: list[snapshot.Gap] = []
    looked: dict[str, Collection[str]] = {}
    for name, check in (checks.ALL_CHECKS if all_checks is None else all_checks).items():
        try:
            found = list(check(context))
            if name in checks.SIGHT:
                looked[name] = checks.SIGHT[name](context)
        except Exception as error:  # the seam of one check: its fault must not blind the others
            log.exception("check_failed", check=name, cluster=context.snapshot.cluster)
            gaps.append(
                snapshot.Gap(
                    resource=f"check {name}",
                    reason=f"failed by a fault of its own: {type(error).__name__}: {error}",
                    since=context.snapshot.taken_at,
                )
            )
        else:
            findings += found
            judged.add(name)
    findings.sort(key=lambda f: (-f.severity.rank, f.check, f.target))
    return Judgement(
        findings=tuple(findings), judged=frozenset(judged), gaps=tuple(gaps), looked=looked
    )


def with_gaps(taken: snapshot.Snapshot, gaps: tuple[snapshot.Gap, ...]) -> snapshot.Snapshot:
    """Return the snapshot with further gaps."""
    return replace(taken, gaps=(*taken.gaps, *gaps)) if gaps else taken
