"""Numbers and log lines."""

import io
import json
import logging
import shutil
import subprocess

import pytest
import structlog

from bot.adapters import telemetry


@pytest.fixture
def _log_restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    bot_level = logging.getLogger("bot").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("bot").setLevel(bot_level)
    structlog.reset_defaults()


def full() -> telemetry.PrometheusTelemetry:
    made = telemetry.PrometheusTelemetry("1.2.3")
    for name, (_, labels) in telemetry.GAUGES.items():
        made.gauge(name, 1, **dict.fromkeys(labels, "x"))
    for name, (_, labels) in telemetry.COUNTERS.items():
        made.count(name, 1, **dict.fromkeys(labels, "x"))
    for name, (_, labels, _) in telemetry.HISTOGRAMS.items():
        made.observe(name, 0.2, **dict.fromkeys(labels, "x"))
    return made


PROMISED = [
    "build_info",
    "leader",
    "mirror_age_seconds",
    "mirror_objects",
    "watch_restarts_total",
    "cycle_seconds",
    "detection_latency_seconds",
    "findings",
    "incidents",
    "outbox_depth",
    "outbox_oldest_seconds",
    "slack_requests_total",
    "slack_connected",
    "kube_requests_total",
    "job_runs_total",
    "plans",
    "runs",
    "gaps",
]


def test_every_promised_name_is_served() -> None:
    text = full().text().decode()
    for name in PROMISED:
        assert f"\n# HELP flannel_bot_{name} " in f"\n{text}"


def test_no_label_carries_a_node_or_a_pod() -> None:
    tables = [labels for _, labels in telemetry.GAUGES.values()]
    tables += [labels for _, labels in telemetry.COUNTERS.values()]
    tables += [labels for _, labels, _ in telemetry.HISTOGRAMS.values()]
    used = {label for labels in tables for label in labels}
    assert not used & {"node", "pod", "name", "namespace", "channel", "user"}


def test_what_is_measured_at_the_scrape_is_fresh() -> None:
    made = telemetry.PrometheusTelemetry("1")
    made.before_scrape(lambda: made.gauge("outbox_depth", 7))
    assert b"flannel_bot_outbox_depth 7.0" in made.text()


def test_a_gauge_that_nobody_measures_is_not_served_as_zero() -> None:
    """A self-test that is not set up would be told as one that fails."""
    made = telemetry.PrometheusTelemetry("1")
    assert b"flannel_bot_selftest_ok" not in made.text()
    for value in (0, 1):
        made.gauge("selftest_ok", value)
        assert f"\nflannel_bot_selftest_ok {value}.0\n" in made.text().decode()


def test_the_memory_in_use_is_served() -> None:
    held = bytearray(b"x") * 50_000_000
    text = telemetry.PrometheusTelemetry("1").text().decode()
    (line,) = [one for one in text.splitlines() if one.startswith("flannel_bot_resident_memory")]
    assert float(line.split()[1]) > len(held)


@pytest.mark.real("promtool")
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    promtool = shutil.which("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, "check", "metrics"], input=full().text(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()


@pytest.mark.usefixtures("_log_restored")
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_reaches_the_log_by_any_way(style: str) -> None:
    canary = "xoxb-canary-secret"
    sink = io.StringIO()
    telemetry.configure_logging(level="debug", style=style, secrets=(canary,), stream=sink)
    log = structlog.get_logger("bot.test")
    log.info("said", token=canary, nested={"a": [canary]}, error=ValueError(canary))
    log.info(f"in the event {canary}")  # noqa: G004
    try:
        raise RuntimeError(canary)  # noqa: TRY301
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("slack_sdk").exception("of a library %s", canary)
    logging.getLogger("bot.x").warning("plain %s", canary)
    text = sink.getvalue()
    assert canary not in text
    assert text.count("[redacted]") >= 6
    assert "Traceback" in text


@pytest.mark.usefixtures("_log_restored")
def test_json_lines_are_json_and_libraries_are_quiet_below_warning() -> None:
    sink = io.StringIO()
    telemetry.configure_logging(level="info", style="json", secrets=(), stream=sink)
    structlog.get_logger("bot.test").info("said", n=1)
    structlog.get_logger("bot.test").debug("not said")
    logging.getLogger("slack_bolt").info("body with secrets")
    lines = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["said"]
    assert lines[0]["level"] == "info"
    assert lines[0]["timestamp"].endswith("Z")
