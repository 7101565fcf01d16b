"""The lease as a lock, at a real API server's word."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.cluster import actuator, client, lease
from bot.domain import errors, patch
from bot.domain.leadership import Record
from bot.domain.target import Target
from tests.adapters.cluster.conftest import FAST, Clock, Telemetry
from tests.sim import api

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""A whole second: written without its six zeros it would be refused."""
MINE = Record("pod-a/1", 15.0, acquired_at=AT, renewed_at=AT)


@pytest.fixture
async def server() -> AsyncIterator[api.Api]:
    async with api.serving() as served:
        yield served


@pytest.fixture
async def held(server: api.Api, tmp_path: Path) -> AsyncIterator[lease.Lease]:
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(server.server.kubeconfig(api.TOKEN)))
    options = replace(FAST, kubeconfig=path)
    async with client.Client(options, clock=Clock(), telemetry=Telemetry()) as reached:
        yield lease.Lease(reached, namespace="kube-system", name="flannel-bot")


async def test_it_is_made_renewed_given_back_and_taken(held: lease.Lease) -> None:
    assert await held.read() is None
    made = await held.write(MINE)
    assert made == replace(MINE, version=made.version)
    assert await held.read() == made
    renewed = await held.write(replace(made, renewed_at=AT + timedelta(seconds=2)))
    assert renewed.version != made.version
    free = await held.write(replace(renewed, holder="", lasts=0.2))
    assert (free.holder, free.lasts) == ("", 1.0)
    taken = await held.write(replace(MINE, holder="pod-b/1", transitions=1, version=free.version))
    assert (taken.holder, taken.transitions) == ("pod-b/1", 1)


async def test_only_one_of_two_makes_it_and_only_one_replaces_a_version(
    held: lease.Lease,
) -> None:
    made = await held.write(MINE)
    with pytest.raises(errors.Conflict):
        await held.write(replace(MINE, holder="pod-b/1"))
    await held.write(replace(made, renewed_at=AT + timedelta(seconds=1)))
    with pytest.raises(errors.Conflict):
        await held.write(replace(made, holder="pod-b/1"))
    found = await held.read()
    assert found is not None
    assert found.holder == "pod-a/1"


async def test_what_is_forbidden_is_refused_and_what_fails_is_unavailable(
    server: api.Api, held: lease.Lease
) -> None:
    made = await held.write(MINE)
    server.server.switchboard.set("error", {"resource": "leases", "code": 403})
    with pytest.raises(errors.Refused, match="not allowed to update lease kube-system/flannel-bot"):
        await held.write(made)
    with pytest.raises(errors.Refused):
        await held.read()
    server.server.switchboard.set("error", {"resource": "leases", "code": 500})
    for asked in (held.read(), held.write(made)):
        with pytest.raises(errors.Unavailable):
            await asked


async def test_a_lease_that_others_wrote_oddly_is_read_as_far_as_it_goes(
    server: api.Api, held: lease.Lease
) -> None:
    odd = {"metadata": {"name": "flannel-bot"}, "spec": {"holderIdentity": "somebody"}}
    server.registry.create("leases", "kube-system", odd)
    found = await held.read()
    assert found is not None
    assert (found.holder, found.lasts, found.renewed_at) == ("somebody", 1.0, None)


async def test_it_asks_for_no_right_but_those_declared(server: api.Api, held: lease.Lease) -> None:
    await held.read()
    made = await held.write(MINE)
    await held.write(made)
    asked = {(one["verb"], one["resource"]) for one in server.server.requests.since(0)}
    assert asked == {(right.verb, right.resource) for right in lease.RIGHTS}


async def test_a_process_that_leads_no_more_writes_nothing(
    server: api.Api, held: lease.Lease
) -> None:
    """Asked just before each write: a frozen one wakes in the middle of what it was about to do."""
    server.registry.create("daemonsets", "kube-system", api.daemonset("flannel"))
    found = server.registry.get("daemonsets", "kube-system", "flannel")
    uid, leads = found["metadata"]["uid"], True
    hand = actuator.Actuator(held._api, clock=Clock(), leads=lambda: leads)
    target = Target("test", "DaemonSet", "kube-system", "flannel")
    change = (
        patch.Operation("test", "/metadata/uid", uid),
        patch.Operation("add", "/spec/minReadySeconds", 5),
    )
    leads = False
    await hand.patch_daemonset(target, change, operation="RUN-1", dry_run=True)
    for write in (
        hand.patch_daemonset(target, change, operation="RUN-1"),
        hand.delete_pod("kube-system", "flannel-x", uid=uid),
        hand.evict("kube-system", "flannel-x", uid=uid),
    ):
        with pytest.raises(errors.Unavailable, match="leads no more"):
            await write
    sent = [one for one in server.server.requests.since(0) if one["method"] != "GET"]
    assert [one for one in sent if "dryRun=All" not in one["query"]] == []
    leads = True
    await hand.patch_daemonset(target, change, operation="RUN-1")
