"""Other flags, played through on every node that was looked at."""

from collections.abc import Sequence

from bot import checks
from bot.flannel import inspection, outlook, rehearsal, versions
from bot.flannel import regex as patterns


def malformed(given: Sequence[str]) -> list[tuple[str, str]]:
    """Return the patterns that flannel could not read, each with its words for that."""
    read = ((raw, patterns.read(raw)) for raw in given)
    return [(raw, one.error) for raw, one in read if isinstance(one, patterns.Malformed)]


def rehearsed(where: checks.Context, asked: rehearsal.Asked) -> rehearsal.Rehearsal:
    """Play these flags for the NIC through; all others stay as they are."""
    cases = []
    groups: dict[str, list[str]] = {}
    for name, known in where.looks.items():
        flannel = where.flannel_on[name]
        after = outlook.of(
            where.inspections[name],
            where.snapshot.nodes[name],
            flannel,
            given=rehearsal.questioned(outlook.flags_of(flannel, where.inspections[name]), asked),
            conf=where.net_confs.get(flannel.namespace),
        )
        cases.append(rehearsal.Case(name, known.outlook, after))
        if where.inspections[name].way is not inspection.Way.LOG:
            groups.setdefault(flannel.name, []).append(name)
    result = rehearsal.of(cases)
    if not groups:
        return result
    # Of several DaemonSets (one for an architecture) all get the same flags; the largest speaks.
    chosen = max(groups, key=lambda one: len(groups[one]))
    flannel = next(one for one in where.flannels if one.name == chosen)
    advice, refused = rehearsal.advised(
        rehearsal.questioned(flannel.flags, asked),
        {name: where.inspections[name].kernel for name in groups[chosen]},
        versions.parse(flannel.image),
        intended={
            case.node: case.before.present.nic
            for case in cases
            if case.before.present.nic and not case.before.on_pods_nic
        },
    )
    return rehearsal.with_advice(result, advice, refused)
