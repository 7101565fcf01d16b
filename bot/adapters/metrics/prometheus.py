"""A Prometheus as a history of memory: implements `bot.flow.memory_ports.MemoryHistory`.

By cAdvisor's metrics, which every kubelet serves. `max`, not `sum`: after a restart the old and the
new container are told together for minutes (cadvisor #2844). cAdvisor tells no nodes: pods are
placed by what is known of them, and those that are gone by kube-state-metrics where there is one.

The library blocks, has no bound of time of its own, retries, and drops warnings. So it runs in
threads of its own with a session each, without retries, bounded twice, and warnings are taken from
the answers as they pass.
"""

import asyncio
import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain import errors
from bot.flow import memory_ports

SOURCE = "Prometheus"
_FINEST = 15
"""Seconds: no server scrapes cAdvisor more often to any use."""
_MOST_POINTS = 1_000
_LOOK_BACK = 300
_THREADS = 2
_WARNINGS = 3
_ODD = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading an answer of another shape may raise."""


@dataclass(frozen=True, slots=True)
class Options:
    """How it is reached. `label` is one that tells clusters apart, with this one's value."""

    url: str
    token: str = ""
    ca: Path | None = None
    timeout: float = 10.0
    """Seconds for one query."""
    label: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """All answers to one question: series by query, and what the server warned of."""

    found: Mapping[str, list[Any]]
    warnings: tuple[str, ...]


class Prometheus:
    """One cluster's memory by a Prometheus."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool = futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="prometheus")
        self._own = threading.local()
        self._sessions: list[Any] = []

    def close(self) -> None:
        """Begin no query any more; one that is under way ends by its time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.close()

    async def of(self, wanted: memory_ports.Wanted) -> memory_ports.History:
        """Return what it knows.

        Raises:
            Unavailable: it does not answer in time, or not well.
        """
        asking = asyncio.get_running_loop().run_in_executor(self._pool, self._ask, wanted)
        try:
            async with asyncio.timeout(self._options.timeout * 8):
                asked = await asking
        except TimeoutError:
            raise errors.Unavailable(
                f"{self._options.url} did not answer within {self._options.timeout:g} s a query"
            ) from None
        try:
            return _history(wanted, asked)
        except _ODD as error:
            raise errors.Unavailable(f"{self._options.url} is no Prometheus: odd answer") from error

    def _ask(self, wanted: memory_ports.Wanted) -> _Asked:
        """Ask all queries, in a thread. A server that fails one is asked no more."""
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        heard: list[str] = []
        found: dict[str, list[Any]] = {}
        span = _span(wanted)
        try:
            for name, query, ranged in self._queries(wanted):
                found[name] = self._one(query, span if ranged else None, wanted.until, heard)
        except requests.exceptions.Timeout as error:
            raise errors.Unavailable(
                f"{self._options.url} did not answer within {self._options.timeout:g} s"
            ) from error
        except requests.exceptions.JSONDecodeError as error:
            raise errors.Unavailable(f"{self._options.url} is no Prometheus: no JSON") from error
        except requests.exceptions.RequestException as error:
            # Its own text may hold credentials of the URL.
            raise errors.Unavailable(
                f"{self._options.url} cannot be reached: {type(error).__name__}"
            ) from error
        except PrometheusApiClientException as error:
            told = re.match(r"HTTP Status Code (\d{3})", str(error))
            code = told[1] if told else "unknown"
            raise errors.Unavailable(f"{self._options.url} answered HTTP {code}") from error
        except _ODD as error:
            raise errors.Unavailable(f"{self._options.url} is no Prometheus: odd answer") from error
        return _Asked(found, tuple(dict.fromkeys(heard))[:_WARNINGS])

    def _queries(self, wanted: memory_ports.Wanted) -> Iterable[tuple[str, str, bool]]:
        step = int(_step(wanted).total_seconds())
        over = max(int((wanted.until - wanted.since).total_seconds()), step)
        homes = self._selected("kube_pod_info", namespace=wanted.namespace)
        yield "homes", f"max by (pod, node) (last_over_time({homes}[{over}s]))", False
        where = {"namespace": wanted.namespace, "container": wanted.container}
        used = self._selected("container_memory_working_set_bytes", **where)
        limit = self._selected("container_spec_memory_limit_bytes", **where)
        most = self._selected("container_memory_max_usage_bytes", **where)
        yield "used", f"max by (pod) ({used})", True
        yield "peak", f"max by (pod) (max_over_time({used}[{max(step, _FINEST * 4)}s]))", True
        # A step may take a quarter of an hour: what is after the last one is asked for by itself.
        yield "now", f"max by (pod) ({used})", False
        yield "lately", f"max by (pod) (max_over_time({used}[{step}s]))", False
        yield "limit", f"max by (pod) ({limit})", True
        yield "mark", f"max by (pod) (max_over_time({most}[{_LOOK_BACK}s]))", False

    def _selected(self, metric: str, **labels: str) -> str:
        if self._options.label is not None:
            labels[self._options.label[0]] = self._options.label[1]
        inside = ",".join(f"{name}={quoted(value)}" for name, value in labels.items())
        return f"{metric}{{{inside}}}"

    def _one(
        self,
        query: str,
        span: tuple[datetime, datetime, timedelta] | None,
        at: datetime,
        heard: list[str],
    ) -> list[Any]:
        api = self._api(heard)
        params = {"timeout": f"{self._options.timeout:g}s"}
        if span is None:
            params["time"] = f"{at.timestamp():.3f}"
            found = api.custom_query(query, params=params)
        else:
            begin, end, step = span
            found = api.custom_query_range(
                query, begin, end, f"{int(step.total_seconds())}", params=params
            )
        if not isinstance(found, list):
            raise TypeError("the answer is no list")
        return found

    def _api(self, heard: list[str]) -> Any:  # noqa: ANN401  # the library tells no types
        """Return this thread's client; a session is not promised to serve several threads."""
        # Deferred: half a second and 20 MiB that a bot without Prometheus need not pay.
        import requests
        from prometheus_api_client import PrometheusConnect
        from urllib3.util.retry import Retry

        if not hasattr(self._own, "api"):
            session = requests.Session()
            session.trust_env = False  # ~/.netrc would take the place of our token
            session.verify = str(self._options.ca) if self._options.ca else True
            token = self._options.token
            self._own.api = PrometheusConnect(
                url=self._options.url.rstrip("/"),
                headers={"Authorization": f"Bearer {token}"} if token else None,
                session=session,
                # Without `read` a time-out would come as an exhausted retry.
                retry=Retry(total=0, read=False),
                timeout=self._options.timeout,
            )
            self._own.session = session
            self._sessions.append(session)
        self._own.session.hooks["response"] = [_listening(heard)]
        return self._own.api


