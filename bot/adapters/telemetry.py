"""Numbers about the bot itself, for Prometheus.

Names and labels are an interface (docs/reference/metrics.md, held to this table by a test).
No label ever carries a node or a pod: series must not grow with the cluster.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.typing import EventDict, WrappedLogger

PREFIX = "flannel_bot_"

_LATENCY = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0)
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)

GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "build_info": ("Always 1; version and role are labels", ("version", "role")),
    "leader": ("1 where this process judges and acts", ()),
    "mirror_age_seconds": ("Since the API server last showed life", ("cluster", "resource")),
    "mirror_objects": ("Objects mirrored", ("cluster", "resource")),
    "findings": ("Findings of the newest cycle", ("cluster", "check", "severity")),
    "incidents": ("Incidents by state", ("cluster", "state")),
    "gaps": ("Things that cannot be read now", ("cluster",)),
    "outbox_depth": ("Messages waiting to be sent", ()),
    "outbox_oldest_seconds": ("Age of the oldest waiting message", ()),
    "slack_connected": (
        "1 while Slack is reached: Socket Mode is connected, or over HTTP the Web API answers",
        (),
    ),
    "executor_missing": (
        "1 while a process of `--role chat` sees no sign of life of an executor",
        (),
    ),
    "plans": ("Remediation plans by state", ("state",)),
    "selftest_ok": ("1 if the newest message of the self-test came back", ()),
    "runs": ("Remediation runs by state", ("state",)),
    "resident_memory_bytes": ("Memory of the process that is in RAM, where /proc tells it", ()),
}
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "watch_restarts_total": ("Watches begun anew", ("cluster", "resource")),
    "kube_requests_total": ("API requests", ("cluster", "verb", "resource", "code")),
    "slack_requests_total": ("Slack Web API requests", ("verb", "result")),
    "slack_http_requests_total": ("Requests at /slack/events in HTTP mode", ("result",)),
    "outbox_failed_total": ("Messages that Slack refused for good", ("kind",)),
    "heartbeats_total": (
        "Signs of life: sent, failed, or held_back: not all is well",
        ("result",),
    ),
    "alerts_received_total": (
        "Alerts of an Alertmanager: firing, resolved, refused, too_many, unknown_cluster",
        ("result",),
    ),
    "pruned_total": ("Rows removed by age", ("table",)),
    "job_runs_total": ("Scheduled jobs by result", ("job", "result")),
    "bad_objects_total": ("Objects that could not be decoded", ("cluster", "resource")),
}
HISTOGRAMS: dict[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "cycle_seconds": ("One cycle: look, judge, store", ("cluster",), _SHORT),
    "selftest_seconds": ("A message to Slack, seen there, and deleted", (), _LATENCY),
    "detection_latency_seconds": (
        "From what happened in the cluster to its card in Slack",
        ("cluster", "check"),
        _LATENCY,
    ),
}


class PrometheusTelemetry:
    """Implements `ports.Telemetry` over a registry of its own.

    A gauge is served once it was set: the 0 of one that nobody measures here would be a lie.
    """

    def __init__(self, version: str, *, role: str = "all") -> None:
        self._registry = CollectorRegistry()
        self._refresh: list[Callable[[], None]] = [self._weigh]
        self._gauges = {
            name: Gauge(PREFIX + name, text, labels, registry=None)
            for name, (text, labels) in GAUGES.items()
        }
        self._served: set[str] = set()
        self._counters = {
            name: Counter(PREFIX + name, text, labels, registry=self._registry)
            for name, (text, labels) in COUNTERS.items()
        }
        self._histograms = {
            name: Histogram(PREFIX + name, text, labels, registry=self._registry, buckets=buckets)
            for name, (text, labels, buckets) in HISTOGRAMS.items()
        }
        self.gauge("build_info", 1, version=version, role=role)
        self.gauge("leader", 1)
        self.gauge("slack_connected", 0)
        self.gauge("outbox_depth", 0)
        self.gauge("outbox_oldest_seconds", 0)

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Raise a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)
        if name not in self._served:
            self._served.add(name)
            self._registry.register(gauge)

    def before_scrape(self, refresh: Callable[[], None]) -> None:
        """Have something measured just before each scrape."""
        self._refresh.append(refresh)

    def _weigh(self) -> None:
        with contextlib.suppress(OSError):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.gauge("resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))

    def text(self) -> bytes:
        """Return the exposition format."""
        for refresh in self._refresh:
            refresh()
        return generate_latest(self._registry)


def configure_logging(
    *, level: str, style: str, secrets: tuple[str, ...], stream: TextIO | None = None
) -> None:
    """Send structured lines to stderr, secrets replaced wherever they stand.

    Libraries' own log lines go the same way; theirs below warning are left out, since bolt logs
    whole request bodies at info.
    """
    hidden = tuple(secret for secret in secrets if len(secret) >= 6)

    def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: _hidden(value, hidden) for key, value in event.items()}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(default=str)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    output = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("bot").setLevel(level.upper())


def _hidden(value: object, secrets: tuple[str, ...]) -> object:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "[redacted]")
        return value
    if isinstance(value, dict):
        return {key: _hidden(each, secrets) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(each, secrets) for each in value]
    if isinstance(value, BaseException):
        return _hidden(str(value), secrets)
    return value
