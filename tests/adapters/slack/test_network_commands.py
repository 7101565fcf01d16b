"""Which question each command asks, of how fresh looks, and how long it may take."""

from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.slack import grammar, network_commands, vocabulary, works
from bot.domain import errors
from bot.flannel import rehearsal


class Asked(Exception):
    """What was asked."""


class Recorder:
    """A network that answers nothing and tells what it was asked."""

    def __getattr__(self, verb: str) -> Any:
        async def ask(*args: Any, **more: Any) -> None:
            shown = [one for one in args if not callable(one)]
            raise Asked(verb, *shown, *(f"{key}={value}" for key, value in more.items()))

        return ask


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("nics n1", ("nics", "n1")),
        ("nics --all", ("all_nics", "U1")),
        ("routes n1", ("routes", "n1")),
        ("routes", ("all_routes", "U1", f"max_age={timedelta(minutes=10)}")),
        ("routes --all", ("all_routes", "U1", f"max_age={timedelta(seconds=10)}")),
        ("simulate ^eth1$", ("simulate", "U1", f"asked={rehearsal.Asked(regex=('^eth1$',))}")),
        ("simulate --iface eth1", ("simulate", "U1", f"asked={rehearsal.Asked(iface=('eth1',))}")),
        ("logs n1", ("logs", "n1")),
        ("verify n1", ("verify", "n1")),
        ("verify", ("verify_all", "U1")),
        ("verify --all", ("verify_all", "U1")),
    ],
)
async def test_each_command_asks_one_question(typed: str, asked: tuple[str, ...]) -> None:
    request = grammar.parse(typed)
    assert isinstance(request, grammar.Request)
    work = works.Work("U1", typed)
    with pytest.raises(Asked) as found:
        await network_commands.answer(Recorder(), request, work)  # type: ignore[arg-type]
    assert found.value.args == asked
    assert work.shown


@pytest.mark.parametrize(
    ("typed", "long"),
    [
        ("nics n1", False), ("nics --all", True), ("routes", True), ("routes n1", False),
        ("simulate x", True), ("verify", True), ("logs n1", False), ("status", False),
    ],
)  # fmt: skip
def test_what_asks_all_nodes_may_take_longer(typed: str, long: bool) -> None:
    request = grammar.parse(typed)
    assert isinstance(request, grammar.Request)
    assert network_commands.all_nodes(request) is long


def test_every_command_about_networks_is_one_that_is_told() -> None:
    assert set(vocabulary.NAMES) > network_commands.NAMES


async def test_a_refusal_reaches_whoever_asked() -> None:
    class Refusing(Recorder):
        async def nics(self, node: str) -> None:
            raise errors.Refused(f"there is no node {node!r}")

    request = grammar.parse("nics n9")
    assert isinstance(request, grammar.Request)
    with pytest.raises(errors.Refused, match="n9"):
        await network_commands.answer(Refusing(), request, works.Work("U1", ""))  # type: ignore[arg-type]
