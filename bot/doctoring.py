"""`flannel-bot doctor` and `/flannel doctor`: facts collected from every outside, then judged."""

import asyncio
import json
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import bot
from bot import configuration, options, settings
from bot.adapters import clock as clocks
from bot.adapters import telemetry
from bot.adapters.cluster import checkup as cluster_checkup
from bot.adapters.cluster import client, reader
from bot.adapters.metrics import prometheus
from bot.adapters.slack import checkup as slack_checkup
from bot.adapters.slack import client as slack_client
from bot.adapters.store import location, revision, sql
from bot.domain import errors, snapshot
from bot.flannel import discovery
from bot.flow import asking, doctor, memory_ports, ports

_DEADLINE = 60.0
_LIBRARIES = ("slack_bolt", "slack_sdk", "kubernetes", "prometheus-api-client", "sqlalchemy")
_RECENT = timedelta(minutes=10)

Look = Callable[[], Awaitable[snapshot.Snapshot]]


@dataclass(frozen=True, slots=True)
class Patient:
    """One cluster: how it is asked, and how it is seen."""

    api: client.Client
    look: Look


class Doctor:
    """Examines everything. Implements `doctor.Surgery`.

    Args:
        given: the settings in force.
        web: Slack's Web API.
        patients: the clusters.
        database: asks the database, and returns what it says.
        clock: time.
        notes: returns sentences on the settings that are odd.
    """

    def __init__(
        self,
        given: settings.Settings,
        web: slack_client.Web,
        patients: Sequence[Patient],
        *,
        database: Callable[[], Awaitable[doctor.StoreFacts]],
        clock: ports.Clock,
        notes: Callable[[], tuple[str, ...]] = lambda: (),
    ) -> None:
        self._given = given
        self._web = web
        self._patients = patients
        self._database = database
        self._clock = clock
        self._notes = notes

    async def examine(self) -> doctor.Report:
        """Look at everything now."""
        clusters = asyncio.gather(*(self._cluster(each) for each in self._patients))
        slack, store, seen = await asyncio.gather(
            slack_checkup.examine(
                self._web, self._channels(), options=options.slack(self._given), clock=self._clock
            ),
            self._database(),
            clusters,
        )
        facts = doctor.Facts(
            taken_at=self._clock.now(),
            slack=slack,
            clusters=tuple(seen),
            store=store,
            versions=versions(),
            notes=(*options.nobody(self._given), *self._notes()),
        )
        return doctor.judge(facts, slack_checkup.WANTED)

    def _channels(self) -> Mapping[str, tuple[str, ...]]:
        named: dict[str, tuple[str, ...]] = {}
        for one in self._given.watched:
            channel = self._given.channel_of(one)
            named[channel] = (*named.get(channel, ()), one.name)
        for number, route in enumerate(self._given.routing):
            if route.channel:
                by = f"routing.{number}"
                named[route.channel] = (*named.get(route.channel, ()), by)
        return named

    async def _cluster(self, patient: Patient) -> doctor.ClusterFacts:
        api, name = patient.api, patient.api.options.name
        try:
            version = await cluster_checkup.version(api)
            taken = await patient.look()
        except errors.BotError as error:
            return doctor.ClusterFacts(name, cluster_checkup.explained(error))
        ahead = doctor.ahead(*api.dated)
        flannels = discovery.find(taken)
        unread = next((g.reason for g in taken.gaps if g.resource == "daemonsets"), "")
        where = [(each.namespace, each.daemonset) for each in flannels]
        namespaces = {*api.options.namespaces, *(namespace for namespace, _ in where)}
        doing = options.doing(self._given, name)
        wanted = cluster_checkup.needs(namespaces, where, doing)
        unknown, lacking, excess = "", list[doctor.Need](), list[doctor.Right]()
        try:
            lacking = await cluster_checkup.lacking(api, wanted)
            places = namespaces | ({doing.lease[0]} if doing.lease else set())
            excess = await cluster_checkup.excess(api, places, wanted)
        except errors.BotError as error:
            unknown = str(error)
        return doctor.ClusterFacts(
            name,
            doctor.Answer(),
            version=version,
            needs=len(wanted),
            lacking=tuple(lacking),
            excess=tuple(excess),
            unknown=unknown,
            flannels=tuple(map(_found, flannels)),
            unread="" if flannels else unread,
            memory=await self._memory(name, flannels, taken),
            memory_source=prometheus.SOURCE,
            ahead=ahead,
        )

    async def _memory(
        self, cluster: str, flannels: Sequence[discovery.Flannel], taken: snapshot.Snapshot
    ) -> doctor.Answer | None:
        """Ask the Prometheus that is named, where one is, what the bot asks it in its work."""
        cure = "correct metrics.prometheus_url, metrics.bearer_token and metrics.ca"
        try:
            reached = options.prometheus(self._given, cluster)
        except errors.Misconfigured as error:
            return doctor.Answer(str(error), cure)
        if reached is None or not flannels:
            return None
        asked = max(flannels, key=lambda each: each.desired)
        made = prometheus.Prometheus(reached)
        now = self._clock.now()
        try:
            history = await made.of(
                memory_ports.Wanted(
                    namespace=asked.namespace,
                    daemonset=asked.daemonset,
                    container=asked.container,
                    since=now - _RECENT,
                    until=now,
                    step=timedelta(minutes=1),
                    pods={
                        pod.name: pod.node
                        for pod in taken.pods.values()
                        if pod.namespace == asked.namespace
                    },
                )
            )
        except errors.BotError as error:
            return doctor.Answer(str(error), cure)
        finally:
            made.close()
        if any(one.points for one in history.series):
            return doctor.Answer()
        return doctor.Answer(
            f"answers, and knows nothing of container {asked.container} in {asked.namespace}",
            "have it scrape the kubelets' /metrics/cadvisor; see metrics.cluster_label too",
        )


