"""What becomes of each node's NIC when its flannel restarts."""

from collections.abc import Iterator

from bot.domain import units
from bot.domain.guard import Verdict, allowed, denied
from bot.domain.plan import Effect, Prediction
from bot.guards.situation import Situation


def nic_prediction(given: Situation) -> Iterator[Verdict]:
    """Every node whose flannel restarts is known to come up, with the NIC that it has.

    Raising the memory limit restarts every flannel, and each chooses its NIC anew among the
    veths of today: the cure of one fault is the trigger of the other. Where flannel does not run
    there is nothing to lose, so such a node may be unknown: a plan does not count it among those
    that it restarts.
    """
    plan = given.plan
    if not plan.restarts:
        return
    told = {one.node: one for one in plan.predictions}
    lacking = [node for node in plan.restarts if node not in told]
    by: dict[Effect, list[Prediction]] = {effect: [] for effect in Effect}
    for node in plan.restarts:
        if node in told:
            by[told[node].effect].append(told[node])
    if by[Effect.FAILS]:
        yield denied(
            "nic_prediction",
            f"flannel would not start again on {_named(by[Effect.FAILS])}",
            "anchor the regex in the same change: `anchor-regex`, or both at once",
            final=True,
        )
    elif lacking or by[Effect.UNKNOWN]:
        unknown = [*lacking, *(one.node for one in by[Effect.UNKNOWN])]
        yield denied(
            "nic_prediction",
            f"which NIC flannel would take on {units.listing(unknown, most=5)} is not known",
            "ask again in a moment if flannel was just restarting there, else make those nodes "
            "readable: `nics NODE` says what is in the way",
        )
    elif by[Effect.CHANGES] and not plan.moves_nics:
        yield denied(
            "nic_prediction",
            f"flannel would take another NIC on {_named(by[Effect.CHANGES])}",
            "a change of NIC is a maintenance of its own",
            final=True,
        )
    elif by[Effect.CHANGES]:
        yield allowed(
            "nic_prediction", f"the NIC changes, as meant, on {_named(by[Effect.CHANGES])}"
        )
    else:
        number = units.count(len(plan.restarts), "node")
        yield allowed("nic_prediction", f"{number} keep the NIC that they have")


def _named(found: list[Prediction]) -> str:
    return units.listing([f"{one.node} ({one.after or 'no NIC'})" for one in found], most=5)