def _listening(heard: list[str]) -> Callable[..., None]:
    """Return a hook that notes warnings, which the library drops: an answer may be partial."""

    def note(response: Any, *_: object, **__: object) -> None:  # noqa: ANN401
        if response.status_code != 200 or b'"warnings"' not in response.content:
            return
        body = response.json()
        told = body.get("warnings") if isinstance(body, dict) else None
        heard.extend(str(one)[:200] for one in told or ())

    return note


def quoted(value: str) -> str:
    """Return a PromQL string literal."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def _step(wanted: memory_ports.Wanted) -> timedelta:
    span = (wanted.until - wanted.since).total_seconds()
    least = max(wanted.step.total_seconds(), span / _MOST_POINTS, _FINEST)
    return timedelta(seconds=math.ceil(least))


def _span(wanted: memory_ports.Wanted) -> tuple[datetime, datetime, timedelta]:
    """Return begin, end and step, so that the same moments are asked for again next time."""
    step = _step(wanted)
    length = int(step.total_seconds())
    begin = -(-int(wanted.since.timestamp()) // length) * length
    return datetime.fromtimestamp(begin, UTC), wanted.until, step


def _history(wanted: memory_ports.Wanted, asked: _Asked) -> memory_ports.History:
    homes = {**_homes(asked.found["homes"]), **wanted.pods}
    pattern = re.compile(rf"{re.escape(wanted.daemonset)}-[a-z0-9]{{5}}")
    placed: dict[str, dict[str, dict[datetime, int]]] = {}
    lost: set[str] = set()
    for name in ("used", "peak", "limit"):
        for one in asked.found[name]:
            pod = str(one["metric"].get("pod", ""))
            if pod not in wanted.pods and not pattern.fullmatch(pod):
                continue
            if pod not in homes:
                lost.add(pod)
                continue
            if wanted.node and homes[pod] != wanted.node:
                continue
            held = placed.setdefault(homes[pod], {}).setdefault(name, {})
            for at, size in _values(one["values"]):
                held[at] = max(held.get(at, 0), size)
    for name, into in (("now", "used"), ("lately", "peak")):
        for one in asked.found[name]:
            pod = str(one["metric"].get("pod", ""))
            if pod not in wanted.pods or (wanted.node and homes[pod] != wanted.node):
                continue
            held = placed.setdefault(homes[pod], {}).setdefault(into, {})
            for _, size in _values([one["value"]]):
                held[wanted.until] = max(held.get(wanted.until, 0), size)
    marks = {
        homes[pod]: size
        for one in asked.found["mark"]
        if (pod := str(one["metric"].get("pod", ""))) in wanted.pods
        for _, size in _values([one["value"]])
    }
    notes = [f"Prometheus warns: {one}" for one in asked.warnings]
    if lost:
        notes.append(
            f"{len(lost)} earlier pods cannot be placed on nodes: kube_pod_info is not scraped"
        )
    return memory_ports.History(
        series=tuple(
            _series(node, held, marks.get(node))
            for node, held in sorted(placed.items())
            if held.get("used")
        ),
        source=SOURCE,
        step=_step(wanted),
        notes=tuple(notes),
    )


def _series(
    node: str, held: Mapping[str, Mapping[datetime, int]], mark: int | None
) -> memory_ports.Series:
    used, peaks = held["used"], held.get("peak", {})
    limits: list[tuple[datetime, int | None]] = []
    for at, size in sorted(held.get("limit", {}).items()):
        limit = size or None  # cAdvisor writes 0 for none
        if not limits or limits[-1][1] != limit:
            limits.append((at, limit))
    newest = max(used)
    return memory_ports.Series(
        node=node,
        points=tuple(
            memory_ports.Point(at, size, max(size, peaks.get(at, 0)))
            for at, size in sorted(used.items())
        ),
        newest=used[newest],
        newest_at=newest,
        limits=tuple(limits),
        mark=mark,
    )


def _homes(found: Iterable[Any]) -> dict[str, str]:
    told = ((one["metric"].get("pod", ""), one["metric"].get("node", "")) for one in found)
    return {str(pod): str(node) for pod, node in told if pod and node}


def _values(pairs: Iterable[Any]) -> Iterable[tuple[datetime, int]]:
    """Return moments and bytes; NaN, infinities and what is below nothing are left out."""
    for at, text in pairs:
        value = float(text)
        if math.isfinite(value) and value >= 0:
            yield datetime.fromtimestamp(float(at), UTC), int(value)
