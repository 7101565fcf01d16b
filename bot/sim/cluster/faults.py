"""What can be made to go wrong in the simulated cluster, by name, and healed again.

Each fault is a way to bring about a cause; what follows from it (kills, back-off, unavailable
DaemonSets, NotReady nodes) is the simulation's own doing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import faults_api, faults_network, faults_world, misbehaviour, world

Params = Mapping[str, Any]


class UnknownFault(Exception):
    """There is no fault of this name."""


class BadRequest(Exception):
    """Parameters or nodes that do not fit."""


@dataclass
class Active:
    """A fault that is on."""

    nodes: list[str]
    params: dict[str, Any]
    heal: Callable[[], None]


@dataclass
class Faults:
    """The switches of one cluster."""

    of: world.World
    switchboard: misbehaviour.Switchboard
    _active: dict[str, Active] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._specs: dict[str, faults_world.Spec] = {
            **faults_world.specs(self.of),
            **faults_network.specs(self.of),
            **faults_api.specs(self.switchboard),
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Every fault: whether it is on, what it is, where, and with which parameters."""
        return {name: self.describe_one(name) for name in sorted(self._specs)}

    def describe_one(self, name: str) -> dict[str, Any]:
        """One fault.

        Raises:
            UnknownFault: there is none of this name.
        """
        spec = self._spec(name)
        active = self._active.get(name)
        if active is not None and spec.worn_off():
            active = None
            del self._active[name]
        return {
            "active": active is not None,
            "about": spec.about,
            "by_node": spec.by_node,
            "nodes": [] if active is None else active.nodes,
            "params": {} if active is None else active.params,
            "default_params": dict(spec.default_params),
        }

    def set(self, name: str, *, nodes: Iterable[str] = (), params: Params | None = None) -> None:
        """Switch a fault on; if it is on already it is healed first and begins anew.

        Args:
            name: of the fault.
            nodes: where; empty for the fault's own choice.
            params: those that differ from the defaults.

        Raises:
            UnknownFault: there is none of this name.
            BadRequest: unknown nodes or parameters, or values that do not fit.
        """
        spec = self._spec(name)
        chosen = self._nodes(name, spec, list(nodes))
        merged = self._params(name, spec, params or {})
        self.clear(name)
        if spec.places is not None and not chosen:
            chosen = spec.places(merged)
            if not chosen:
                raise BadRequest(f"fault {name} finds no node to strike")
        try:
            heal = spec.strike(frozenset(chosen), merged)
        except ValueError as refusal:
            raise BadRequest(str(refusal)) from refusal
        if heal is not None:
            self._active[name] = Active(sorted(chosen), merged, heal)

    def clear(self, name: str) -> bool:
        """Heal; False if it was not on.

        Raises:
            UnknownFault: there is none of this name.
        """
        self._spec(name)
        active = self._active.pop(name, None)
        if active is None:
            return False
        active.heal()
        return True

    def clear_all(self) -> None:
        """Heal everything."""
        for name in tuple(self._active):
            self.clear(name)

    def _spec(self, name: str) -> faults_world.Spec:
        spec = self._specs.get(name)
        if spec is None:
            raise UnknownFault(f"there is no fault {name!r}; there are: {_listed(self._specs)}")
        return spec

    def _nodes(self, name: str, spec: faults_world.Spec, nodes: list[str]) -> list[str]:
        if nodes and not spec.by_node:
            raise BadRequest(f"fault {name} concerns the whole cluster: give no nodes")
        unknown = [node for node in nodes if node not in self.of.kubelets]
        if unknown:
            known = list(self.of.kubelets)
            shown = _listed(known[:8]) + (f", … ({len(known)} in all)" if len(known) > 8 else "")
            raise BadRequest(f"unknown nodes: {', '.join(unknown)}; there are: {shown}")
        return nodes

    def _params(self, name: str, spec: faults_world.Spec, params: Params) -> dict[str, Any]:
        merged = dict(spec.default_params)
        for key, value in params.items():
            kind = spec.kinds.get(key)
            if kind is None:
                known = _listed(spec.kinds) or "none"
                raise BadRequest(f"fault {name} has no parameter {key!r}; there are: {known}")
            if isinstance(value, bool) != (kind is bool) or not isinstance(
                value, (int, float) if kind is float else kind
            ):
                raise BadRequest(
                    f"parameter {key!r} of fault {name} must be of type {kind.__name__}, "
                    f"not {value!r}"
                )
            merged[key] = value
        return merged


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
