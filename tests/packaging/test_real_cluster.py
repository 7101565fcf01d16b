"""`make test-cluster`: the chart and the cluster's adapters against the cluster that KUBECONFIG names.

It works in namespaces of its own and removes all that it made. It runs no pods: those it makes wait
for a node that is not there.
"""

import asyncio
import json
import os
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.adapters import clock, telemetry
from bot.adapters.cluster import actuator, client, lease, mirror, reader
from bot.adapters.cluster import options as cluster_options
from bot.domain import errors, patch
from bot.domain.leadership import Record
from bot.domain.target import Target
from tests.packaging import chart

KUBECONFIG = os.environ.get("KUBECONFIG", "")
NAME = f"flannel-bot-test-{secrets.token_hex(3)}"
NOWHERE = {"flannel-bot.io/no-such-node": NAME}
OPTIONAL = {"ServiceMonitor", "PrometheusRule"}
IN_THE_CLUSTER = {
    "ClusterRoleBinding": "reread",
    "ClusterRole": "reread",
    "ValidatingAdmissionPolicyBinding": "daemonset",
    "ValidatingAdmissionPolicy": "daemonset",
}
"""What is made outside of the namespace, by the end of its name."""
UNSERVED = ("no matches for kind", "could not find the requested resource")
PAUSE = "registry.k8s.io/pause:3.9"

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not KUBECONFIG, reason="KUBECONFIG names no cluster"),
]


