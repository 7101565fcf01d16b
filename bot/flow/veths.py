"""Veths: ask pods which NIC of the host is theirs, where the host's tables do not tell.

Each question is a command in somebody else's container, so few are asked, only until all is
known, and what cannot be asked is told. A veth that no pod claims stays without one, even if only
one pod is left: that would be a guess, and pods are evicted by it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain import errors
from bot.flow import ports

MOST = 40
"""Pods asked on one node."""
_AT_ONCE = 4
_CONTAINERS = 3
"""Containers of one pod that are tried: the first may have no shell, and a sidecar may."""
_TOLD = 3
"""Pods named in a sentence on what could not be asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which pod ("namespace/name") is behind which NIC, and sentences on what stayed unknown."""

    pods_behind: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


async def ask(
    looker: ports.Looker,
    pods: Sequence[ports.PodAddress],
    wanted: Mapping[int, str],
    *,
    afford: Callable[[], Awaitable[None]],
    within: float,
) -> Asked:
    """Ask pods until the NICs that are wanted are known.

    Args:
        looker: the way into pods.
        pods: who could be behind them.
        wanted: NICs' names by their numbers on the host.
        afford: waits until another command may be run.
        within: seconds for all of it.
    """
    found: dict[str, str] = {}
    silent: dict[str, str] = {}
    chosen = sorted(pods, key=lambda one: one.place)[:MOST]
    left = dict.fromkeys(chosen)

    async def one(pod: ports.PodAddress) -> None:
        answer = await _number(looker, pod, afford, within)
        del left[pod]
        if isinstance(answer, str):
            silent[pod.place] = answer
        elif answer in wanted:
            found[wanted[answer]] = pod.place

    try:
        async with asyncio.timeout(within):
            while left and len(found) < len(wanted):
                await asyncio.gather(*map(one, list(left)[:_AT_ONCE]))
    except TimeoutError:
        silent |= {pod.place: f"no answer within {within:g} s" for pod in left}
    missing = sorted(set(wanted.values()) - found.keys())
    return Asked(found, tuple(_problems(missing, silent, len(pods) - len(chosen))))


async def _number(
    looker: ports.Looker,
    pod: ports.PodAddress,
    afford: Callable[[], Awaitable[None]],
    within: float,
) -> int | str:
    """Return the number of a pod's NIC on the host, or why it could not be read."""
    why = "it has no container"
    for container in pod.containers[:_CONTAINERS]:
        await afford()
        try:
            return await looker.iflink(pod.namespace, pod.name, container, within=within)
        except errors.BotError as error:
            why = str(error)
    return why


def _problems(missing: Sequence[str], silent: Mapping[str, str], unasked: int) -> list[str]:
    if not missing:
        return []
    told = [f"no pod that was asked has {', '.join(missing)}"]
    for place, why in list(silent.items())[:_TOLD]:
        told.append(f"{place} could not be asked which NIC is its: {why}")
    if len(silent) > _TOLD:
        told.append(f"{len(silent) - _TOLD} more pods could not be asked which NIC is theirs")
    if unasked:
        told.append(f"{unasked} pods were not asked which NIC is theirs: that is too many")
    return told
