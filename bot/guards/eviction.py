"""Whether pods may be moved: budgets, data, controllers, and room elsewhere."""

from collections.abc import Iterator

from bot.domain import units
from bot.domain.drain import Judged
from bot.domain.guard import Verdict, allowed, denied
from bot.domain.plan import StepKind
from bot.guards.situation import Situation


def _moves(given: Situation) -> bool:
    return any(step.kind is StepKind.EVICT_POD for step in given.plan.steps)


def movable(given: Situation) -> Iterator[Verdict]:
    """No pod without a controller, and no data lost that nobody ticked."""
    if not _moves(given) and not given.drains:
        return
    if given.drains is None:
        yield denied("movable", "the pods of the node could not be listed")
        return
    forbids = [one for decision in given.drains.values() for one in decision.forbids]
    if forbids:
        yield denied("movable", _listed(forbids), "move or delete them by hand, or tick their data")
    else:
        number = sum(len(decision.evict) for decision in given.drains.values())
        yield allowed("movable", f"{units.count(number, 'pod')} can be moved")


def budgets(given: Situation) -> Iterator[Verdict]:
    """Every PodDisruptionBudget lets its pods go, as a dry-run eviction says."""
    if not _moves(given):
        return
    if given.budgets is None:
        yield denied("budgets", "no dry-run eviction could be asked for")
        return
    blocked = {place: why for place, why in given.budgets.items() if why}
    if blocked:
        named = units.listing([f"{place}: {why}" for place, why in sorted(blocked.items())], most=3)
        yield denied("budgets", f"not all pods may go: {named}", "wait until their budgets allow")
    else:
        yield allowed("budgets", "every budget lets its pods go")


def room(given: Situation) -> Iterator[Verdict]:
    """What is evicted finds a place elsewhere."""
    if not _moves(given):
        return
    if given.homeless is None:
        yield denied("room", "how much room other nodes have could not be seen")
    elif given.homeless:
        named = units.listing(list(given.homeless), most=3)
        yield denied("room", f"other nodes have no room for {named}", "make room first")
    else:
        yield allowed("room", "other nodes have room for them")


def _listed(found: list[Judged]) -> str:
    return units.listing([f"{one.pod.place} {one.reason}" for one in found], most=3)
