"""Probes and scrapes over HTTP."""

import json
import socket

import aiohttp
import pytest

from bot.adapters import health
from bot.domain import errors

WELL = health.Part(ok=True)


PARTS = {"slack": WELL, "store": WELL, "mirror/a": WELL}


class State:
    def __init__(self) -> None:
        self.alive = WELL
        self.parts = dict(PARTS)

    async def look(self) -> dict[str, health.Part]:
        return dict(self.parts)


async def asked(state: State, path: str) -> tuple[int, str]:
    server = health.HealthServer(
        health.Options(host="127.0.0.1", port=0),
        alive=lambda: state.alive,
        parts=state.look,
        metrics=lambda: b"# HELP x y\n",
    )
    port = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, await answer.text()
    finally:
        await server.stop()


async def test_ready_is_every_part_by_name() -> None:
    state = State()
    status, body = await asked(state, "/readyz")
    assert status == 200
    assert body == (
        '{"ok": true, "parts": {"slack": {"ok": true, "reason": ""}, '
        '"store": {"ok": true, "reason": ""}, "mirror/a": {"ok": true, "reason": ""}}}\n'
    )
    for name in state.parts:
        state.parts = {**PARTS, name: health.Part(ok=False, reason="gone")}
        status, body = await asked(state, "/readyz")
        assert status == 503
        assert f'"{name}": {{"ok": false, "reason": "gone"}}' in body


async def test_alive_does_not_depend_on_the_outside() -> None:
    state = State()
    state.parts = {name: health.Part(ok=False, reason="gone") for name in PARTS}
    status, body = await asked(state, "/healthz")
    assert status == 200
    assert set(json.loads(body)["parts"]) == set(PARTS)
    state.alive = health.Part(ok=False, reason="stuck")
    status, body = await asked(state, "/healthz")
    assert status == 503
    assert json.loads(body)["parts"]["loop"] == {"ok": False, "reason": "stuck"}


async def test_metrics_are_served_as_text() -> None:
    assert await asked(State(), "/metrics") == (200, "# HELP x y\n")


async def test_a_taken_port_is_told_by_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = health.HealthServer(
            health.Options(host="127.0.0.1", port=taken.getsockname()[1]),
            alive=lambda: WELL,
            parts=State().look,
            metrics=lambda: b"",
        )
        with pytest.raises(errors.Misconfigured, match=r"http\.port"):
            await server.start()
