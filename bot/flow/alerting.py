"""Alerting: the alerts that an Alertmanager told us and that still count, kept over restarts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain import alert
from bot.flow import ports

log = structlog.get_logger(__name__)

MOST = 500
"""Alerts of one cluster that are kept; what says more says nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How long an alert counts that is not told again."""

    expire_after: timedelta = timedelta(hours=6)
    cluster_label: str = "cluster"
    """The label whose value is a cluster's name; needed where there are several."""


class Alerts:
    """The alerts of every cluster.

    Args:
        clusters: their names.
        store: where they are kept.
        clock: time.
        telemetry: numbers.
        options: how long they count.
    """

    def __init__(
        self,
        clusters: Sequence[str],
        store: ports.Store,
        *,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        options: Options,
    ) -> None:
        self._clusters = tuple(clusters)
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._options = options
        self._known: dict[str, dict[str, alert.Alert]] = {}

    async def begin(self) -> None:
        """Remember what was told to an earlier process. Raises Unavailable."""
        for cluster in self._clusters:
            await self._read(cluster)

    async def _read(self, cluster: str) -> None:
        text = await self._store.mark(_key(cluster))
        self._known[cluster] = _read(text) if text else {}

    def firing(self, cluster: str) -> list[alert.Alert]:
        """Return the alerts of a cluster that count now."""
        now, after = self._clock.now(), self._options.expire_after
        known = self._known.get(cluster, {}).values()
        return [each for each in known if not each.over(now, expire_after=after)]

    async def take(self, told: Sequence[alert.Alert]) -> list[str]:
        """Take what was told, and return the clusters it is about. Raises Unavailable.

        It is stored when this returns.
        """
        groups: dict[str, list[alert.Alert]] = {}
        for each in told:
            cluster = self._cluster_of(each)
            if cluster is None:
                self._count("unknown_cluster")
            else:
                groups.setdefault(cluster, []).append(each)
        for cluster, alerts in groups.items():
            async with self._store.unit() as unit:
                # Read within the unit: another replica may have been told of others.
                await self._read(cluster)
                known = {one.key: one for one in self.firing(cluster)}
                after, refused = alert.taken(known, alerts, most=MOST)
                await unit.set_mark(_key(cluster), _written(after))
            self._known[cluster] = after
            self._count("too_many", refused)
            for each in alerts:
                self._count(each.status.value)
        return list(groups)

    def _cluster_of(self, value: alert.Alert) -> str | None:
        named = value.labels.get(self._options.cluster_label or "cluster", "")
        if named in self._clusters:
            return named
        return self._clusters[0] if len(self._clusters) == 1 else None

    def _count(self, result: str, number: int = 1) -> None:
        if number:
            self._telemetry.count("alerts_received_total", number, result=result)


def _key(cluster: str) -> str:
    return f"alerts/{cluster}"


def _written(alerts: Mapping[str, alert.Alert]) -> str:
    return json.dumps(
        [
            {
                "key": one.key,
                "labels": dict(one.labels),
                "summary": one.summary,
                "starts_at": one.starts_at.isoformat(),
                "told_at": one.told_at.isoformat(),
                "ends_at": one.ends_at.isoformat() if one.ends_at else None,
            }
            for one in alerts.values()
        ]
    )


def _read(text: str) -> dict[str, alert.Alert]:
    """Read what `_written` wrote; only alerts that fire are kept."""
    found = {}
    for one in json.loads(text):
        ends_at = one["ends_at"]
        found[one["key"]] = alert.Alert(
            key=one["key"],
            status=alert.Status.FIRING,
            labels=one["labels"],
            summary=one["summary"],
            starts_at=datetime.fromisoformat(one["starts_at"]),
            told_at=datetime.fromisoformat(one["told_at"]),
            ends_at=datetime.fromisoformat(ends_at) if ends_at else None,
        )
    return found
