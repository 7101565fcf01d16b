"""Reading once: logs, and a whole snapshot."""

import pytest

from bot.adapters.cluster import reader
from bot.domain import errors
from tests.adapters.cluster import objects
from tests.adapters.cluster.conftest import World, is_flannel
from tests.adapters.cluster.scripted import ALL_DAEMONSETS, NODES, PODS, Answer

LOG = f"{PODS}/kube-flannel-ds-x/log"


async def test_undecodable_bytes_do_not_hide_the_rest_of_a_log(world: World) -> None:
    world.server.lists(LOG, b"I0102 ok\n\xff\xfe\x80 torn\nF0102 Could not find valid interface\n")
    async with world.client() as api:
        text = await reader.Logs(api).tail(
            "kube-system", "kube-flannel-ds-x", "kube-flannel", previous=True, lines=40
        )
    assert text.startswith("I0102 ok\n")
    assert text.endswith("Could not find valid interface\n")
    query = world.server.requests[0].query
    assert query["container"] == "kube-flannel"
    assert query["tailLines"] == "40"
    assert query["previous"] == "true"
    assert int(query["limitBytes"]) >= 100_000


async def test_the_present_log_does_not_ask_for_the_previous(world: World) -> None:
    world.server.lists(LOG, b"")
    async with world.client() as api:
        await reader.Logs(api).tail(
            "kube-system", "kube-flannel-ds-x", "c", previous=False, lines=1
        )
    assert "previous" not in world.server.requests[0].query


async def test_a_log_that_is_not_there_is_unavailable_in_the_servers_words(world: World) -> None:
    said = 'previous terminated container "kube-flannel" in pod "x" not found'
    world.server.lists(LOG, Answer(objects.status(400, said, "BadRequest"), 400))
    async with world.client() as api:
        with pytest.raises(errors.Unavailable, match="previous terminated container"):
            await reader.Logs(api).tail(
                "kube-system", "kube-flannel-ds-x", "c", previous=True, lines=5
            )


async def test_names_from_the_cluster_cannot_leave_their_place_in_the_path(world: World) -> None:
    async with world.client() as api:
        with pytest.raises(errors.Unavailable):
            await reader.Logs(api).tail("a/b", "../../secrets?x=", "c", previous=False, lines=5)
    assert "secrets" in world.server.requests[0].path
    assert "x" not in world.server.requests[0].query
    assert world.server.requests[0].path.startswith("/api/v1/namespaces/")


async def test_a_snapshot_read_once_holds_what_was_listed(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a")]))
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p")]))
    flannel = objects.daemonset("canal", namespace="network")
    world.server.lists(ALL_DAEMONSETS, objects.listed("DaemonSet", [flannel]))
    world.server.lists(
        "/apis/apps/v1/namespaces/network/daemonsets", objects.listed("DaemonSet", [flannel])
    )
    async with world.client(discover=True) as api:
        seen = await reader.read_once(api, clock=world.clock, is_flannel=is_flannel, deadline=5)
    assert seen.gaps == ()
    assert set(seen.nodes) == {"a"}
    assert set(seen.pods) == {("kube-system", "p")}
    assert set(seen.daemonsets) == {("network", "canal")}
    assert not any(r.watch for r in world.server.requests)


async def test_what_fails_or_is_bad_becomes_a_gap_and_the_rest_is_there(world: World) -> None:
    bad = {**objects.pod("bad"), "status": []}
    world.server.lists(NODES, Answer(objects.status(403, "nodes is forbidden"), 403))
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p"), bad]))
    async with world.client() as api:
        seen = await reader.read_once(api, clock=world.clock, is_flannel=is_flannel, deadline=5)
    assert {gap.what for gap in seen.gaps} == {"nodes", "pods bad in kube-system"}
    assert set(seen.pods) == {("kube-system", "p")}


async def test_a_slow_server_does_not_hold_a_reader_beyond_its_deadline(world: World) -> None:
    world.server.lists(NODES, Answer(objects.listed("Node", []), after=60))
    world.server.lists(ALL_DAEMONSETS, Answer(objects.listed("DaemonSet", []), after=60))
    async with world.client(discover=True, request_timeout=60.0) as api:
        seen = await reader.read_once(api, clock=world.clock, is_flannel=is_flannel, deadline=0.3)
    assert not seen.sees("Node", "", "a")
    assert not seen.sees("DaemonSet", "anywhere", "x")
    assert "in time" in next(g.reason for g in seen.gaps if g.resource == "nodes")


async def test_a_cluster_that_is_not_there_is_all_gaps(world: World) -> None:
    world.server.guard = lambda r: Answer("<html>", 502)
    async with world.client() as api:
        seen = await reader.read_once(api, clock=world.clock, is_flannel=is_flannel, deadline=5)
    assert len(seen.gaps) == 5
    assert not seen.sees("Pod", "kube-system", "p")
