"""Small simulated worlds for tests, without the HTTP side, and waiting with a deadline."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from bot.sim.cluster import backends, registry, store, timing, world
from bot.sim.scenarios import scenario

FLANNEL = "kube-flannel-ds-amd64"


async def eventually(holds: Callable[[], Any], *, seconds: float = 60.0, what: str = "") -> Any:
    """Wait until something holds, and give back what it gave; patience costs only who fails."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = holds()
        if found:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"did not come to hold in {seconds} s: {what or holds}")
        await asyncio.sleep(0.005)


async def pass_time(one: world.World, seconds: float) -> None:
    """Let so many seconds of the simulation go by (in tests that run on virtual time)."""
    await asyncio.sleep(one.clock.real(seconds))


@contextlib.asynccontextmanager
async def living(
    *,
    nodes: int = 6,
    seed: int = 1,
    speed: float = 100.0,
    name: str = "healthy",
    backend: backends.Backend = backends.VXLAN,
    **changes: Any,
) -> AsyncIterator[world.World]:
    """A world that lives; every part of it must have worked when it ends."""
    plan = scenario.ALL[name]
    if changes:
        plan = scenario.Scenario(**{**plan.__dict__, **changes})
    api = registry.Registry(store.Store(), rng=random.Random(seed))
    clock = timing.Timing(speed=speed)
    one = world.World(api, clock, plan=plan, nodes=nodes, seed=seed, backend=backend)
    one.start()
    try:
        yield one
    finally:
        one.stop()
    assert clock.failures == 0, "a part of the world raised; see the log"


def pods(one: world.World, app: str = "flannel") -> list[dict[str, Any]]:
    """The system pods of one kind."""
    return [
        pod
        for pod in one.api.store.list("pods", "kube-system")
        if app in ((pod["metadata"].get("labels") or {}).get(key) for key in ("app", "k8s-app"))
    ]


def flannel_on(one: world.World, node: str) -> dict[str, Any]:
    """Flannel's pod on a node, the one that stays if there are two."""
    found = [pod for pod in pods(one) if pod["spec"].get("nodeName") == node]
    return min(found, key=lambda pod: "deletionTimestamp" in pod["metadata"])


def container_of(pod: dict[str, Any]) -> dict[str, Any]:
    """The status of a pod's first container."""
    return (
        pod["status"].get("containerStatuses")
        or [{"restartCount": 0, "state": {}, "lastState": {}}]
    )[0]


def condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    """A condition by type, or an empty one."""
    return next(
        (item for item in obj["status"].get("conditions") or () if item["type"] == kind), {}
    )


def daemonset(one: world.World, name: str = FLANNEL) -> dict[str, Any]:
    """One of the DaemonSets."""
    return one.api.get("daemonsets", "kube-system", name)
