"""What controllers ask of a pod: is it ready, available, over. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

Object = dict[str, Any]


def condition(obj: Object, kind: str) -> Object:
    """A condition by type, or an empty one."""
    for item in (obj.get("status") or {}).get("conditions") or ():
        if item["type"] == kind:
            return dict(item)
    return {}


def ready(pod: Object) -> bool:
    """Whether the pod's Ready is True."""
    return bool(condition(pod, "Ready").get("status") == "True")


def available(pod: Object, *, min_ready_seconds: float, now: datetime) -> bool:
    """Whether it has been ready for long enough."""
    since = condition(pod, "Ready")
    if since.get("status") != "True":
        return False
    if not min_ready_seconds:
        return True
    changed = datetime.fromisoformat(since["lastTransitionTime"])
    return (now - changed).total_seconds() >= min_ready_seconds


def terminating(pod: Object) -> bool:
    """Whether its deletion has been asked for."""
    return "deletionTimestamp" in pod["metadata"]


def over(pod: Object) -> bool:
    """Whether it has ended for good."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def scaled(value: object, total: int, *, up: bool) -> int:
    """A number or a percentage of a total, as maxUnavailable and maxSurge are written."""
    if isinstance(value, str) and value.endswith("%"):
        exact = float(value[:-1]) * total / 100.0
        whole = int(exact)
        return whole + 1 if up and exact > whole else whole
    return int(str(value))
