"""What a measurement is reported as, and the goals it is held to."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """What is measured. `most` is the goal: the value may not be greater; None: told, not judged."""

    unit: str
    most: float | None
    what: str


GOALS: dict[str, Goal] = {
    "sync_1000_cpu": Goal("s", None, "first sync of 1,000 nodes + 5,000 pods: CPU"),
    "sync_1000_cpu_vs_kubectl": Goal("x", 0.5, "the same, beside `kubectl get pods,nodes -o wide`"),
    "sync_1000_cpu_vs_models": Goal("x", 0.15, "the same, beside the official models"),
    "sync_1000_wall": Goal("s", None, "first sync of 1,000 nodes + 5,000 pods: time"),
    "sync_1000_wall_vs_kubectl": Goal("x", 0.5, "the same, beside kubectl"),
    "sync_1000_wall_vs_models": Goal("x", 0.15, "the same, beside the official models"),
    "sync_1000_rss_growth": Goal("MiB", 40, "memory that this first sync adds"),
    "watch_cpu_vs_official": Goal(
        "x", None, "CPU of watching 1,000 nodes at 300 statuses a second, beside the official Watch"
    ),
    "sync_5000_wall": Goal("s", 10, "first sync of 5,000 nodes + 25,000 pods"),
    "bot_5000_rss": Goal("MiB", 300, "highest memory of the whole bot there"),
    "bot_5000_cpu": Goal("%", 3, "CPU of one core there, at 17 heartbeats a second"),
    "requests_5000": Goal("/h", None, "requests that the API server answers an hour, nothing new"),
    "cycle_5000": Goal("ms", 150, "one cycle there, after a change"),
    "cycle_5000_first": Goal("ms", None, "the first cycle there"),
    "cycle_5000_storm": Goal("ms", None, "the cycle in which all 5,000 flannels died at once"),
    "loop_block_5000": Goal("ms", 100, "longest time there without a turn of the event loop"),
    "slash_ack_p99": Goal(
        "ms", 200, "slash command acknowledged, the bot at its busiest: 99th percentile"
    ),
    "alert_p50": Goal("ms", 400, "status written -> first card, channel idle for 1 s: median"),
    "alert_p99": Goal("ms", 1000, "the same: 99th percentile"),
    "alert_loaded_p50": Goal(
        "ms", 400, "the same at 5,000 nodes and 500 status writes a second: median"
    ),
    "alert_loaded_p99": Goal("ms", 1000, "the same: 99th percentile"),
    "selection_5000": Goal("s", 2, "NIC selection simulated on 5,000 nodes of 60 NICs"),
    "drift_1000_cpu": Goal(
        "s", 3, "routes, neighbours, FDB of 1,000 nodes judged, a million of each: CPU"
    ),
    "drift_1000_rss": Goal("MiB", 300, "highest memory of that process"),
    "routes_all_1000": Goal(
        "s", 60, "`routes --all` of 1,000 nodes looked at by exec, until the answer is there"
    ),
    "drain_wall": Goal(
        "s", None, "drain of a node with 30 pods, from first write to last pod gone"
    ),
    "drain_vs_kubectl": Goal("x", 1.1, "the same, beside `kubectl drain` of the same pods"),
    "soak_rss_growth": Goal("%", 5, "memory after half an hour of everything at once: growth"),
    "soak_files_left": Goal("files", 0, "open files and sockets left behind by it"),
    "soak_tasks_left": Goal("tasks", 0, "tasks left behind by it"),
    "bot_120_rss": Goal("MiB", 130, "memory of the whole bot, 120 nodes, nothing going on"),
}


@dataclass(frozen=True)
class Peer:
    """Another program's value in the same run."""

    name: str
    version: str
    value: float


@dataclass(frozen=True)
class Row:
    """One measurement. `spread` is the distance from the least to the greatest of its runs."""

    name: str
    value: float | None
    unit: str
    goal: float | None
    ok: bool | None
    peer: Peer | None
    runs: int
    spread: float | None
    skipped: str | None

    def line(self) -> str:
        return json.dumps(asdict(self))


def row(
    name: str,
    values: Sequence[float],
    *,
    value: float | None = None,
    peer: Peer | None = None,
    skipped: str | None = None,
) -> Row:
    """Judge some runs by their median, or by `value` where that is made of them otherwise.

    With a reason in `skipped` nothing is judged: the size was not the goal's.
    """
    goal = GOALS[name]
    value = statistics.median(values) if value is None else value
    value = _rounded(value)
    return Row(
        name=name,
        value=value,
        unit=goal.unit,
        goal=goal.most,
        ok=None if skipped is not None or goal.most is None else value <= goal.most,
        peer=peer and Peer(peer.name, peer.version, _rounded(peer.value)),
        runs=len(values),
        spread=_rounded(max(values) - min(values)),
        skipped=skipped,
    )


def ratio(
    name: str, ours: Sequence[float], theirs: Sequence[float], *, of: tuple[str, str],
    skipped: str | None = None,
) -> Row:  # fmt: skip
    """Judge runs by the median of their ratios to another program's, taken pair by pair."""
    peer = Peer(*of, statistics.median(theirs))
    return row(name, [a / b for a, b in zip(ours, theirs, strict=True)], peer=peer, skipped=skipped)


def missing(name: str, reason: str) -> Row:
    """A row that cannot be measured here."""
    goal = GOALS[name]
    return Row(name, None, goal.unit, goal.most, None, None, 0, None, reason)


def broken(name: str) -> Row:
    """A row whose measurement failed, which is not well."""
    goal = GOALS[name]
    return Row(name, None, goal.unit, goal.most, False, None, 0, None, None)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def read(text: str) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run, by name."""
    return {
        found["name"]: found for line in text.splitlines() if line for found in [json.loads(line)]
    }


def table(rows: Sequence[Row], earlier: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The rows for people."""
    head = ["", "name", "value", "goal", "spread", "runs", "peer"]
    lines = [[*head, "before"] if earlier is not None else head]
    for one in rows:
        verdict = {True: "ok", False: "MISSED", None: "-" if one.skipped is None else "skip"}[
            one.ok
        ]
        peer = f"{one.peer.name} {one.peer.version}: {one.peer.value:g}" if one.peer else ""
        cells = [
            verdict,
            one.name,
            "-" if one.value is None else f"{one.value:g} {one.unit}",
            "" if one.goal is None else f"<= {one.goal:g}",
            "" if one.spread is None else f"{one.spread:g}",
            str(one.runs),
            peer,
        ]
        if earlier is not None:
            cells.append(_change(one, earlier.get(one.name)))
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    shown += [f"{one.name}: {one.skipped}" for one in rows if one.skipped]
    return "\n".join(shown)


def _change(now: Row, before: Mapping[str, Any] | None) -> str:
    if before is None or not before.get("value") or now.value is None:
        return ""
    return f"{before['value']:g} ({(now.value / before['value'] - 1) * 100:+.0f} %)"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
