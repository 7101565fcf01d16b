"""Whatever goes wrong while something is answered, as the page that says so."""

import asyncio
from collections.abc import Awaitable

from bot.adapters.slack import answers_view, prose, wording
from bot.domain import errors


async def within(seconds: float, work: Awaitable[prose.Page]) -> prose.Page:
    """Return the page that `work` makes, or one that says why there is none."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return answers_view.problem(wording.TIMED_OUT)
    except errors.Refused as error:
        first, *rest = error.reasons or (str(error),)
        return answers_view.problem(first, "; ".join(rest))
    except errors.BotError as error:
        return answers_view.problem(wording.unavailable(str(error)))
