"""Records: plans and runs by the numbers that people say; what is not there is refused by name."""

from bot.domain import errors
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.flow import ports


class Records:
    """Reads them. Raises Refused for a number that is none, Unavailable."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store

    async def plan(self, number: int) -> Plan:
        """Return a plan."""
        found = await self._store.remedy.plan(number)
        if found is None:
            known = [one.name for one in await self._store.remedy.plans(open_only=False)][:5]
            newest = f"; the newest are {', '.join(known)}" if known else "; there is none yet"
            raise errors.Refused(f"there is no PLAN-{number}{newest}")
        return found

    async def run(self, number: int) -> Run:
        """Return a run."""
        found = await self._store.remedy.run(number)
        if found is None:
            raise errors.Refused(f"there is no RUN-{number}")
        return found