def kubectl(*words: str, given: Any = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "--kubeconfig", KUBECONFIG, *words],
        input=None if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        check=check,
    )


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A namespace of our own, gone at the end, with whatever bears its name in the cluster."""
    kubectl("create", "namespace", NAME)
    yield NAME
    for kind, end in IN_THE_CLUSTER.items():
        kubectl("delete", kind, f"{NAME}-{end}", "--ignore-not-found", check=False)
    kubectl("delete", "namespace", NAME, "--wait=false")


@pytest_asyncio.fixture
async def api() -> AsyncIterator[client.Client]:
    given = cluster_options.Options(name="real", kubeconfig=Path(KUBECONFIG), namespaces=(NAME,))
    told = telemetry.PrometheusTelemetry("test")
    async with client.Client(given, clock=clock.SystemClock(), telemetry=told) as made:
        yield made


def values() -> chart.Object:
    return chart.merged(
        chart.LEAST,
        {
            "flannel": {"namespace": NAME, "daemonsets": ["flannel"], "container": "flannel"},
            "namespaces": [],
            "config": {
                "inspection": {"probe_pods": "on", "exec_in_pods": True},
                "remediation": {"enabled": True},
            },
        },
    )


def daemonset() -> chart.Object:
    labels = {"app": "flannel"}
    container = {
        "name": "flannel",
        "image": PAUSE,
        "args": ["--iface-regex=eth1|bond1"],
        "resources": {"limits": {"memory": "50Mi"}, "requests": {"memory": "50Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "flannel", "namespace": NAME},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeSelector": NOWHERE, "containers": [container]},
            },
        },
    }


def pod(name: str) -> chart.Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAME},
        "spec": {"nodeSelector": NOWHERE, "containers": [{"name": "pause", "image": PAUSE}]},
    }


def test_every_manifest_applies_by_a_dry_run_of_the_server(place: str) -> None:
    refused, unserved = [], set()
    for each in chart.render(values(), name=place, namespace=place):
        done = kubectl("apply", "--dry-run=server", "-f", "-", given=each, check=False)
        if any(words in done.stderr for words in UNSERVED):
            unserved.add(each["kind"])
        elif done.returncode:
            refused.append(f"{each['kind']} {each['metadata']['name']}: {done.stderr}")
    assert not refused
    if unserved - OPTIONAL:
        pytest.skip(f"all others apply; this server does not serve {sorted(unserved)}")


async def test_the_reader_sees_all_of_it(place: str, api: client.Client) -> None:
    seen = await reader.read_once(
        api, clock=clock.SystemClock(), is_flannel=lambda _: False, deadline=60
    )
    assert seen.nodes
    assert not seen.gaps


async def test_the_mirror_follows_what_comes_and_goes(place: str, api: client.Client) -> None:
    told = telemetry.PrometheusTelemetry("test")
    seen = mirror.Mirror(api, clock=clock.SystemClock(), telemetry=told, is_flannel=lambda _: False)
    running = asyncio.create_task(seen.run())

    async def until(wanted: bool) -> None:
        async with asyncio.timeout(60):
            while ((place, "watched") in seen.snapshot().pods) is not wanted:
                await seen.changed()

    try:
        async with asyncio.timeout(60):
            while seen.snapshot().gaps:
                await asyncio.sleep(0.1)
        await asyncio.to_thread(kubectl, "apply", "-f", "-", given=pod("watched"))
        await until(True)
        await asyncio.to_thread(kubectl, "-n", place, "delete", "pod", "watched", "--now")
        await until(False)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_guarded_patch_applies_once_and_leaves_its_mark(
    place: str, api: client.Client
) -> None:
    kubectl("apply", "-f", "-", given=daemonset())
    hand = actuator.Actuator(api, clock=clock.SystemClock())
    live = await hand.daemonset(place, "flannel")
    limit = "/spec/template/spec/containers/0/resources/limits/memory"
    change = (
        patch.Operation("test", "/metadata/uid", live.uid),
        patch.Operation("test", limit, "50Mi"),
        patch.Operation("replace", limit, "100Mi"),
    )
    target = Target("real", "DaemonSet", place, "flannel")
    await hand.patch_daemonset(target, change, operation="RUN-1", dry_run=True)
    after = await hand.patch_daemonset(target, change, operation="RUN-1")
    assert after.document["metadata"]["annotations"][actuator.OPERATION] == "RUN-1"
    with pytest.raises(errors.Conflict):
        await hand.patch_daemonset(target, change, operation="RUN-2")


async def test_an_eviction_names_its_pod_and_no_other(place: str, api: client.Client) -> None:
    kubectl("apply", "-f", "-", given=pod("evicted"))
    hand = actuator.Actuator(api, clock=clock.SystemClock())
    found = await hand.pod(place, "evicted")
    assert found is not None
    with pytest.raises(errors.BotError):
        await hand.evict(place, "evicted", uid="another")
    assert await hand.evict(place, "evicted", uid=found.uid, dry_run=True)
    assert await hand.evict(place, "evicted", uid=found.uid)
    async with asyncio.timeout(60):
        while await hand.pod(place, "evicted") is not None:
            await asyncio.sleep(0.5)
    assert not await hand.evict(place, "evicted", uid=found.uid)


async def test_a_lease_is_taken_by_one(place: str, api: client.Client) -> None:
    held = lease.Lease(api, namespace=place, name="leader")
    assert await held.read() is None
    now = datetime.now(UTC)
    first = await held.write(Record("one", 15, acquired_at=now, renewed_at=now))
    with pytest.raises(errors.Conflict):
        await held.write(Record("two", 15, acquired_at=now, renewed_at=now))
    second = await held.write(replace(first, holder="two"))
    with pytest.raises(errors.Conflict):
        await held.write(replace(first, holder="one"))
    assert (await held.read()) == second


def test_the_policy_refuses_what_the_rights_would_allow(place: str) -> None:
    """Applied for real: as the bot's account, another image is refused and other args pass."""
    # kubectl reads before it patches.
    names = {f"{place}-daemonset", f"{place}-patch", f"{place}-reread", place}
    kinds = {"Role", "RoleBinding", "ServiceAccount", *IN_THE_CLUSTER}
    wanted = [
        each
        for each in chart.render(values(), name=place, namespace=place)
        if each["metadata"]["name"] in names and each["kind"] in kinds
    ]
    kubectl("apply", "-f", "-", given=daemonset())
    for each in wanted:
        done = kubectl("apply", "-f", "-", given=each, check=False)
        if any(words in done.stderr for words in UNSERVED):
            pytest.skip(f"this server does not serve {each['kind']}")
        assert done.returncode == 0, done.stderr

    def patched(path: str, value: Any) -> str:
        change = [
            {"op": "replace", "path": f"/spec/template/spec/containers/0/{path}", "value": value}
        ]
        done = kubectl(
            "-n", place, "patch", "daemonset", "flannel", "--type=json", "-p", json.dumps(change),
            f"--as=system:serviceaccount:{place}:{place}", check=False,
        )  # fmt: skip
        return done.stderr if done.returncode else ""

    deadline = time.monotonic() + 60  # a policy takes some seconds until it is in force
    number = 0
    while not (said := patched("image", f"{PAUSE}-{number}")) and time.monotonic() < deadline:
        number += 1
        time.sleep(1)
    assert "flannel-bot may" in said
    assert patched("args", ["--iface-regex=^(?:eth1|bond1)$"]) == ""
