"""The one line that says how a pod is: the words `kubectl get pods` prints."""

from collections.abc import Sequence
from typing import Any

from bot.sim.cluster import durations, objects

Object = objects.Object
NONE = "<none>"


def cells(pod: Object, *, age: str) -> list[Any]:
    """Name, ready, status, restarts, age, IP, node, nominated node, readiness gates."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    statuses = status.get("containerStatuses") or []
    ready = sum(1 for item in statuses if item.get("ready"))
    ips = [item["ip"] for item in status.get("podIPs") or ()]
    gates = spec.get("readinessGates") or ()
    return [
        pod["metadata"].get("name", ""),
        f"{ready}/{len(spec.get('containers') or ())}",
        word(pod),
        restarts(pod),
        age,
        ips[0] if ips else status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{_passed(gates, status)}/{len(gates)}" if gates else NONE,
    ]


def _passed(gates: Sequence[Object], status: Object) -> int:
    good = {item["type"] for item in status.get("conditions") or () if item.get("status") == "True"}
    return sum(1 for gate in gates if gate.get("conditionType") in good)


def word(pod: Object) -> str:
    """The status column: the most telling reason there is."""
    status = pod.get("status") or {}
    reason = str(status.get("reason") or status.get("phase") or "")
    reason, initialising = _initial(pod, reason)
    if not initialising:
        reason = _running(status, reason)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            return "Unknown"
        if status.get("phase") not in {"Succeeded", "Failed"}:
            return "Terminating"
    return reason


def _initial(pod: Object, reason: str) -> tuple[str, bool]:
    status = pod.get("status") or {}
    total = len((pod.get("spec") or {}).get("initContainers") or ())
    for position, item in enumerate(status.get("initContainerStatuses") or ()):
        state = item.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended is not None and ended.get("exitCode") == 0:
            continue
        if ended is not None:
            return f"Init:{_end(ended)}", True
        if waiting is not None and waiting.get("reason") not in {None, "", "PodInitializing"}:
            return f"Init:{waiting['reason']}", True
        return f"Init:{position}/{total}", True
    return reason, False


def _running(status: Object, reason: str) -> str:
    runs = False
    for item in reversed(status.get("containerStatuses") or ()):
        state = item.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif "terminated" in state:
            reason = _end(state["terminated"])
        elif item.get("ready") and "running" in state:
            runs = True
    if reason == "Completed" and runs:
        ready = any(
            item.get("type") == "Ready" and item.get("status") == "True"
            for item in status.get("conditions") or ()
        )
        reason = "Running" if ready else "NotReady"
    return reason


def _end(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"


def restarts(pod: Object) -> str:
    """The restarts column: how often, and when last."""
    count, last = 0, ""
    for item in (pod.get("status") or {}).get("containerStatuses") or ():
        count += int(item.get("restartCount", 0))
        ended = (item.get("lastState") or {}).get("terminated") or {}
        last = max(last, str(ended.get("finishedAt") or ""))
    if count and last:
        return f"{count} ({durations.age(last)} ago)"
    return str(count)
