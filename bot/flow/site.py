"""Site: one cluster as remediation sees it, with looks put into the words of verification."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from bot.domain import errors
from bot.domain.verification import NodeLook
from bot.flannel import inspection
from bot.flow import actuation, insight, ports
from bot.flow.rules import Rules
from bot.flow.sight import Sight, beside


class Ground(Protocol):
    """One cluster as far as it is only read: what is seen of it, and what may be changed there."""

    @property
    def cluster(self) -> str:
        """The cluster's name."""

    @property
    def mirror(self) -> ports.Mirror:
        """What Kubernetes says of it."""

    @property
    def known(self) -> insight.Insight:
        """What is known beyond its objects."""

    @property
    def rules(self) -> Rules:
        """What may be changed."""


@dataclass(frozen=True, slots=True)
class Lookout:
    """One cluster where this process changes nothing, and looks at no node. Implements `Ground`."""

    mirror: ports.Mirror
    known: insight.Insight
    rules: Rules

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.mirror.cluster


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster: its mirror, its writes, and deep looks at its nodes. Implements `Ground`."""

    mirror: ports.Mirror
    actuator: actuation.Actuator
    sight: Sight
    looks: ports.Inspections
    known: insight.Insight
    channel: str
    own_node: str = ""
    rules: Rules = field(default_factory=Rules)

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.mirror.cluster

    async def look(self, nodes: Collection[str], *, max_age: timedelta) -> Mapping[str, NodeLook]:
        """Look at nodes, not longer ago than that; those that cannot be looked at are left out.

        Raises nothing: not having seen is told by what is missing.
        """
        if not nodes:
            return {}
        try:
            found = await self.looks.nodes(sorted(nodes), max_age=max_age)
            where = await self.sight.whole()
        except (errors.Unavailable, errors.Refused):
            return {}
        seen = {name: one for name, one in found.items() if isinstance(one, inspection.Inspection)}
        where = replace(where, inspections=seen)
        studies = await beside(lambda: where.looks, len(seen))
        looks = {}
        for name, study in studies.items():
            drift = study.drift
            told = drift is not None and study.tables
            looks[name] = NodeLook(
                at=study.taken_at,
                nic=study.outlook.present.nic or None,
                complete=drift.missing == 0 if drift is not None and told else None,
                trouble=drift.deviations[0].summary if drift and drift.deviations else "",
            )
        return looks
