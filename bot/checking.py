"""`flannel-bot check`: one pass over one cluster, read-only, without Slack or a database."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot import configuration, options, settings
from bot.adapters import clock as clocks
from bot.adapters import telemetry
from bot.adapters.cluster import client, looking, reader
from bot.domain import errors, finding, health, snapshot
from bot.flow import answers, desk, inspect, once, ports

_DEADLINE = 60.0
_LOOKS = timedelta(minutes=2)
"""For the looks at all nodes together."""
_BLIND = 2


async def run(
    config_file: Path | None,
    *,
    log_format: str | None,
    output: str,
    cluster: str | None,
    kubeconfig: Path | None,
    context: str | None,
    looks: bool = True,
) -> int:
    """Look once, print, and return the exit code: 0 healthy, 1 findings, 2 could not see.

    With `looks` nodes are looked at too, where the settings allow that. Raises Misconfigured;
    anything that passes by itself is printed as a gap.
    """
    given = configuration.load(config_file, log_format or "console")
    one = _chosen(given, cluster, kubeconfig, context)
    clock = clocks.SystemClock()
    where = options.cluster(given, one)
    async with client.Client(
        where, clock=clock, telemetry=telemetry.PrometheusTelemetry("check")
    ) as api:
        try:
            await api.verify()
        except errors.Unavailable as error:
            sys.stderr.write(f"error: {error}\n")
            return _BLIND
        taken = await reader.read_once(
            api, clock=clock, is_flannel=options.is_flannel, deadline=_DEADLINE
        )
        sight = await _looked(given.within(one), api, taken, clock, looks=looks)
    report = desk.one_pass(
        taken,
        limits=options.limits(given, one_pass=True),
        policy=options.memory(given),
        private_cidrs=one.private_cidrs,
        seen=sight.seen,
    )
    report = _with(report, sight)
    if output == "json":
        sys.stdout.write(json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n")
        for note in report.notes:
            sys.stderr.write(f"note: {note}\n")
    else:
        as_table(report, Console(file=sys.stdout, soft_wrap=True))
    return exit_code(report)


@dataclass(frozen=True, slots=True)
class _Still:
    """A cluster as it was read once. Implements `ports.Mirror`."""

    taken: snapshot.Snapshot

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.taken.cluster

    def snapshot(self) -> snapshot.Snapshot:
        """Return what was read."""
        return self.taken

    async def changed(self) -> None:
        """Never return: it does not change any more."""
        await asyncio.Event().wait()

    async def relist(self) -> None:
        """Do nothing: what was read stays."""

    def ages(self) -> Sequence[ports.ResourceAge]:
        """Return nothing: nothing is watched."""
        return ()


async def _looked(
    given: settings.Settings,
    api: client.Client,
    taken: snapshot.Snapshot,
    clock: ports.Clock,
    *,
    looks: bool,
) -> once.Sight:
    """Look at the nodes, or say which checks cannot see without. No probe pod is ever made."""
    if not looks:
        return once.Sight(notes=once.without("nodes were not looked at (`--no-looks`)"))
    if not given.inspection.exec:
        return once.Sight(notes=once.without("nodes were not looked at (`inspection.exec: false`)"))
    inspector = inspect.Inspector(
        _Still(taken),
        looking.Looker(api),
        reader.Logs(api),
        clock=clock,
        options=options.looking(given),
    )
    try:
        return await once.look(inspector, taken, within=_LOOKS, now=clock.now())
    finally:
        await inspector.close()


def _with(report: answers.CheckReport, sight: once.Sight) -> answers.CheckReport:
    well = report.health is health.Health.HEALTHY
    return replace(
        report,
        gaps=(*report.gaps, *sight.gaps),
        notes=(*report.notes, *sight.notes, once.NO_MEMORY),
        health=health.Health.UNKNOWN if well and sight.gaps else report.health,
    )


def _chosen(
    given: settings.Settings, name: str | None, kubeconfig: Path | None, context: str | None
) -> settings.Cluster:
    if kubeconfig is not None or context is not None:
        return settings.Cluster(name=name or "default", kubeconfig=kubeconfig, context=context)
    known = {one.name: one for one in given.watched}
    if name is None:
        if len(known) == 1:
            return next(iter(known.values()))
        raise errors.Misconfigured(f"--cluster: say which of {', '.join(known)}")
    if name not in known:
        raise errors.Misconfigured(f"--cluster {name}: not configured; known: {', '.join(known)}")
    return known[name]


def exit_code(report: answers.CheckReport) -> int:
    """Return 1 for any warning or worse, else 2 for any gap, else 0."""
    if any(found.severity is not finding.Severity.INFO for found in report.findings):
        return 1
    return _BLIND if report.gaps else 0


def as_json(report: answers.CheckReport) -> dict[str, Any]:
    """Return the report in the shape that scripts rely on; `schema` counts its changes."""
    return {
        "schema": 1,
        "taken_at": report.taken_at.isoformat(),
        "cluster": report.cluster,
        "health": report.health.value,
        "flannel": [
            {
                "namespace": found.namespace,
                "daemonset": found.daemonset,
                "version": found.version,
                "backend": found.backend,
                "flags": list(found.flags),
            }
            for found in report.flannel
        ],
        "findings": [
            {
                "check": found.check,
                "severity": found.severity.value,
                "fingerprint": found.fingerprint,
                "target": {
                    "cluster": found.target.cluster,
                    "kind": found.target.kind,
                    "namespace": found.target.namespace,
                    "name": found.target.name,
                    "node": found.target.node,
                },
                "summary": found.summary,
                "evidence": list(found.evidence),
                "cure": found.cure,
            }
            for found in report.findings
        ],
        "gaps": [
            {"what": gap.what, "reason": gap.reason, "since": gap.since.isoformat()}
            for gap in report.gaps
        ],
    }


def as_table(report: answers.CheckReport, console: Console) -> None:
    """Print the report for a person; nothing depends on colour."""
    console.print(
        Text(f"{report.cluster}: {report.health.value}", style="bold"),
        Text(f" at {report.taken_at:%Y-%m-%d %H:%M:%S} UTC"),
        sep="",
    )
    for found in report.flannel:
        if found.desired or len(report.flannel) == 1:
            flags = " ".join(found.flags)
            console.print(
                Text(
                    f"flannel {found.version} ({found.backend}) in {found.namespace}/"
                    f"{found.daemonset}: {found.ready} of {found.desired} ready; {flags}"
                )
            )
    if not report.flannel:
        console.print(Text("no flannel DaemonSet was found"))
    for note in report.notes:
        console.print(Text(f"note: {note}"))
    if report.findings:
        console.print(_findings(report.findings))
    if report.gaps:
        table = Table(title="not seen", title_justify="left")
        for column in ("what", "why", "since"):
            table.add_column(column, overflow="fold")
        for gap in report.gaps:
            table.add_row(Text(gap.what), Text(gap.reason), f"{gap.since:%H:%M:%S}")
        console.print(table)
    if report.health is health.Health.HEALTHY:
        console.print(Text("nothing is wrong"))


def _findings(findings: Iterable[finding.Finding]) -> Table:
    table = Table(title="findings", title_justify="left", show_lines=True)
    for column in ("severity", "check", "where", "what, proof, cure"):
        table.add_column(column, overflow="fold")
    for found in findings:
        where = found.member
        if found.target.name != where:
            where = f"{where}\n{found.target.namespace}/{found.target.name}"
        what = [found.summary, *(f"- {line}" for line in found.evidence)]
        if found.cure:
            what.append(f"cure: {found.cure}")
        table.add_row(found.severity.value, found.check, Text(where), Text("\n".join(what)))
    return table
