"""`flannel-bot doctor` beside both pretend outsides, in one process."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from bot import checking, doctoring, settings_sources
from bot.adapters.cluster import checkup
from bot.domain import errors
from bot.sim.cluster import http_access
from bot.sim.cluster import serve as clusters
from bot.sim.slack import serve as slacks
from tests.adapters.metrics import test_misbehaving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Outside:
    cluster: clusters.SimulatedCluster
    slack: slacks.SimulatedSlack
    environment: dict[str, str]

    def may(self, *rules: http_access.Rule) -> None:
        authorizer = http_access.Rules(*rules) if rules else http_access.members_may_everything
        object.__setattr__(self.cluster.api._context, "authorizer", authorizer)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    where = tmp_path_factory.mktemp("doctor")
    options = clusters.ClusterOptions(
        nodes=4, scenario="healthy", speed=1.0, write_kubeconfig=where / "kubeconfig"
    )
    cluster = clusters.SimulatedCluster(options)
    await cluster.start()
    async with slacks.SimulatedSlack(slacks.SlackOptions(port=0)) as slack:
        given = {
            "SLACK_BOT_TOKEN": "xoxb-demo", "SLACK_APP_TOKEN": "xapp-demo",
            "FLANNEL_BOT_SLACK__API_URL": slack.api, "FLANNEL_BOT_SLACK__CHANNEL": "C0ALERTS",
            "FLANNEL_BOT_CLUSTERS": json.dumps(
                [{"name": "prod", "kubeconfig": str(where / "kubeconfig")}]
            ),
            "FLANNEL_BOT_DATABASE__URL": f"sqlite+aiosqlite:///{where}/bot.db",
        }  # fmt: skip
        yield Outside(cluster, slack, given)
    await cluster.stop()


@pytest.fixture
def outside(running: Outside, monkeypatch: pytest.MonkeyPatch) -> Outside:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    running.may()
    return running


async def told(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[tuple[str, str], dict]]:
    code = await doctoring.run(None, log_format=None, output="json")
    out = capsys.readouterr().out
    for secret in ("xoxb-demo", "xapp-demo"):
        assert secret not in out
    return code, {(each["part"], each["name"]): each for each in json.loads(out)["lines"]}


async def test_a_bot_that_may_too_much_is_told_so_and_nothing_fails(
    outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = await told(capsys)
    assert code == 0, lines
    assert lines["slack", "bot token"]["state"] == "ok"
    assert lines["slack", "app token"]["state"] == "ok"
    assert "channels:join" in lines["slack", "scopes in excess"]["said"]
    assert lines["slack", "channel C0ALERTS"]["state"] == "ok"
    assert "* *.*" in lines["cluster prod", "rights in excess"]["said"]
    assert lines["cluster prod", "flannel kube-system/kube-flannel-ds-amd64"]["state"] == "ok"
    assert lines["slack", "clock"]["state"] == lines["cluster prod", "clock"]["state"] == "ok"
    assert lines["versions", "python"]["state"] == "note"
    assert [each["said"] for each in lines.values() if each["part"] == "database"] == [
        "is not there yet"
    ]


async def test_rights_that_are_lacking_and_in_excess_are_named_each_with_its_cure(
    outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = ("get", "list", "watch")
    outside.may(
        http_access.Rule(reads, ("",), ("nodes", "pods", "configmaps", "secrets")),
        http_access.Rule(reads, ("apps",), ("daemonsets", "controllerrevisions")),
        http_access.Rule(("get",), ("",), ("pods/log", "pods/exec")),
    )
    code, lines = await told(capsys)
    lacking = {
        name.removeprefix("right to ") for part, name in lines if name.startswith("right to")
    }
    # flannel is in kube-system there: only where it is, its memory is measured.
    expected = {"create pods/exec in kube-system", "list pods.metrics.k8s.io in kube-system"}
    for namespace in ("kube-flannel", "kube-system"):
        expected |= {f"{verb} deployments.apps in {namespace}" for verb in ("list", "watch")}
    assert expected <= lacking
    assert {one for one in lacking if "exec" not in one} == expected - {
        "create pods/exec in kube-system"
    }
    assert code == 0, "none of them is vital"
    excess = lines["cluster prod", "rights in excess"]["said"]
    assert "get secrets" in excess
    assert "nodes" not in excess
    outside.may(http_access.Rule(reads, ("apps",), ("daemonsets",)))
    code, lines = await told(capsys)
    assert code == 1
    assert lines["cluster prod", "right to list nodes"]["state"] == "failed"
    assert lines["cluster prod", "right to list nodes"]["cure"]


async def test_wrong_tokens_a_channel_without_the_bot_and_a_dead_server_fail(
    outside: Outside, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLANNEL_BOT_SLACK__CHANNEL", "C0NOWHERE")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-of-somebody-else")
    outside.cluster.api.switchboard.set("refuse", {})
    try:
        code, lines = await told(capsys)
    finally:
        outside.cluster.api.switchboard.clear("refuse")
    assert code == 1
    failed = {key for key, each in lines.items() if each["state"] == "failed"}
    assert failed == {
        ("slack", "app token"), ("slack", "channel C0NOWHERE"), ("cluster prod", "API server"),
    }  # fmt: skip
    assert all(lines[key]["cure"] for key in failed)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-somebody-else")
    code, lines = await told(capsys)
    assert code == 1
    assert "invalid_auth" in lines["slack", "bot token"]["said"]
    assert ("slack", "scopes") not in lines


async def test_an_executor_that_only_asks_slack_lacks_no_app_token(
    outside: Outside, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", "")
    _, lines = await told(capsys)
    assert lines["slack", "app token"]["state"] == "failed"
    monkeypatch.setenv("FLANNEL_BOT_PROCESS__ROLE", "executor")
    _, lines = await told(capsys)
    assert ("slack", "app token") not in lines
    assert lines["slack", "bot token"]["state"] != "failed"


async def test_a_configuration_that_cannot_be_read_is_2_by_the_usual_way(tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured, match="does not exist"):
        await doctoring.run(tmp_path / "no.yaml", log_format=None, output="table")


async def test_what_a_pass_over_a_cluster_asks_for_is_among_the_needs(outside: Outside) -> None:
    given = settings_sources.load(None)
    places = ("kube-system", "kube-flannel")
    doing = doctoring.options.doing(given)
    wanted = checkup.needs(places, [("kube-system", "kube-flannel-ds-amd64")], doing)
    needed = {(need.right.verb, need.right.resource.partition("/")[0]) for need in wanted}
    before = outside.cluster.requests.last
    await checking.run(
        None, log_format=None, output="json", cluster=None, kubeconfig=None, context=None
    )
    asked = {
        (entry["verb"], entry["resource"])
        for entry in outside.cluster.requests.since(before)
        if entry.get("verb") and "reviews" not in entry["resource"]
    }
    assert asked
    assert asked <= needed | {("get", "pods")}


POD = "kube-flannel-ds-amd64-abcde"


def known(values: list[Any]) -> test_misbehaving.Handler:
    """A Prometheus that scrapes the kubelets and tells these; where pods are, it always tells."""

    async def handler(request: web.Request) -> web.Response:
        ranged = request.path.endswith("query_range")
        found: list[Any] = []
        if "kube_pod_info" in request.query["query"]:
            found = [{"metric": {"pod": POD, "node": "cp-1"}, "value": [0, "1"]}]
        elif values:
            told = {"values": values} if ranged else {"value": values[-1]}
            found = [{"metric": {"pod": POD}, **told}]
        kind = "matrix" if ranged else "vector"
        data = {"resultType": kind, "result": found}
        return web.json_response({"status": "success", "data": data})

    return handler


async def test_the_prometheus_that_is_named_is_asked_what_the_bot_asks_it_in_its_work(
    outside: Outside, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    for values, state, said, cure in (
        ([[now, str(20 * 2**20)]], "ok", "knows flannel's memory", ""),
        ([], "failed", "knows nothing of container kube-flannel in kube-system", "/cadvisor"),
    ):
        async with test_misbehaving.serving(known(values)) as url:
            monkeypatch.setenv("FLANNEL_BOT_METRICS__PROMETHEUS_URL", url)
            code, lines = await told(capsys)
        line = lines["cluster prod", "Prometheus"]
        assert (line["state"], code) == (state, int(state == "failed"))
        assert said in line["said"]
        assert cure in line["cure"]
    code, lines = await told(capsys)
    line = lines["cluster prod", "Prometheus"]
    assert (line["state"], code) == ("failed", 1)
    assert "cannot be reached" in line["said"]
    assert "metrics.prometheus_url" in line["cure"]
