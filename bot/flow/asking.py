"""Asking: one wish put into the store, and waited for until it is answered."""

import asyncio
import contextlib
from datetime import timedelta
from typing import TypeVar

from bot.domain import errors
from bot.flow import ports, pulse
from bot.flow.wish_ports import Answer, What, Wish

T = TypeVar("T")

UNTAKEN = 20.0
"""Seconds after which a wish that nobody took is taken back."""

_OPEN_FOR = timedelta(minutes=5)
"""How long it could be taken at all: far longer, since the executor's clock may be another."""

PATIENCE = 300.0
"""Seconds that the answer to one that was taken is waited for: a probe pod takes minutes."""

_BRIEF, _LONGER, _LATER = 0.1, 0.5, 2.0
"""Seconds between two looks for the answer: at first, and after a while."""

BUSY = "the executor is busy: try again in a moment"
SLOW = "whether it was done is not known: the executor has not answered; look for a card of it"
WRONG = "the executor answered something else than was asked"


class Asking:
    """Asks the executor.

    Args:
        store: with the wishes.
        listener: whether there is one.
        clock: time.
    """

    def __init__(self, store: ports.Store, listener: pulse.Listener, *, clock: ports.Clock) -> None:
        self._wishes = store.wishes
        self._listener = listener
        self._clock = clock

    @property
    def trouble(self) -> str:
        """Why no executor can be counted on; empty while one can."""
        return self._listener.trouble

    async def ask(self, what: What, kind: type[T], *, by: str = "", cluster: str = "") -> T:
        """Wish something and return the answer, which is of that type.

        Raises:
            Refused, Conflict: as the executor judged.
            Unavailable: there is no executor, it ended meanwhile, or the store does not answer.
        """
        if self.trouble:
            raise errors.Unavailable(self.trouble)
        now = self._clock.now()
        wish = await self._wishes.put(Wish(0, what, by, now, now + _OPEN_FOR, cluster))
        try:
            found = await self._answered(wish.id)
        except BaseException:
            # Whoever stops waiting wants it no more: what was not taken must never be done.
            with contextlib.suppress(errors.BotError):
                await asyncio.shield(self._wishes.withdraw(wish.id, now=self._clock.now()))
            raise
        if not isinstance(found, kind):
            raise errors.Unavailable(WRONG)
        return found

    async def _answered(self, number: int) -> object:
        began = self._clock.monotonic()
        taken = False
        while True:
            waited = self._clock.monotonic() - began
            await self._clock.sleep(_BRIEF if waited < _LATER else _LONGER)
            answer, reached = await self._look(number)
            if answer is not None:
                return answer.result()
            given_up = waited > UNTAKEN or bool(self.trouble)
            if reached and given_up and not taken:
                taken = not await self._wishes.withdraw(number, now=self._clock.now())
                if not taken:
                    raise errors.Unavailable(self.trouble or BUSY)
            elif given_up and (waited > PATIENCE or (taken and self.trouble)):
                raise errors.Unavailable(SLOW)

    async def _look(self, number: int) -> tuple[Answer | None, bool]:
        """Return the answer, None while there is none, and whether the store could be asked."""
        try:
            if not await self._wishes.ready([number]):
                return None, True
            return await self._wishes.collect(number), True
        except errors.Unavailable:
            return None, False
