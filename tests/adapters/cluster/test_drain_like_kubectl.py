"""The bot's drain and kubectl's agree, pod for pod, on nodes with all sorts of pods."""

import asyncio
import json
import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.cluster import actuator
from bot.domain import drain
from bot.flow import actuation
from tests.adapters.cluster.conftest import Clock, World
from tests.adapters.cluster.scripted import Server
from tests.sim import api, kubectls, parts

pytestmark = pytest.mark.real("kubectl")

NODES = [f"node-{number}" for number in range(12)]


def owner(kind: str, name: str, *, controller: bool = True) -> dict[str, Any]:
    version = "v1" if kind == "Node" else "apps/v1"
    reference = {"apiVersion": version, "kind": kind, "name": name, "uid": "u"}
    return reference | ({"controller": True} if controller else {})


OWNERS: Mapping[str, list[dict[str, Any]]] = {
    "nobody": [],
    "replicaset": [owner("ReplicaSet", "web")],
    "statefulset": [owner("StatefulSet", "db")],
    "job": [owner("Job", "once")],
    "daemonset": [owner("DaemonSet", "agent")],
    "lostdaemonset": [owner("DaemonSet", "lost")],
    "uncontrolled": [owner("DaemonSet", "agent", controller=False)],
    "twoowners": [owner("Node", "x", controller=False), owner("ReplicaSet", "web")],
}
MIRROR = {"kubernetes.io/config.mirror": "abc"}
VOLUMES = {
    "": [],
    "scratch": [{"name": "v", "emptyDir": {}}],
    "host": [{"name": "v", "hostPath": {"path": "/x"}}],
}
SPARED = {"nobody": "job", "lostdaemonset": "statefulset", "uncontrolled": "job"}
ENDED = ("Succeeded", "Failed")
PHASES = ("Running", "Running", "Pending", "Succeeded", "Failed")


def pods(rng: random.Random) -> list[dict[str, Any]]:
    """All sorts of pods, each on a node drawn for it."""
    kinds = [(kind, volume, phase) for kind in OWNERS for volume in VOLUMES for phase in PHASES]
    return [
        pod(rng, f"p{number}", rng.randrange(len(NODES)), *kind)
        for number, kind in enumerate(kinds)
    ]


def pod(
    rng: random.Random, name: str, place: int, kind: str, volume: str, phase: str
) -> dict[str, Any]:
    # Two of three nodes are spared some of what forbids a drain, or hardly any would go through.
    if place % 3 and phase not in ENDED:
        kind = SPARED.get(kind, kind)
    if place % 3 == 1 and volume == "scratch":
        volume = "host"
    found = api.pod(
        f"{name}-{kind}-{volume or 'none'}-{phase.lower()}",
        nodeName=NODES[place],
        volumes=VOLUMES[volume],
    )
    if OWNERS[kind]:
        found["metadata"]["ownerReferences"] = OWNERS[kind]
    if rng.random() < 0.1:
        found["metadata"]["annotations"] = MIRROR
    return found | {"phase": phase}


@dataclass
class Drained:
    """What kubectl did with a set of nodes, as it tells it."""

    evicted: set[str]
    forbidden: set[str]
    ignored: set[str]


_FIRST_LIKE_TODAY = 22
"""Before, kubectl drained by policy/v1beta1, looked for CRDs and judged pending pods otherwise."""


async def start(kubeconfig: Path, *arguments: str) -> asyncio.subprocess.Process:
    command = kubectls.found()[0]
    if kubectls.minor(command) < _FIRST_LIKE_TODAY:
        pytest.skip(f"{command} is too old: it drains otherwise")
    return await asyncio.create_subprocess_exec(
        command,
        "--kubeconfig",
        str(kubeconfig),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(kubeconfig.parent)},
    )


async def kubectl(kubeconfig: Path, *arguments: str) -> str:
    process = await start(kubeconfig, *arguments)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode()


async def dry_drain(kubeconfig: Path, *flags: str) -> "Drained":
    """Let kubectl say what it would do; it asks so slowly that several share the nodes."""
    told = await asyncio.gather(
        *(
            kubectl(kubeconfig, "drain", *some, "--ignore-daemonsets", "--dry-run=client", *flags)
            for some in (NODES[n : n + 3] for n in range(0, len(NODES), 3))
        )
    )
    return read("".join(told))