def _found(flannel: discovery.Flannel) -> doctor.Found:
    unknown = [
        what
        for what, value in (("version", flannel.version), ("backend", flannel.backend))
        if value == discovery.UNKNOWN
    ]
    problem = f"its {' and '.join(unknown)} cannot be told" if unknown and flannel.desired else ""
    if "env" in flannel.flag_places:
        problem = "its flags stand in the environment, where the bot changes nothing"
    return doctor.Found(
        name=flannel.name,
        version=flannel.version,
        backend=flannel.backend,
        flags=" ".join(flannel.flags.as_text),
        problem=problem,
    )


def versions() -> tuple[tuple[str, str], ...]:
    """Return what runs here: the bot, Python and the libraries that matter."""
    return (
        ("flannel-bot", bot.__version__),
        ("python", platform.python_version()),
        *((name, metadata.version(name)) for name in _LIBRARIES),
    )


async def database(
    given: settings.Settings, running: sql.SqlStore | None = None
) -> doctor.StoreFacts:
    """Ask the database: its revision, and whether it can be written.

    One that is not `running` in this process is opened, which reads every page of its file.
    """
    where = options.store(given)
    cure = "correct database.url, and see whether the database runs and can be written by the bot"
    try:
        name = location.parse(where.url).name
    except errors.BotError as error:
        return doctor.StoreFacts("database.url", doctor.Answer(str(error), "correct database.url"))
    try:
        state = await revision.state(where)
        if running is not None:
            await running.check_writable()
        elif state is revision.State.CURRENT:
            async with sql.opened(where) as store:
                await store.check_writable()
    except errors.BotError as error:
        return doctor.StoreFacts(name, doctor.Answer(str(error), cure))
    checked = "" if running is not None else " and whole"
    return doctor.StoreFacts(name, doctor.Answer(), state=state.value, checked=checked)


async def run(config_file: Path | None, *, log_format: str | None, output: str) -> int:
    """Examine everything once, print it, and return 0, or 1 if anything failed."""
    given = configuration.load(config_file, log_format or "console", quiet=True)
    clock = clocks.SystemClock()
    numbers = telemetry.PrometheusTelemetry("doctor")
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(
            slack_client.opened(options.slack(given), telemetry=numbers)
        )
        patients = []
        for one in given.watched:
            where = options.cluster(given, one)
            api = await stack.enter_async_context(
                client.Client(where, clock=clock, telemetry=numbers)
            )
            patients.append(Patient(api, _reading(api, clock)))

        report = await Doctor(
            given, web, patients, database=lambda: database(given), clock=clock
        ).examine()
    if output == "json":
        sys.stdout.write(json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n")
    else:
        as_table(report, Console(file=sys.stdout, soft_wrap=True))
    return 0 if report.ok else 1


def of(
    given: settings.Settings,
    web: slack_client.Web,
    clusters: Sequence[tuple[client.Client, ports.Mirror]],
    store: sql.SqlStore,
    *,
    clock: ports.Clock,
    refused: Callable[[], str],
    executor: asking.Asking | None = None,
) -> Doctor:
    """Return the doctor of the bot that runs in this process.

    `refused` returns why a changed configuration is not in force; empty where it is. `executor` is
    whom this process asks for what it has no right to do.
    """

    def seen(mirrored: ports.Mirror) -> Look:
        async def look() -> snapshot.Snapshot:
            return mirrored.snapshot()

        return look

    return Doctor(
        given,
        web,
        [Patient(api, seen(mirrored)) for api, mirrored in clusters],
        database=lambda: database(given, store),
        clock=clock,
        notes=lambda: tuple(
            why for why in (refused(), executor.trouble if executor else "") if why
        ),
    )


def _reading(api: client.Client, clock: ports.Clock) -> Look:
    async def look() -> snapshot.Snapshot:
        return await reader.read_once(
            api, clock=clock, is_flannel=options.is_flannel, deadline=_DEADLINE
        )

    return look


def as_json(report: doctor.Report) -> dict[str, Any]:
    """Return the report in the shape that scripts rely on; `schema` counts its changes."""
    return {
        "schema": 1,
        "taken_at": report.taken_at.isoformat(),
        "ok": report.ok,
        "lines": [
            {
                "part": line.part,
                "name": line.name,
                "state": line.mark.value,
                "said": line.said,
                "cure": line.cure,
            }
            for line in report.lines
        ],
    }


def as_table(report: doctor.Report, console: Console) -> None:
    """Print the report for a person; nothing depends on colour."""
    table = Table(show_lines=False)
    for column in ("part", "what", "state", "how it stands, and what mends it"):
        table.add_column(column, overflow="fold")
    for line in report.lines:
        told = line.said + (f"\ncure: {line.cure}" if line.cure else "")
        table.add_row(Text(line.part), Text(line.name), line.mark.value, Text(told))
    console.print(table)
    failed = sum(line.mark is doctor.Mark.BAD for line in report.lines)
    console.print(Text(f"{failed} failed" if failed else "nothing failed", style="bold"))
