"""Flags that give every node its NIC, proven on the nodes' own NICs: what two runbooks share.

Where the flags do not stand in the DaemonSet as words of their own, nothing is patched: then the
text to be applied by hand is made from the same proof.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.domain import units
from bot.flannel import anchoring, outlook, rewriting, versions, veth
from bot.flannel.flags import Flags
from bot.flannel.kernel import Kernel
from bot.runbooks import byhand, edits, forecast
from bot.runbooks.case import Case, NoPlan
from bot.runbooks.edits import REGEX
from bot.runbooks.forecast import Forecast
from bot.runbooks.rollout import Change
from bot.runbooks.workloads import Workload


@dataclass(frozen=True, slots=True)
class Safer:
    """The changes, what is foretold with them, and why they are as they are."""

    changes: tuple[Change, ...]
    ahead: Forecast
    reasons: tuple[str, ...]


def of(case: Case, works: Sequence[Workload]) -> Safer | NoPlan:
    """Return new flags for all of these DaemonSets, or why there are none."""
    for work in works:
        refused = _refused(case, work)
        if refused is not None:
            return refused
    patterned = [one for one in works if one.flannel.flags.iface_regex]
    if not patterned:
        return NoPlan("no --iface-regex is in force, so there is nothing to anchor")
    rewrites = _rewrites(case, patterned)
    if isinstance(rewrites, NoPlan):
        return rewrites
    changes = []
    for work in patterned:
        edit = edits.arguments(work, rewrites[work.flannel.name])
        if isinstance(edit, NoPlan):
            manual = byhand.arguments(work, rewrites[work.flannel.name].arguments)
            return NoPlan(f"{edit.reason}: change it by hand", manual)
        if edit:
            changes.append(Change(work, edit))
    if not changes:
        return NoPlan(_safe_already(patterned))
    given = {name: one.given for name, one in rewrites.items()}
    ahead = forecast.of(case, [one.flannel for one in works], given)
    trapped = ahead.trapped_among(one.work for one in changes)
    if trapped:
        return NoPlan(
            f"even {' '.join(next(iter(rewrites.values())).arguments)} would not do: "
            f"{ahead.risks(trapped)}"
        )
    return Safer(tuple(changes), ahead, tuple(_reasons(changes, rewrites, ahead)))


def _refused(case: Case, work: Workload) -> NoPlan | None:
    """Say why these flags cannot be patched where they are, with what to write instead."""
    told, name = work.flannel.flags, work.flannel.name
    if not told.readable:
        return NoPlan(
            f"DaemonSet {name} starts flanneld by a script, which is not changed here: change it "
            "by hand",
            byhand.script(work),
        )
    if told.exits:
        return NoPlan(f"flanneld of DaemonSet {name} cannot start with its flags: {told.exits}")
    hidden = {"iface", REGEX} & set(told.unknown)
    elsewhere = [flag for flag in told.in_force if flag.name == REGEX and flag.place == "env"]
    if not hidden and not elsewhere:
        return None
    known = _known(case, work)
    rewrite = _rewrite(case, known, [work]) if known.iface_regex else None
    safe = rewrite.arguments if isinstance(rewrite, rewriting.Rewrite) else ()
    where = "outside the DaemonSet" if hidden else "in its environment"
    return NoPlan(
        f"the flags for the NIC of DaemonSet {name} stand {where}, where this bot changes nothing: "
        "change them by hand",
        byhand.environment(work, safe),
    )


def _known(case: Case, work: Workload) -> Flags:
    """Return the flags in force, also those that only flannel's own log told."""
    for node in work.flannel.serves:
        seen = forecast.look(case, node)
        if not isinstance(seen, str):
            told = outlook.flags_of(work.flannel, seen)
            if told != work.flannel.flags:
                return told
    return work.flannel.flags


def _rewrites(case: Case, works: Sequence[Workload]) -> Mapping[str, rewriting.Rewrite] | NoPlan:
    """Rewrite each; those of the same flags and release together, so that they stay the same."""
    groups: dict[tuple[Flags, str], list[Workload]] = {}
    for work in works:
        groups.setdefault((work.flannel.flags, work.flannel.version), []).append(work)
    found: dict[str, rewriting.Rewrite] = {}
    for (given, _), held in groups.items():
        rewrite = _rewrite(case, given, held)
        if isinstance(rewrite, NoPlan):
            return rewrite
        found |= {work.flannel.name: rewrite for work in held}
    return found


def _rewrite(case: Case, given: Flags, works: Sequence[Workload]) -> rewriting.Rewrite | NoPlan:
    flannels = [one.flannel for one in works]
    hosts: dict[str, Kernel] = {}
    for one in flannels:
        hosts |= forecast.hosts(case, one)
    served = sum(len(one.serves) for one in flannels)
    if served and not hosts:
        return NoPlan(
            f"none of {units.count(served, 'node')} could be looked at, so no flags can be proven"
        )
    now = forecast.of(case, flannels)
    version = versions.parse(flannels[0].image)
    found = rewriting.rewrite(given, hosts, version, intended=forecast.intended(now))
    if isinstance(found, anchoring.Refused):
        # Nodes that sit on another NIC than their flags name: what the flags mean is then kept
        # rather than what is, which is a change of NIC and said so.
        first = found
        meant = forecast.intended(now, follow_flags=True)
        found = rewriting.rewrite(given, hosts, version, intended=meant)
        if isinstance(found, anchoring.Refused):
            return NoPlan(f"{first.reason}")
    return found


def _safe_already(works: Sequence[Workload]) -> str:
    shown = " ".join(f"--{REGEX}={one}" for one in works[0].flannel.flags.iface_regex)
    return f"`{shown}` matches whole names already, so there is nothing to anchor"


def _reasons(
    changes: Sequence[Change], rewrites: Mapping[str, rewriting.Rewrite], ahead: Forecast
) -> Iterator[str]:
    first = changes[0].work
    rewrite = rewrites[first.flannel.name]
    for pattern, example in veth.prone(first.flannel.flags.iface_regex):
        yield f"`--{REGEX}={pattern}` is not anchored: it also matches pods' NICs such as {example}"
    if rewrite.how is rewriting.How.ORDERED:
        yield (
            "anchored patterns alone would take a NIC without address on some node (a bond's "
            f"slave), so names in order take their place: `{' '.join(rewrite.arguments)}`"
        )
    yield f"proven on the NICs of {units.count(len(ahead.proven), 'node')} as they are now"
    unproven = sorted({*ahead.outlooks, *ahead.unknown} - {*ahead.proven})
    if unproven:
        yield f"nothing is proven where NICs could not be read: {units.listing(unproven, most=5)}"
    if ahead.moved:
        nodes = units.listing(list(ahead.moved), most=5)
        yield f"the NIC changes on {nodes}. {ahead.risks(ahead.moved)}"
