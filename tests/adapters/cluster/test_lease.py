"""The lease as a lock, at a real API server's word."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.cluster import client, lease
from bot.domain import errors
from bot.domain.leadership import Record
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
