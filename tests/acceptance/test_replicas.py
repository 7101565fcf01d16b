"""Two processes, one PostgreSQL, one pretend cluster: one leads, whatever becomes of either."""

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance import forge, processes
from tests.acceptance.test_remediation import card, container
from tests.adapters.store.conftest import Cluster, postgresql  # noqa: F401  # a fixture
from tests.relay import Relay, relaying

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.real("postgresql"),
    pytest.mark.xdist_group("acceptance-c"),
]

QUICK = {
    "FLANNEL_BOT_REPLICAS__ENABLED": "true",
    "FLANNEL_BOT_REPLICAS__LASTS": "3",
    "FLANNEL_BOT_REPLICAS__RENEW_WITHIN": "2",
    "FLANNEL_BOT_REPLICAS__RETRY": "0.4",
}


@dataclass
class Replica:
    """One copy of the bot, with ways of its own to the API server and to the database."""

    process: processes.Process
    session: aiohttp.ClientSession
    api: Relay
    database: Relay
    base: str = ""

    async def ready(self) -> None:
        self.base = await processes.bot_ready(self.process, self.session)

    async def leads(self) -> bool:
        limit = aiohttp.ClientTimeout(total=5)
        async with self.session.get(f"{self.base}/metrics", timeout=limit) as answer:
            return "flannel_bot_leader 1.0" in await answer.text()


@dataclass
class World:
    outside: processes.Outside
    database: Cluster
    name: str

    @contextlib.asynccontextmanager
    async def replica(self, *, ahead: float = 0) -> AsyncIterator[Replica]:
        """Start one, on a machine whose clock is so many seconds ahead."""
        kube = int(self.outside.cluster["kube_api"].rpartition(":")[2])
        async with relaying(kube) as api, relaying(self.database.port) as database:
            config = self.outside.directory / f"kubeconfig-{api.port}"
            text = self.outside.kubeconfig.read_text()
            config.write_text(re.sub(rf":{kube}\b", f":{api.port}", text))
            url = self.database.url(self.name).replace(
                f":{self.database.port}/", f":{database.port}/"
            )
            environment = self.outside.environment(
                **self.outside.remedying(),
                **QUICK,
                FLANNEL_BOT_CLUSTERS=json.dumps([{"name": "sim", "kubeconfig": str(config)}]),
                FLANNEL_BOT_DATABASE__URL=url,
                **{forge.AHEAD: str(ahead)},
            )
            async with processes.started("run", environment=environment) as process:
                try:
                    yield Replica(process, self.outside.session, api, database)
                finally:
                    # One that is stopped hears no other signal.
                    with contextlib.suppress(ProcessLookupError):
                        process.process.send_signal(signal.SIGCONT)

    async def patches(self) -> list[dict]:
        return [
            one
            for one in await self.outside.requests()
            if one["verb"] == "patch"
            and one["path"].endswith("kube-flannel-ds-amd64")
            and "dryRun" not in one["query"]
        ]

    async def no_message_is_doubled(self) -> None:
        cards = [
            one["metadata"]["event_payload"]
            for one in await self.outside.cards()
            if one.get("metadata")
        ]
        for kind, named in (("card", "incident"), ("plan", "plan")):
            shown = [one[named] for one in cards if one["kind"] == kind]
            assert len(shown) == len(set(shown)), cards


@pytest.fixture
async def world(tmp_path: Path, postgresql: Cluster) -> AsyncIterator[World]:  # noqa: F811
    async with processes.outside(tmp_path, nodes=6, seed=3, speed=40) as outside:
        yield World(outside, postgresql, postgresql.create())


async def leading(*replicas: Replica, within: float = 20) -> Replica:
    async def one() -> list[Replica]:
        found = [each for each in replicas if await each.leads()]
        assert len(found) < 2, "two lead"
        return found

    return (await processes.until(one, within=within, what="a leader"))[0]


async def test_a_leader_frozen_past_its_lease_does_nothing_when_it_wakes(world: World) -> None:
    """Both begin on an empty database; the plan is carried out once, and told once.

    Their clocks differ by far more than a lease lasts, which nobody may judge it by.
    """
    async with world.replica(ahead=40) as one, world.replica() as two:
        await asyncio.gather(one.ready(), two.ready())
        leader = await leading(one, two)
        other = two if leader is one else one
        trouble = await card(world.outside, "also matches pods' NICs")
        await world.outside.click(trouble, "propose_fix", "U0OPERATOR")
        asked = await card(world.outside, "Approval needed", "PLAN-1")
        await world.outside.click(asked, "approve_plan", "U0APPROVER")
        await card(world.outside, "PLAN-1", "RUN-1")
        leader.process.process.send_signal(signal.SIGSTOP)
        assert await leading(other) is other
        await card(world.outside, "Done", "PLAN-1", "RUN-1")
        leader.process.process.send_signal(signal.SIGCONT)

        async def follows() -> bool:
            return not await leader.leads()

        await processes.until(follows, what="the frozen one following")
        assert len(await world.patches()) == 1
        after = await container(world.outside)
        assert "--iface-regex=^(?:eth1|bond1)$" in after["args"]
        await world.no_message_is_doubled()
        told = await world.outside.command("status")
        assert told["ok"], told
        assert await other.process.end(signal.SIGKILL) == -signal.SIGKILL
        assert await leading(leader) is leader
        await world.outside.fault("flannel_crash")

        async def crash_is_told() -> bool:
            return any("crash" in one["text"] for one in await world.outside.cards())

        await processes.until(crash_is_told, what="the crash told by the one that is left")
        await world.no_message_is_doubled()
        assert await leader.process.end() == 0


@pytest.mark.trial
async def test_one_leads_whatever_is_cut_or_killed_and_no_click_is_lost(world: World) -> None:
    async with world.replica() as one, world.replica() as two:
        await asyncio.gather(one.ready(), two.ready())
        leader = await leading(one, two)
        other = two if leader is one else one

        # Cut off from the lease.
        leader.api.cut()

        async def took_over() -> bool:
            assert not (await leader.leads() and await other.leads()), "two lead"
            return await other.leads()

        await processes.until(took_over, what="the other leading")
        leader.api.heal()

        # Cut off from the store.
        leader, other = other, leader
        leader.database.cut()
        await processes.until(took_over, what="the first leading again")
        leader.database.heal()

        # Killed, while a third has come: a rolling update gone wrong.
        leader, other = other, leader
        async with world.replica() as third:
            await third.ready()
            assert await leader.process.end(signal.SIGKILL) == -signal.SIGKILL
            await leading(other, third)
            # Stopped as in a rolling update: whoever is left answers.
            asking = asyncio.create_task(other.process.end())
            while not asking.done():
                answered = await world.outside.command("status")
                assert answered["ok"], answered
            assert await asking == 0
            await leading(third)
            await world.outside.fault("flannel_crash")

            async def told() -> bool:
                return any("crash" in one["text"] for one in await world.outside.cards())

            await processes.until(told, what="the crash told by the last one")
            await world.no_message_is_doubled()
            assert await third.process.end() == 0