def read(text: str) -> Drained:
    evicted = set(re.findall(r"evicting pod (\S+)", text))
    forbidden, ignored = set[str](), set[str]()
    for line in text.splitlines():
        names = set(re.findall(r"shop/p\d+-[a-z0-9-]+", line))
        if line.startswith("Warning: ignoring DaemonSet-managed Pods"):
            ignored |= names
        elif "cannot delete" in line or "not found" in line:
            forbidden |= names
    return Drained(evicted, forbidden, ignored)


async def furnish(cluster: api.Api) -> None:
    objects = cluster.registry
    objects.create("namespaces", "", {"metadata": {"name": "shop"}})
    objects.create("daemonsets", "shop", api.daemonset("agent"))
    for name in NODES:
        objects.create("nodes", "", {"metadata": {"name": name}})
    for each in pods(random.Random(11)):
        phase = each.pop("phase")
        objects.create("pods", "shop", each)
        objects.patch(
            "pods",
            "shop",
            each["metadata"]["name"],
            {"status": {"phase": phase}},
            kind="merge",
            subresource="status",
        )


async def test_a_drain_moves_what_kubectl_would_move_and_forbids_what_it_forbids(
    tmp_path: Path,
) -> None:
    async with api.serving() as cluster:
        await furnish(cluster)
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(cluster.server.kubeconfig(api.TOKEN)))
        async with World(Server(), kubeconfig).client() as client:
            hand = actuator.Actuator(client, clock=Clock())
            found = {node: await hand.pods_on(node) for node in NODES}
        for flags, ticked in (((), False), (("--delete-emptydir-data",), True)):
            theirs = await dry_drain(kubeconfig, *flags)
            ours = {
                node: drain.decide(each, delete_empty_dir=ticked) for node, each in found.items()
            }
            going = {node: each for node, each in ours.items() if not each.forbids}
            assert 2 < len(going) < len(NODES)
            assert theirs.forbidden == {
                one.pod.place for each in ours.values() for one in each.forbids
            }
            assert theirs.evicted == {
                one.pod.place for each in going.values() for one in each.evict
            }
            assert theirs.ignored == {
                one.pod.place
                for each in going.values()
                for one in each.stays
                if one.reason.startswith("belongs to")
            }


async def test_a_budget_that_holds_kubectl_up_is_told_at_once(tmp_path: Path) -> None:
    async with api.serving() as cluster:
        objects = cluster.registry
        with parts.controllers(objects, speed=50.0, scheduler=False):
            objects.create("namespaces", "", {"metadata": {"name": "shop"}})
            objects.create("nodes", "", {"metadata": {"name": "node-0"}})
            selector = {"matchLabels": {"app": "web"}}
            spec = {"minAvailable": 1, "selector": selector}
            objects.create(
                "poddisruptionbudgets", "shop", {"metadata": {"name": "b"}, "spec": spec}
            )
            ready = {"type": "Ready", "status": "True"}
            for name, app in (("p1-held", "web"), ("p2-free", "other")):
                pod = api.pod(name, labels={"app": app}, nodeName="node-0")
                pod["metadata"]["ownerReferences"] = OWNERS["statefulset"]
                objects.create("pods", "shop", pod)
                status = {"phase": "Running", "conditions": [ready]}
                objects.patch(
                    "pods", "shop", name, {"status": status}, kind="merge", subresource="status"
                )
            await api.until(
                lambda: objects.get("poddisruptionbudgets", "shop", "b")["status"]["currentHealthy"]
            )
            kubeconfig = tmp_path / "kubeconfig"
            kubeconfig.write_text(json.dumps(cluster.server.kubeconfig(api.TOKEN)))
            async with World(Server(), kubeconfig).client() as client:
                hand = actuator.Actuator(client, clock=Clock())
                answers = {}
                for pod in await hand.pods_on("node-0"):
                    try:
                        await hand.evict("shop", pod.name, uid=pod.uid, dry_run=True)
                        answers[pod.place] = ""
                    except actuation.Blocked as blocked:
                        answers[pod.place] = str(blocked)
            assert answers["shop/p2-free"] == ""
            assert (
                "The disruption budget b needs 1 healthy pods and has 1" in answers["shop/p1-held"]
            )
            process = await start(kubeconfig, "drain", "node-0", "--dry-run=server")
            assert process.stdout is not None
            try:
                async with asyncio.timeout(30):
                    async for line in process.stdout:
                        held = re.search(r'error when evicting pods/"(\S+)"', line.decode())
                        if held is not None:
                            break
            finally:
                process.kill()
                await process.communicate()
            assert held is not None
            assert [f"shop/{held.group(1)}"] == [place for place, why in answers.items() if why]
