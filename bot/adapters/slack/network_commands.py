"""Commands about nodes' networks: from a request to the desk's network and back to a page."""

from datetime import timedelta

from bot.adapters.slack import (
    grammar,
    logs_view,
    nics_view,
    prose,
    routes_view,
    simulation_view,
    verify_view,
    works,
)
from bot.flow import network_answers

NAMES = frozenset({"nics", "routes", "simulate", "logs", "verify"})

_ANEW = timedelta(seconds=10)
_SUMMARY = timedelta(minutes=10)
"""How old looks may be that `routes` alone sums up; older ones are looked at anew."""


def all_nodes(asked: grammar.Request) -> bool:
    """Whether a request looks at every node."""
    return asked.name in NAMES and (asked.everything or not asked.node)


async def answer(
    network: network_answers.Network, asked: grammar.Request, work: works.Work
) -> prose.Page:
    """Answer one of `NAMES`. Raises what the network does."""
    work.shown = True
    who, told = work.user, work.progress
    match asked.name:
        case "nics" if asked.everything:
            return nics_view.fleet(await network.all_nics(who, told))
        case "nics":
            return nics_view.node(await network.nics(asked.node))
        case "routes" if asked.node:
            return routes_view.node(await network.routes(asked.node))
        case "routes":
            max_age = _ANEW if asked.everything else _SUMMARY
            return routes_view.fleet(await network.all_routes(who, told, max_age=max_age))
        case "simulate":
            return simulation_view.simulation(
                await network.simulate(who, told, asked=asked.simulated)
            )
        case "verify" if asked.node:
            return verify_view.node(await network.verify(asked.node))
        case "verify":
            return verify_view.fleet(await network.verify_all(who, told))
        case _:
            return logs_view.log(await network.logs(asked.node))
