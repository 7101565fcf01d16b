"""Site: one cluster as remediation sees it, with looks put into the words of verification."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain import errors
from bot.domain.verification import NodeLook
from bot.flannel import inspection
from bot.flow import actuation, insight, ports
from bot.flow.rules import Rules
from bot.flow.sight import Sight, beside


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster: its mirror, its writes, and deep looks at its nodes."""

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
