"""What has happened in the pretend cluster so far, told from one look at its truth to the next.

Pure: whoever asks hands in what the cluster's control says, and the time. The terminal of the
demo and the page tell the same story because both read it here.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sim.scenarios import scenario

Json = dict[str, Any]

_KEPT = 500


@dataclass
class Story:
    """The happenings of one cluster, the latest few hundred of them."""

    _nodes: dict[str, Json] = field(default_factory=dict)
    _truth: Json = field(default_factory=dict)
    _told: collections.deque[Json] = field(
        default_factory=lambda: collections.deque(maxlen=_KEPT), repr=False
    )
    _number: int = 0

    def note(self, kind: str, text: str, *, at: float, node: str | None = None) -> None:
        """Add a happening of one's own, such as a fault that somebody switched on."""
        self._number += 1
        self._told.append({"id": self._number, "at": at, "kind": kind, "node": node, "text": text})

    def observe(self, truth: Json, *, at: float) -> None:
        """Compare what is so now with what was so at the last look."""
        bursts = self._truth.get("bursts", 0)
        self._truth = {key: value for key, value in truth.items() if key != "nodes"}
        if truth.get("bursts", 0) > bursts:
            text = "the API server closed its watches: every flannel lists all nodes at once"
            self.note("burst", text, at=at)
        for name, node in truth["nodes"].items():
            before = self._nodes.get(name, {})
            for kind, text in _news(name, before, node):
                self.note(kind, text, at=at, node=name)
        self._nodes = {name: _kept(node) for name, node in truth["nodes"].items()}

    def tell(self, *, since: int = 0) -> Json:
        """The story in short, and the happenings after number `since`."""
        plan = scenario.ALL.get(self._truth.get("scenario", ""))
        nodes = {name: _state(node) for name, node in self._nodes.items()}
        states = collections.Counter(nodes.values())
        return {
            "scenario": self._truth.get("scenario"),
            "about": plan.about if plan else "",
            "speed": self._truth.get("speed"),
            "counts": {
                "nodes": len(nodes),
                "ready": len(nodes) - states["silent"],
                "oom_kills": sum(node["oom_kills"] for node in self._nodes.values()),
                "crash_looping": states["looping"],
                "flannel_down": sum(not node["flannel_running"] for node in self._nodes.values()),
            },
            "next": self._next(),
            "nodes": nodes,
            "happenings": [one for one in self._told if one["id"] > since],
            "last": self._number,
        }

    def _next(self) -> Json | None:
        """What the scenario does next of its own accord, and in how many true seconds."""
        due = self._truth.get("next_burst")
        if due is None:
            return None
        seconds = (due - self._truth["elapsed"]) / self._truth["speed"]
        return {
            "in_seconds": round(max(0.0, seconds), 1),
            "text": "the API server closes its watches; memory of every flannel peaks",
        }


def _news(name: str, before: Mapping[str, Any], node: Json) -> list[tuple[str, str]]:
    news = []
    for number in range(before.get("oom_kills", 0) + 1, node["oom_kills"] + 1):
        again = f" (kill {number})" if number > 1 else ""
        news.append(("kill", f"flannel on {name} was OOM-killed{again}"))
    if node["crash_looping"] and not before.get("crash_looping"):
        reason = node.get("last_error") or "see its log"
        news.append(("loop", f"flannel on {name} crash-loops: {reason}"))
    if before.get("crash_looping") and node["flannel_running"] and not node["crash_looping"]:
        news.append(("well", f"flannel on {name} runs again"))
    if before and before["ready"] is not node["ready"]:
        silent = ("lost", f"{name} is silent: its kubelet tells nothing")
        news.append(("back", f"{name} answers again") if node["ready"] else silent)
    return news


def _kept(node: Json) -> Json:
    keys = ("oom_kills", "crash_looping", "flannel_running", "ready")
    return {key: node[key] for key in keys}


def _state(node: Json) -> str:
    if not node["ready"]:
        return "silent"
    if node["crash_looping"]:
        return "looping"
    if not node["flannel_running"]:
        return "down"
    return "killed" if node["oom_kills"] else "well"
