"""A dead man's switch: an address that is fetched. It is a secret, and stands in no error."""

from dataclasses import dataclass, field

import aiohttp

from bot.domain import errors


@dataclass(frozen=True, slots=True)
class Options:
    """Where, and for how many seconds at most."""

    url: str = field(repr=False)
    timeout: float = 10.0


class DeadMan:
    """Implements `bot.flow.heartbeat.Switch`."""

    def __init__(self, options: Options) -> None:
        self._options = options

    async def beat(self) -> None:
        """Fetch it. Raises Unavailable unless the answer is a good one."""
        limits = aiohttp.ClientTimeout(total=self._options.timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=limits, trust_env=True) as session,
                session.get(self._options.url) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # The text of these names the address.
            raise errors.Unavailable(
                f"heartbeat.url cannot be reached ({type(error).__name__})"
            ) from None
        if not 200 <= status < 300:
            raise errors.Unavailable(f"heartbeat.url answered HTTP {status}")
