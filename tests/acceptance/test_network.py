"""Questions about nodes' networks to the running bot, held against the pretend cluster's truth."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-a")]


async def asked(outside: processes.Outside, text: str) -> str:
    """Type a command; return its answer, progress left out."""
    before = len(await whispers(outside))
    told = await outside.command(text)
    assert told["ok"], told

    async def answer() -> str | None:
        new = [one["text"] for one in (await whispers(outside))[before:]]
        return next((one for one in new if not one.startswith(("Looking", "查看中"))), None)

    return str(await processes.until(answer, what=f"an answer to {text!r}"))


async def whispers(outside: processes.Outside) -> list[dict[str, Any]]:
    url = f"{outside.slack_control}/messages"
    async with outside.session.get(url, params={"channel": "C0ALERTS"}) as answer:
        return (await answer.json())["ephemerals"]


async def test_a_crash_looping_node_is_told_with_its_cause_and_cure(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=12, seed=3, speed=10) as outside:
        async with processes.started("run", environment=outside.environment()) as bot:
            await processes.bot_ready(bot, outside.session)
            node = next(name for name in (await outside.truth())["nodes"] if "phys" in name)
            await outside.fault("matching_veth", nodes=[node], params={"restart": False})
            nics = await asked(outside, f"nics {node}")
            assert re.search(r"veth1\w+ of pod [a-z]+/[a-z0-9-]+, hit by eth1\|bond1", nics), nics
            await outside.heal("matching_veth")
            await outside.fault("matching_veth")

            async def looping() -> list[str]:
                return (await outside.truth())["summary"]["crash_looping_nodes"]

            (node, *_) = await processes.until(looping, within=90, what="a crash loop")

            async def told() -> str:
                text = await asked(outside, f"logs {node}")
                assert "The NIC pattern also matched a pod's virtual NIC" in text
                return text

            log = await processes.until(told, what="a failed start in the log")
            assert "failed to find IPv4 address for interface veth" in log
            assert "Anchor the pattern" in log
            other = await asked(outside, f"nics {node[:-1]}x")
            assert f"there is no node '{node[:-1]}x'; the nearest are" in other
            assert await bot.end() == 0


FAULTS = {
    "route_missing": "Route missing",
    "neighbour_missing": "Neighbour missing",
    "device_bounced": "Device bounced",
    "device_gone": "Device missing",
    "stale_route": "Route stale",
}
"""The pretend machines' faults of their networks, and what the bot calls them."""


async def test_what_the_bot_says_of_networks_is_so(tmp_path: Path) -> None:
    """Every node by its truth, then a fault on each of some, then their cure."""
    async with processes.outside(tmp_path, nodes=20, seed=1, speed=10) as outside:
        async with processes.started("run", environment=outside.environment()) as bot:
            await processes.bot_ready(bot, outside.session)
            truth = (await outside.truth())["nodes"]
            for name in ("cp-1", "phys-01", "vm-03"):
                text = await asked(outside, f"nics {name}")
                one = truth[name]
                assert f"Now  {one['chosen_nic']} {one['chosen_address']}" in text, text
                for nic in one["nics"]:
                    shown = nic["name"] in text
                    assert shown or nic["name"].startswith("veth") or nic["name"] == "lo", nic
            whole = await asked(outside, "routes --all")
            assert "routes · 🟢 right on all nodes" in whole, whole
            assert "20 of 20 nodes" in whole
            safe = await asked(outside, "simulate ^(?:eth1|bond1)$")
            assert "simulation · 🟢 Unchanged 20" in safe
            public = await asked(outside, "simulate --iface eth0")
            with_public = [name for name, one in truth.items() if one["public_address"]]
            changed = re.search(r"🟠 Changes (\d+)", public)
            assert changed, public
            assert int(changed[1]) == len(with_public)
            nodes = [name for name in sorted(truth) if name.startswith("vm-")]
            for name, fault in zip(nodes, FAULTS, strict=False):
                await outside.fault(fault, nodes=[name])
            for name, fault in zip(nodes, FAULTS, strict=False):
                # A look may be two seconds old, and of all nodes ten.
                async def told(name: str = name) -> str:
                    text = await asked(outside, f"routes {name}")
                    assert "right" not in text.splitlines()[0], text
                    return text

                text = await processes.until(told, within=20, what=f"{fault} on {name}")
                assert "Cause" in text
                assert "Do" in text

            async def all_told() -> bool:
                fleet = await asked(outside, "routes --all")
                for name, what in zip(nodes, FAULTS.values(), strict=False):
                    assert what in fleet, fleet
                    assert name in fleet
                return True

            await processes.until(all_told, within=40, what="all of them in one answer")
            for fault in FAULTS:
                await outside.heal(fault)
            assert await bot.end() == 0
