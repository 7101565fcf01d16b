"""Kubernetes Events as the system's parts write them, with equal ones counted up."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

from bot.sim.cluster import registry, timing

Object = dict[str, Any]

LIFETIME = 3600.0
"""Seconds of the simulation an Event is kept after its last occurrence."""

_SWEEP = 300.0


class Recorder:
    """Writes Events through the registry and lets old ones go."""

    def __init__(self, *, api: registry.Registry, clock: timing.Timing) -> None:
        self._api = api
        self._clock = clock
        self._named = 0
        self._known: dict[tuple[str, ...], tuple[str, str]] = {}
        self._ages: deque[tuple[float, tuple[str, ...]]] = deque()
        self._last: dict[tuple[str, ...], float] = {}

    def start(self) -> None:
        """Begin letting old Events go."""
        self._clock.every(_SWEEP, self._sweep, what="event expiry")

    def emit(
        self,
        about: Object,
        reason: str,
        message: str,
        *,
        component: str,
        host: str = "",
        kind: Literal["Normal", "Warning"] = "Normal",
        field_path: str = "",
    ) -> None:
        """Write an Event about an object, or count up the one that says the same."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        key = (metadata.get("uid", ""), reason, message, component, host, field_path)
        now = timing.stamp(self._clock.now())
        self._last[key] = self._clock.elapsed()
        known = self._known.get(key)
        if known is not None:
            found = self._api.store.get("events", *known)
            if found is not None:
                body = {"count": found.get("count", 1) + 1, "lastTimestamp": now}
                self._api.patch("events", *known, body, kind="merge")
                return
        involved = {
            "kind": about["kind"],
            "namespace": metadata.get("namespace"),
            "name": metadata["name"],
            "uid": metadata.get("uid"),
            "apiVersion": about["apiVersion"],
            "resourceVersion": metadata.get("resourceVersion"),
            "fieldPath": field_path,
        }
        event = {
            "metadata": {"name": self._name(metadata["name"])},
            "involvedObject": {name: value for name, value in involved.items() if value},
            "reason": reason,
            "message": message,
            "source": {"component": component} | ({"host": host} if host else {}),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": host,
        }
        written = self._api.create("events", namespace, event)
        self._known[key] = (namespace, written["metadata"]["name"])
        self._ages.append((self._clock.elapsed(), key))

    def scheduling(self, pod: Object, message: str) -> None:
        """The scheduler's Event: of the newer kind, with eventTime and without counts."""
        metadata = pod["metadata"]
        key = (metadata["uid"], "FailedScheduling", message)
        if key in self._known:
            return
        event = {
            "metadata": {"name": self._name(metadata["name"])},
            "involvedObject": {
                "kind": "Pod",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "apiVersion": "v1",
                "resourceVersion": metadata["resourceVersion"],
            },
            "reason": "FailedScheduling",
            "message": message,
            "source": {},
            "type": "Warning",
            "eventTime": timing.micro_stamp(self._clock.now()),
            "action": "Scheduling",
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-cp-1",
        }
        written = self._api.create("events", metadata["namespace"], event)
        self._known[key] = (metadata["namespace"], written["metadata"]["name"])
        self._ages.append((self._clock.elapsed(), key))

    def _name(self, about: str) -> str:
        # Of the time in nanoseconds, so that a list sorted by name is sorted by time, too.
        now = int(self._clock.now().timestamp() * 1e9)
        self._named = max(self._named + 1, now)
        return f"{about}.{self._named:x}"

    def _sweep(self) -> None:
        horizon = self._clock.elapsed() - LIFETIME
        while self._ages and self._ages[0][0] < horizon:
            _, key = self._ages.popleft()
            last = self._last.get(key, 0.0)
            if last >= horizon:
                self._ages.append((last, key))
                continue
            self._last.pop(key, None)
            where = self._known.pop(key, None)
            if where is not None and self._api.store.get("events", *where) is not None:
                self._api.delete("events", *where)
