"""Clusters that a changed configuration leaves as they are are read on, and asked for no list."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot import keeping
from tests.adapters.cluster.scripted import Server, serving, write_kubeconfig
from tests.wire import between
from tests.wire.between import Between


def clusters(monkeypatch: pytest.MonkeyPatch, **named: Path) -> None:
    entries: list[dict[str, Any]] = [
        {"name": name, "kubeconfig": str(path)} for name, path in named.items()
    ]
    monkeypatch.setenv("FLANNEL_BOT_CLUSTERS", json.dumps(entries))


def read(on: Between, since: int) -> list[tuple[str, str]]:
    """What was listed and watched, but for what a bot has left behind and asks for by label."""
    return [
        (entry["verb"], entry["resource"])
        for entry in on.kube.server.requests.since(since)
        if entry["verb"] in ("list", "watch") and "labelSelector" not in entry["query"]
    ]


async def test_clusters_come_and_go_and_the_others_are_asked_for_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        between.between(tmp_path, monkeypatch) as on,
        serving(Server()) as other,
        keeping.Keeping(on.clock) as keep,
    ):
        sim = tmp_path / "kubeconfig"
        west = write_kubeconfig(tmp_path / "west", other.url)
        async with on.running(keep):
            await on.ready()
        first = on.kube.server.requests.last
        assert "list" in {verb for verb, _ in read(on, 0)}
        watching = on.kube.server.watching
        assert watching, "they stay open while nobody runs"

        on.node("node-2", well=False)
        clusters(monkeypatch, sim=sim, west=west)
        async with on.running(keep):
            await on.ready()
            # What happened between the two is seen all the same.
            await on.until(lambda: on.knows(1))
        assert any(not one.watch for one in other.requests), "the new one is listed"

        seen = len(other.requests)
        clusters(monkeypatch, sim=sim)
        async with on.running(keep):
            await on.ready()
            parts = await on.bot._parts() if on.bot else {}
            assert "mirror/west" not in parts
        assert len(other.requests) == seen
        assert not any(other.open.values()), "the watches of what is taken out end"
        assert read(on, first) == []
        assert on.kube.server.watching == watching

        # Read otherwise than before, it begins anew.
        monkeypatch.setenv("FLANNEL_BOT_MIRROR__PAGE_SIZE", "7")
        async with on.running(keep):
            await on.ready()
        assert "list" in {verb for verb, _ in read(on, first)}
