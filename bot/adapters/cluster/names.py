"""Names of API servers, looked up beside everybody else's.

asyncio looks names up in one pool of threads that all share. A name server that does not answer
holds a thread for half a minute, and whoever asks it often holds them all: then no cluster's name
is found any more, and nothing is judged either. So each cluster has threads of its own.
"""

import asyncio
import concurrent.futures
import socket

import aiohttp.abc

_THREADS = 2
"""One connector looks a name up once at a time; new credentials bring another connector."""


class Resolver(aiohttp.abc.AbstractResolver):
    """Looks names up in threads of its own, which are started when they are needed.

    Args:
        cluster: whose; names the threads.
    """

    def __init__(self, cluster: str) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(_THREADS, f"names-{cluster}")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        """Return a host's addresses. Raises OSError where there are none."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _addresses, host, port, family)

    async def close(self) -> None:
        """Give the threads up; a lookup that hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _addresses(
    host: str, port: int, family: socket.AddressFamily
) -> list[aiohttp.abc.ResolveResult]:
    found = socket.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    return [
        aiohttp.abc.ResolveResult(
            hostname=host,
            # With the scope that a link-local address of IPv6 needs.
            host=socket.getnameinfo(address, numeric)[0],
            port=port,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, proto, _, address in found
    ]
