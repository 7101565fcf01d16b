"""Tickets: what buttons carry, made and proved by a key that is kept with the bot's state."""

import secrets

from bot.domain import errors, ticket
from bot.domain.ticket import Ticket
from bot.flow import ports

_KEY = "ticket key"


class Tickets:
    """Makes the values of buttons, and proves those that come back. Raises Unavailable."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        self._key: bytes | None = None

    async def value(self, its: Ticket) -> str:
        """Return a button's value."""
        return ticket.made(await self._secret(), its)

    async def proved(self, value: str, kind: ticket.Kind) -> int:
        """Return the number of what a button is for. Raises Refused where it is none of ours."""
        claimed = ticket.number(value)
        if claimed is None or claimed[0] is not kind:
            raise errors.Refused("this button is not one of this bot's; nothing was done")
        digest = ""
        if kind is ticket.Kind.PLAN:
            its = await self._store.remedy.plan(claimed[1])
            digest = its.digest if its is not None else ""
        if not ticket.proves(await self._secret(), value, Ticket(kind, claimed[1], digest)):
            raise errors.Refused("this button is not one of this bot's; nothing was done")
        return claimed[1]

    async def _secret(self) -> bytes:
        if self._key is None:
            kept = await self._store.mark(_KEY)
            if kept is None:
                async with self._store.unit() as unit:
                    # Writers take turns, so what is read here no other process changes now.
                    if await self._store.mark(_KEY) is None:
                        await unit.set_mark(_KEY, secrets.token_hex(32))
                kept = await self._store.mark(_KEY)
            self._key = bytes.fromhex(kept or "")
        return self._key
