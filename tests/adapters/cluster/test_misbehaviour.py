"""The mirror beside an API server that misbehaves in every way it knows.

Whatever happens: what was seen is not forgotten, not seeing is told, and what changed meanwhile is
there as soon as the server can be read again.
"""

import dataclasses
import itertools
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.adapters.cluster import mirror
from bot.sim.cluster import misbehaviour
from tests.adapters.cluster.conftest import World
from tests.adapters.cluster.scripted import Server, eventually
from tests.sim import api

pytestmark = pytest.mark.asyncio(loop_scope="module")

Faults = dict[str, dict[str, Any]]
NODES = {"resource": "nodes"}
CUT = {"watch-cut": {"count": 1, **NODES}}
"""Who is cut off has to ask anew, and so meets what goes wrong with requests."""


@dataclasses.dataclass
class Beside:
    """A server and a mirror of it."""

    server: api.Api
    seen: mirror.Mirror
    names: itertools.count

    def strike(self, faults: Faults) -> None:
        for name, params in faults.items():
            self.server.server.switchboard.set(name, params)

    def heal(self) -> None:
        self.server.server.switchboard.clear_all()

    def appear(self) -> str:
        """A node that joins now."""
        name = f"node-{next(self.names)}"
        self.server.registry.create("nodes", "", {"metadata": {"name": name}})
        return name

    def nodes(self) -> set[str]:
        return set(self.seen.snapshot().nodes)

    def blind(self) -> list[str]:
        """Why nodes are not seen."""
        return [gap.reason for gap in self.seen.snapshot().gaps]

    async def well(self, *names: str) -> None:
        await eventually(lambda: set(names) <= self.nodes(), why=f"(not seen: {self.blind()})")
        await eventually(lambda: not self.blind(), why=f"(not seen: {self.blind()})")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def together(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Beside]:
    kubeconfig: Path = tmp_path_factory.mktemp("mirror") / "kubeconfig"
    options = dataclasses.replace(api.FAST, bookmark_interval=0.1)
    async with api.serving(options=options) as server:
        kubeconfig.write_text(json.dumps(server.server.kubeconfig(api.TOKEN)))
        world = World(Server(), kubeconfig)
        world.watched = lambda _: server.server.watching >= 4  # type: ignore[method-assign]
        async with world.mirrored(
            request_timeout=0.3, silence_after=0.4, probe_after=0.2, backoff=(0.02, 0.1)
        ) as seen:
            yield Beside(server, seen, itertools.count())


BLINDING: dict[str, tuple[Faults, str]] = {
    "refused connections": ({"refuse": {}}, "cannot connect"),
    "connections that are reset": ({"abort": NODES, **CUT}, "without an answer"),
    "410 of every list": (
        {"watch-gone": NODES, "error": {"code": 410, **NODES}, **CUT},
        "too old",
    ),
    "500 of a store that is too slow": ({"error": NODES, **CUT}, "500"),
    "504": ({"error": {"code": 504, **NODES}, **CUT}, "504"),
    "503 of a proxy, in plain text": ({"error": {"code": 503, **NODES}, **CUT}, "503"),
    "502 of a proxy, in HTML": ({"html": NODES, **CUT}, "502"),
    "200 of a proxy, in HTML": ({"html": {"code": 200, **NODES}, **CUT}, "an HTML page"),
    "429 and when to come again": ({"throttle": {"retry_after": 0, **NODES}, **CUT}, "429"),
    "an expired token": ({"unauthorized": NODES, **CUT}, "401"),
    "no right": ({"error": {"code": 403, **NODES}, **CUT}, "403"),
    "requests that hang": ({"hang": NODES, **CUT}, "did not answer"),
    "a storm of 410, and lists that fail": (
        {"watch-gone": NODES, "error": {"verb": "list", **NODES}, **CUT},
        "500",
    ),
    "watches that end at once, and lists in HTML": (
        {"watch-end": NODES, "html": {"verb": "list", **NODES}, "watch-gone": NODES, **CUT},
        "502",
    ),
}


@pytest.mark.parametrize("name", BLINDING)
async def test_who_cannot_see_keeps_what_was_seen_says_so_and_catches_up(
    together: Beside, name: str
) -> None:
    faults, why = BLINDING[name]
    await together.well(together.appear())
    before = together.nodes()
    together.strike(faults)
    try:
        await eventually(lambda: any(re.search(why, one) for one in together.blind()))
        missed = together.appear()
        assert together.nodes() == before
    finally:
        together.heal()
    await together.well(*before, missed)


BEARABLE: dict[str, Faults] = {
    "half a frame": {"watch-cut": {"count": 3, **NODES}},
    "a line that is no JSON": {"garbage-line": {"count": 2, **NODES}},
    "a watch that says nothing": {"watch-silent": NODES},
    "watches that end at once": {"watch-end": {"count": 4, **NODES}, **CUT},
    "a storm of 410": {"watch-gone": {"count": 4, **NODES}, **CUT},
    "slow answers": {"slow": {"seconds": 0.1, **NODES}, **CUT},
    "one reset in two": {"abort": {"probability": 0.5, **NODES}, **CUT},
    "one 500 in two": {"error": {"probability": 0.5, **NODES}, **CUT},
    "one 429": {"throttle": {"retry_after": 0, "count": 1, **NODES}, **CUT},
    "one token that is refused": {"unauthorized": {"count": 1, **NODES}, **CUT},
}


@pytest.mark.parametrize("name", BEARABLE)
async def test_what_can_be_read_in_spite_of_it_is_seen_while_it_lasts(
    together: Beside, name: str
) -> None:
    await together.well(together.appear())
    before = together.nodes()
    together.strike(BEARABLE[name])
    try:
        late = together.appear()
        await eventually(lambda: late in together.nodes(), why=f"({name})")
        assert together.nodes() == before | {late}
    finally:
        together.heal()
    await together.well(*before, late)


async def test_an_object_that_cannot_be_read_costs_only_itself_and_its_last_state_stays(
    together: Beside,
) -> None:
    broken = together.appear()
    await together.well(broken)
    together.strike({"bad-object": {"name": broken, **NODES}, **CUT})
    try:
        label = {"metadata": {"labels": {"touched": "yes"}}}
        together.server.registry.patch("nodes", "", broken, label, kind="merge")
        await eventually(together.blind)
        other = together.appear()
        await eventually(lambda: other in together.nodes())
        assert broken in together.nodes()
        assert all(broken in gap.what for gap in together.seen.snapshot().gaps)
    finally:
        together.heal()
    together.server.registry.patch(
        "nodes", "", broken, {"metadata": {"labels": {"touched": "again"}}}, kind="merge"
    )
    await together.well(broken, other)


async def test_nothing_that_a_reader_can_suffer_is_left_out() -> None:
    listed = [faults for faults, _ in BLINDING.values()] + list(BEARABLE.values())
    tried = set().union(*listed) | {"bad-object"}
    # A lost answer matters to who writes; measurements are not mirrored.
    assert tried == set(misbehaviour.FAULTS) - {"lose", "metrics-absent"}
