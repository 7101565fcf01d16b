"""Offering: what could be asked for about an incident; cheap, and looks at nothing."""

from collections.abc import Mapping, Sequence

from bot import runbooks
from bot.domain.incident import Incident, State
from bot.flannel import discovery
from bot.flow import ports, propose
from bot.flow.remedy_answers import Offer
from bot.flow.site import Ground
from bot.runbooks import offers


class Offering:
    """Tells which runbooks fit.

    Args:
        grounds: by cluster.
        clock: time.
    """

    def __init__(self, grounds: Mapping[str, Ground], *, clock: ports.Clock) -> None:
        self._grounds = grounds
        self._clock = clock

    def fitting(self, incident: Incident) -> Sequence[Offer]:
        """Return the runbooks that fit, the best first; none while nothing may be changed."""
        ground = self._open(incident)
        if ground is None:
            return ()
        taken = ground.mirror.snapshot()
        given = runbooks.Case(
            snapshot=taken,
            now=self._clock.now(),
            requester="",
            # A replica that has just come may be asked before it has judged anything.
            flannels=ground.known.newest.flannels or discovery.find(taken),
            peaks=ground.known.peaks,
        )
        return propose.offered(offers.of(incident, given))

    def unseen(self, incident: Incident) -> bool:
        """Whether only what is not seen now keeps a fix from being offered."""
        ground = self._open(incident)
        if ground is None:
            return False
        work = incident.workload
        seen = ground.mirror.snapshot().sees(work.kind, work.namespace, work.name)
        return offers.may_come(incident) and not seen

    def _open(self, incident: Incident) -> Ground | None:
        ground = self._grounds.get(incident.cluster)
        if ground is None or not ground.rules.enabled or incident.state is State.RESOLVED:
            return None
        return ground
