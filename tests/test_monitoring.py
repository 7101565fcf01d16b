"""The rules and the dashboard of `config/` against a real Prometheus that scrapes the bot's numbers."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.adapters import health, telemetry

ROOT = Path(__file__).parent.parent
RULES = ROOT / "config" / "prometheus-rules.yaml"
DASHBOARD = json.loads((ROOT / "config" / "grafana-dashboard.json").read_text())
VALUES = {"$cluster": ".*", "$__rate_interval": "1m", "$__range": "5m"}
LABELS = {
    "cluster": "prod", "resource": "pods", "check": "oom_killed", "severity": "critical",
    "state": "running", "verb": "list", "code": "200", "result": "ok", "kind": "card",
    "job": "cycle prod", "version": "1.2.3", "role": "all",
}  # fmt: skip


def queries() -> list[str]:
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    for variable, value in VALUES.items():
        found = [query.replace(variable, value) for query in found]
    assert not [query for query in found if "$" in query]
    return found


def labelled(names: tuple[str, ...]) -> dict[str, str]:
    return {name: LABELS.get(name, "x") for name in names}


def grow(numbers: telemetry.PrometheusTelemetry) -> None:
    for name, (_, labels) in telemetry.GAUGES.items():
        numbers.gauge(name, 1, **labelled(labels))
    for name, (_, labels) in telemetry.COUNTERS.items():
        numbers.count(name, 1, **labelled(labels))
        failed = {"code": "500", "result": "failed"}
        numbers.count(
            name, 1, **{**labelled(labels), **{k: v for k, v in failed.items() if k in labels}}
        )
    for name, (_, labels, _) in telemetry.HISTOGRAMS.items():
        numbers.observe(name, 0.2, **labelled(labels))


def test_rules_and_dashboard_name_only_what_the_bot_serves() -> None:
    served = {telemetry.PREFIX + name for name in (*telemetry.GAUGES, *telemetry.COUNTERS)}
    for name in telemetry.HISTOGRAMS:
        served |= {f"{telemetry.PREFIX}{name}_{end}" for end in ("bucket", "sum", "count")}
    text = RULES.read_text().split("groups:")[1] + " ".join(queries())
    named = set(re.findall(r"\bflannel_bot_[a-z_]+", text))
    assert named <= served
    unseen = {telemetry.PREFIX + name for name in (*telemetry.GAUGES, *telemetry.COUNTERS)} - named
    assert not unseen, "a number that nobody looks at"


@pytest.mark.real("promtool")
@pytest.mark.parametrize(
    "command", [["check", "rules", RULES], ["test", "rules", ROOT / "tests/prometheus-rules.yaml"]]
)
def test_promtool_agrees(command: list[str]) -> None:
    done = subprocess.run(
        [shutil.which("promtool") or "", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest_asyncio.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[str]:
    numbers = telemetry.PrometheusTelemetry("1.2.3")
    numbers.before_scrape(lambda: grow(numbers))

    async def parts() -> dict[str, health.Part]:
        return {}

    server = health.HealthServer(
        health.Options("127.0.0.1", 0), alive=lambda: health.Part(ok=True), parts=parts,
        metrics=numbers.text,
    )  # fmt: skip
    port = await server.start()
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms",
                   "evaluation_interval": "200ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": "bot", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        ],
    }  # fmt: skip
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        shutil.which("prometheus") or "", f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{own}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{own}/api/v1"
    finally:
        process.kill()
        await process.wait()
        await server.stop()


async def got(session: aiohttp.ClientSession, url: str, **params: str) -> Any:
    async with session.get(url, params=params) as answer:
        body = await answer.json()
        assert body["status"] == "success", (params, body)
        return body["data"]


@pytest.mark.real("prometheus")
async def test_every_query_of_the_dashboard_and_of_the_rules_returns_data(prometheus: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while True:
            try:
                scraped = await got(
                    session, f"{prometheus}/query", query="count_over_time(flannel_bot_leader[1m])"
                )
                evaluated = (await got(session, f"{prometheus}/rules"))["groups"][0]["rules"]
            except aiohttp.ClientError:
                scraped, evaluated = {"result": []}, []
            enough = scraped["result"] and int(scraped["result"][0]["value"][1]) > 2
            if enough and all(rule["health"] == "ok" for rule in evaluated):
                break
            await asyncio.sleep(0.05)
        for query in queries():
            data = await got(session, f"{prometheus}/query", query=query)
            assert data["result"], f"returns nothing: {query}"
            assert "NaN" not in str(data["result"]), query
        assert len(evaluated) == RULES.read_text().count("- alert:")
        # A comparison that does not hold returns nothing: what is compared has to be there.
        for rule in evaluated:
            for side in re.split(r" (?:>|==) [\d.]+$", rule["query"])[:1]:
                if not side.startswith("absent"):
                    assert (await got(session, f"{prometheus}/query", query=side))["result"], side
