"""Benchmarks: what a row says, when it counts, and that measuring works at all. No time is judged."""

import json
import ssl

import aiohttp
import pytest

from bot.sim.cluster import certificates
from tests.bench import __main__ as bench
from tests.bench import objects, page, rows, servers, sizes

FIELDS = ["name", "value", "unit", "goal", "ok", "peer", "runs", "spread", "skipped"]


def told(one: rows.Row) -> dict:
    return json.loads(one.line())


@pytest.mark.parametrize(
    ("values", "ok"), [([1.0, 150.0, 150.0], True), ([150.1, 150.2, 1.0], False), ([150.0], True)]
)
def test_a_row_holds_its_median_to_its_goal(values, ok):
    assert told(rows.row("cycle_5000", values))["ok"] is ok


def test_a_row_of_a_smaller_size_is_never_ok_and_never_a_failure():
    for values in ([1.0], [1e6]):
        found = told(rows.row("cycle_5000", values, skipped="measured smaller"))
        assert (found["ok"], found["skipped"]) == (None, "measured smaller")


def test_a_row_without_a_goal_is_only_told():
    found = told(rows.row("sync_1000_cpu", [9999.0]))
    assert (found["goal"], found["ok"], found["skipped"]) == (None, None, None)


def test_a_measurement_that_failed_is_not_well():
    assert told(rows.broken("cycle_5000")) == {
        "name": "cycle_5000", "value": None, "unit": "ms", "goal": 150, "ok": False, "peer": None,
        "runs": 0, "spread": None, "skipped": None,
    }  # fmt: skip


def test_ratios_are_taken_pair_by_pair_and_name_the_peer():
    found = told(rows.ratio("sync_1000_cpu_vs_kubectl", [1, 2, 9], [4, 4, 4], of=("kubectl", "v1")))
    assert list(found) == FIELDS
    assert found["value"] == 0.5
    assert found["ok"] is True
    assert found["peer"] == {"name": "kubectl", "version": "v1", "value": 4.0}
    assert (found["runs"], found["spread"]) == (3, 2.0)


@pytest.mark.parametrize(
    ("count", "share", "nth"), [(100, 0.99, 99), (500, 0.99, 495), (3, 0.5, 2), (1, 0.99, 1)]
)
def test_a_percentile_is_a_value_that_was_measured(count, share, nth):
    assert rows.percentile(range(count, 0, -1), share) == nth


def test_every_row_belongs_to_one_family_and_every_goal_to_a_row():
    named = [name for family in bench.FAMILIES.values() for name in family.ROWS]
    assert sorted(named) == sorted(rows.GOALS)


def test_only_takes_rows_and_families():
    assert bench.chosen(["idle", "cycle_5000"]) == {
        "cycle": ("cycle_5000",), "idle": ("bot_120_rss",),
    }  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        ["--only", "cycle_5001"], ["--samples", "0"], ["--samples", "many"], ["--bogus"],
        ["--output", "no/such/folder/rows"], ["--output", "."], ["--compare", "no-such-file"],
        ["--compare", "pyproject.toml"],
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said_before_anything_is_measured(given, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(given)
    assert ended.value.code == 2
    assert given[0] in capsys.readouterr().err


def test_an_earlier_run_is_compared_row_by_row():
    now = [rows.row("cycle_5000", [50.0]), rows.row("bot_120_rss", [100.0])]
    earlier = rows.read(rows.row("cycle_5000", [40.0]).line() + "\n")
    lines = rows.table(now, earlier).splitlines()
    assert "40 (+25 %)" in lines[1]
    assert lines[2].split()[:2] == ["ok", "bot_120_rss"]


def test_the_page_shows_what_was_measured_beside_its_goal_and_keeps_the_rest():
    found = [
        rows.row("cycle_5000", [35.2]),
        rows.ratio("drain_vs_kubectl", [12], [10], of=("kubectl drain", "v1")),
        rows.missing("sync_1000_cpu_vs_kubectl", "kubectl is not installed"),
        rows.row("bot_120_rss", [99.0], skipped="measured with 10 nodes instead of 120"),
    ]
    made = page.table(rows.read("".join(one.line() + "\n" for one in found)))
    assert [line.split(" | ")[1:] for line in made.splitlines()[2:]] == [
        ["not measured: kubectl is not installed", "0.5 × |"],
        ["35.2 ms", "150 ms |"],
        ["1.2 × kubectl drain v1, **missed**", "1.1 × |"],
        ["99 MiB (measured with 10 nodes instead of 120)", "130 MiB |"],
    ]
    before = page.PAGE.read_text()
    after = page.put(page.put(before, "nothing"), made)
    assert made in after
    assert after.partition(page.BEGIN)[0] == before.partition(page.BEGIN)[0]
    assert after.partition(page.END)[2] == before.partition(page.END)[2]


def test_objects_are_as_large_as_real_ones():
    node = json.dumps(objects.node(7), separators=(",", ":"))
    pod = json.dumps(objects.Workload("kube-proxy").pod(7), separators=(",", ":"))
    assert 12_500 < len(node) < 14_000
    assert 8_500 < len(pod) < 9_500
    assert len(objects.node(7)["status"]["images"]) == 50


async def test_an_answer_from_memory_is_the_first_one_also_in_its_form():
    """Without the form kubectl takes discovery for another and finds no resource."""
    cluster = servers.Cluster(certificates.issue(), nodes=1, deployments=0, recall=True)
    await cluster.server.start()
    try:
        pair = cluster.server.certificates
        tls = ssl.create_default_context(cadata=pair.authority.decode())
        asked = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        headers = {"Accept": asked, "Authorization": f"Bearer {servers.TOKEN}"}
        given = []
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            for _ in range(2):
                async with session.get(f"{cluster.server.url}/api", headers=headers) as answer:
                    given.append((answer.headers["Content-Type"], await answer.read()))
    finally:
        await cluster.server.stop()
    first, again = given
    assert "as=APIGroupDiscoveryList" in first[0]
    assert again == first


async def test_the_quickest_rows_are_measured_at_toy_size(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sizes.Size, "of", lambda self, full, *, quick: min(quick, 3))
    code = await bench.run(
        bench.arguments(["--quick", "--only", "cycle", "--output", str(tmp_path / "rows")])
    )
    shown, table = capsys.readouterr()
    found = [json.loads(line) for line in shown.splitlines()]
    assert code == 0
    assert [list(one) for one in found] == [FIELDS] * 3
    assert [one["name"] for one in found] == list(bench.FAMILIES["cycle"].ROWS)
    assert all(one["value"] > 0 and one["ok"] is None for one in found)
    assert {one["skipped"] for one in found} == {"measured with 3 nodes instead of 5,000"}
    assert (tmp_path / "rows").read_text() == shown
    assert "cycle_5000_first" in table
