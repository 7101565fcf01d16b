"""The faults of the API server itself: its misbehaviours, under their names for the outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bot.sim.cluster import faults_world, misbehaviour

NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "api_refuse": ("refuse", {}),
    "api_abort": ("abort", {}),
    "api_lose": ("lose", {}),
    "api_500": ("error", {"code": 500}),
    "api_503_html": ("html", {"code": 503}),
    "api_429": ("throttle", {"retry_after": 1}),
    "api_401": ("unauthorized", {}),
    "api_slow": ("slow", {"seconds": 1.0}),
    "api_hang": ("hang", {}),
    "watch_cut": ("watch-cut", {}),
    "watch_silent": ("watch-silent", {}),
    "watch_end": ("watch-end", {}),
    "watch_410": ("watch-gone", {}),
    "watch_garbage": ("garbage-line", {}),
    "bad_object": ("bad-object", {"resource": "pods"}),
    "metrics_absent": ("metrics-absent", {}),
}
"""Name here, name on the switchboard, default parameters."""

_KINDS: dict[str, type] = {
    "resource": str,
    "name": str,
    "verb": str,
    "user_agent": str,
    "count": int,
    "probability": float,
    "code": int,
    "retry_after": int,
    "seconds": float,
}


def specs(switchboard: misbehaviour.Switchboard) -> dict[str, faults_world.Spec]:
    """All of them, for one API server. Seconds among the parameters are real ones."""

    def strike(theirs: str, nodes: frozenset[str], params: dict[str, Any]) -> Callable[[], None]:
        del nodes
        switchboard.set(theirs, params)
        return partial(_clear, switchboard, theirs)

    def worn_off(theirs: str) -> bool:
        return not switchboard.is_on(theirs)

    return {
        name: faults_world.Spec(
            about=misbehaviour.FAULTS[theirs],
            strike=partial(strike, theirs),
            default_params=defaults,
            kinds=_KINDS,
            by_node=False,
            worn_off=partial(worn_off, theirs),
        )
        for name, (theirs, defaults) in NAMES.items()
    }


def _clear(switchboard: misbehaviour.Switchboard, name: str) -> None:
    switchboard.clear(name)
