"""The answers that the guides show, made by the code from one small cluster with troubles."""

import asyncio
from datetime import timedelta

from bot.adapters.slack import blocks, grammar, network_commands, works
from tests.adapters.slack import judge
from tests.checks import networks as looked
from tests.checks import worlds
from tests.flow import networks

FAILED = (
    "I0102 15:04:05.000000       1 main.go:200] Could not find valid interface matching "
    "eth1|bond1: failed to find IPv4 address for interface veth17f90f70\n"
    "E0102 15:04:05.000000       1 main.go:289] Failed to find interface to use that matches "
    "the interfaces and/or regexes provided\n"
)


def troubled() -> networks.World:
    """Six workers: one that lost its routes, one that a restart would break, one not seen."""
    world = networks.cluster(
        6,
        prefix="worker-",
        flags=worlds.STORY_FLAGS,
        bends={"worker-2": [looked.trapped], "worker-3": [looked.without_entries]},
        at=networks.NOW + timedelta(seconds=2),
    )
    world.looks.given["worker-5"] = "the node did not answer within 15 s"
    world.logs.kept["kube-flannel-worker-2", False] = FAILED
    return world


def answer(command: str) -> str:
    """What a command is answered with there, as read on a screen."""
    request = grammar.parse(command)
    assert isinstance(request, grammar.Request), request

    async def asked() -> str:
        page = await network_commands.answer(troubled().network, request, works.Work("U1", command))
        rendered = blocks.render(page)
        judge.judge(rendered)
        return judge.seen(rendered)

    return asyncio.run(asked())
