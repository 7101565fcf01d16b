"""The queries on a real Prometheus that scrapes the pretend cluster."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import pytest_asyncio

from bot.adapters.metrics import prometheus
from bot.flow import memory_ports
from bot.sim import prometheus as scraping
from bot.sim.cluster import serve

pytestmark = [
    pytest.mark.real("prometheus"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("prometheus"),  # one server for all
]
MI = 2**20


@dataclass
class Scraped:
    url: str
    cluster: serve.SimulatedCluster

    @property
    def pods(self) -> dict[str, str]:
        return {one["pod"]: name for name, one in self.cluster.truth()["nodes"].items()}

    def wanted(self, **changes: object) -> memory_ports.Wanted:
        now = datetime.now(UTC)
        given: dict[str, object] = {
            "namespace": "kube-system", "daemonset": "kube-flannel-ds-amd64",
            "container": "kube-flannel", "since": now - timedelta(minutes=2),
            # Past now, so that one of the moments that are asked for is after the first scrape.
            "until": now + timedelta(seconds=16), "step": timedelta(seconds=15),
            "pods": self.pods,
        }  # fmt: skip
        return memory_ports.Wanted(**{**given, **changes})  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scraped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scraped]:
    directory = tmp_path_factory.mktemp("prometheus")
    options = serve.ClusterOptions(nodes=4, scenario="healthy", speed=1.0)
    cluster = serve.SimulatedCluster(options)
    await cluster.start()
    config = scraping.config(cluster, directory)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = await asyncio.create_subprocess_exec(
        shutil.which("prometheus") or "prometheus", f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        await _until_all_is_scraped(url, len(cluster.world.kubelets))
        yield Scraped(url, cluster)
    finally:
        server.kill()
        await server.wait()
        await cluster.stop()


async def _until_all_is_scraped(url: str, nodes: int) -> None:
    wanted = {
        'count(container_memory_working_set_bytes{container="kube-flannel"})': nodes,
        "count(kube_pod_info) > bool 0": 1,
    }
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        for query, number in wanted.items():
            while True:
                try:
                    params = {"query": query}
                    async with session.get(f"{url}api/v1/query", params=params) as answer:
                        found = (await answer.json())["data"]["result"]
                except (aiohttp.ClientError, KeyError):
                    found = []
                if found and int(found[0]["value"][1]) == number:
                    break
                await asyncio.sleep(0.1)


async def asked(scraped: Scraped, **changes: object) -> memory_ports.History:
    made = prometheus.Prometheus(prometheus.Options(scraped.url, token="not needed"))
    try:
        return await made.of(scraped.wanted(**changes))
    finally:
        made.close()


async def test_every_node_is_told_with_its_limit_and_the_kernels_mark(scraped: Scraped) -> None:
    found = await asked(scraped)
    assert [one.node for one in found.series] == sorted(scraped.cluster.truth()["nodes"])
    assert found.notes == ()
    for one in found.series:
        assert one.newest is not None
        assert 9 * MI < one.newest < 256 * MI
        assert one.peak is not None
        assert one.peak >= one.newest
        assert one.limits[-1][1] == 256 * MI
        assert one.mark is not None
        assert one.mark >= one.newest


async def test_what_is_now_is_told_also_where_no_step_has_come_since_scraping_began(
    scraped: Scraped,
) -> None:
    now = datetime.now(UTC)
    step = timedelta(days=1)
    found = await asked(scraped, since=now - step, until=now, step=step)
    assert len(found.series) == 4
    for one in found.series:
        assert one.newest_at == now
        assert one.newest is not None
        assert one.peak is not None
        assert one.peak >= one.newest > 9 * MI


async def test_one_node_is_told_alone(scraped: Scraped) -> None:
    name = min(scraped.cluster.truth()["nodes"])
    assert [one.node for one in (await asked(scraped, node=name)).series] == [name]


async def test_pods_that_nobody_knows_any_more_are_placed_by_kube_state_metrics(
    scraped: Scraped,
) -> None:
    found = await asked(scraped, pods={})
    assert len(found.series) == 4
    assert all(one.mark is None for one in found.series), "a mark is of a container that runs"


@pytest.mark.parametrize(
    "changes",
    [
        {"namespace": 'x"} or container_memory_working_set_bytes{a="'},
        {"container": 'kube-flannel",namespace=~".*'},
        {"namespace": "back\\slash\nnewline"},
        {"namespace": "nowhere"},
    ],
)
async def test_names_are_data_and_never_a_part_of_the_query(
    scraped: Scraped, changes: dict[str, str]
) -> None:
    assert (await asked(scraped, **changes)).series == ()


async def test_a_label_that_tells_clusters_apart_is_asked_for(scraped: Scraped) -> None:
    options = prometheus.Options(scraped.url, label=("cluster", "another"))
    made = prometheus.Prometheus(options)
    assert (await made.of(scraped.wanted())).series == ()
    made.close()


async def test_a_long_time_is_asked_for_in_steps_that_the_server_takes(scraped: Scraped) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=300)
    found = await asked(scraped, since=long_ago)
    assert found.step > timedelta(hours=7)
