"""What the bot does passes within the roles and the policies of its chart, applied for real."""

import json
import ssl
from pathlib import Path

import aiohttp

from bot.adapters.cluster import actuator
from bot.domain import patch
from bot.domain.target import Target
from bot.flannel.inspection import Way
from tests.adapters.cluster import probing
from tests.adapters.cluster.conftest import Clock
from tests.adapters.cluster.probing import NAMESPACE, NEVER, NODE, Place
from tests.packaging import applied
from tests.sim import worlds

LIMIT = "/spec/template/spec/containers/0/resources/limits/memory"
RUN = "RUN-7"


async def becomes_the_account(place: Place) -> None:
    """From now on the place's kubeconfig is that of the chart's account."""
    made = place.cluster
    tls = ssl.create_default_context(cadata=made.api.certificates.authority.decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        token = await applied.token(made.url, made.token, session)
    place.kubeconfig.write_text(json.dumps(made.api.kubeconfig(token)))


async def changes(hands: actuator.Actuator, place: Place, name: str) -> None:
    """Every kind of step that a plan may have, on one node."""
    target = Target("test", "DaemonSet", NAMESPACE, applied.FLANNEL)
    before = await hands.daemonset(NAMESPACE, applied.FLANNEL)
    change = (
        patch.Operation("test", "/metadata/uid", before.uid),
        patch.Operation("replace", LIMIT, "256Mi"),
    )
    await hands.patch_daemonset(target, change, operation=RUN, dry_run=True)
    node = await hands.node(name)
    assert not (await hands.cordon(name, uid=node.uid, operation=RUN)).unschedulable
    assert await hands.uncordon(name, uid=node.uid, operation=RUN)
    flannel = worlds.flannel_on(place.cluster.world, name)["metadata"]
    assert await hands.delete_pod(NAMESPACE, flannel["name"], uid=flannel["uid"], dry_run=True)
    pod = next(one for one in await hands.pods_on(name) if not one.of_daemonset)
    assert await hands.evict(pod.namespace, pod.name, uid=pod.uid, dry_run=True)
    await hands.tell(target, uid=before.uid, reason="Raised", text=f"for {RUN}")


async def test_it_watches_looks_by_exec_and_by_a_probe_and_changes(tmp_path: Path) -> None:
    async with probing.crash_looping(tmp_path) as place:
        await becomes_the_account(place)
        other = next(one.name for one in place.cluster.world.hosts if one.name != NODE)
        async with place.bot() as bot:
            by_probe = await bot.inspector.node(NODE, max_age=NEVER)
            assert by_probe.way is Way.PROBE
            by_exec = await bot.inspector.node(other, max_age=NEVER)
            assert by_exec.way is Way.EXEC
            await place.gone()
            await changes(actuator.Actuator(bot.api, clock=Clock()), place, other)
        account = "system:serviceaccount:monitoring:flannel-bot"
        asked = [
            one for one in place.cluster.requests.since(place.began) if one["identity"] == account
        ]
        assert {"watch", "create", "delete", "patch"} <= {one["verb"] for one in asked}
        assert [one for one in asked if one["status"] >= 400] == []
