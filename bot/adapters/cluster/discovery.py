"""In which namespaces flannel runs.

The one list over all namespaces: DaemonSets, a few dozen at most, once and then every few
minutes. What makes a DaemonSet flannel's is the caller's to say.
"""

from collections.abc import Callable
from datetime import datetime

from bot.adapters.cluster import client, failures, kinds, listing
from bot.domain import errors, snapshot
from bot.flow import ports

IsFlannel = Callable[[snapshot.DaemonSet], bool]

ELSEWHERE = "namespaces not mirrored"
"""Stands in a gap for a namespace; with its spaces it is the name of none."""


async def look(api: client.Client, is_flannel: IsFlannel) -> list[str]:
    """Return the namespaces that hold a DaemonSet of flannel's.

    Raises:
        Unavailable: if they cannot be listed.
        Misconfigured: if the credentials' files are wrong.
    """
    listed = await listing.collect(api, kinds.DAEMONSETS, "")
    return sorted({value.namespace for value in listed.objects.values() if is_flannel(value)})


class Discovery:
    """What is known of where flannel runs. Namespaces are only ever added.

    A namespace stays when its DaemonSet goes: that flannel was deleted there must be seen.
    """

    def __init__(self, api: client.Client, is_flannel: IsFlannel, *, clock: ports.Clock) -> None:
        self._api = api
        self._is_flannel = is_flannel
        self._clock = clock
        self._done = not api.options.discover
        self._refused = False
        self._began = clock.now()
        self._since: datetime | None = None
        self.reason = ""
        self.failures = 0
        self.namespaces: tuple[str, ...] = ()

    async def refresh(self) -> bool:
        """Look again; False if that failed, which the gaps tell."""
        if not self._api.options.discover:
            return True
        try:
            found = await look(self._api, self._is_flannel)
        except errors.BotError as failure:
            self.failures += 1
            self._since = self._since or self._clock.now()
            self._refused = isinstance(failure, failures.Failure) and failure.status == 403
            self.reason = str(failure)
            return False
        self.namespaces = tuple(sorted({*self.namespaces, *found}))
        self._done, self._since, self._refused = True, None, False
        self.reason, self.failures = "", 0
        return True

    def gaps(self) -> list[snapshot.Gap]:
        """Tell what may be missed."""
        resource = kinds.DAEMONSETS.resource
        if self._refused:
            # A lasting right that lacks hides other namespaces only: what is mirrored is seen.
            why = f"flannel cannot be looked for in all namespaces: {self.reason}"
            return [snapshot.Gap(resource, why, self._since or self._began, ELSEWHERE)]
        if not self._done:
            # Until the first answer, flannel may be anywhere: nothing in any namespace may
            # count as gone because it is not mirrored.
            why = "flannel has not been looked for in all namespaces yet"
            why = f"{why}: {self.reason}" if self.reason else why
            since = self._since or self._began
            return [snapshot.Gap(kind.resource, why, since) for kind in kinds.IN_NAMESPACES]
        if self._since is not None:
            lasted = (self._clock.now() - self._since).total_seconds()
            # One missed look is made good by the next; only a lasting failure is worth a word.
            if lasted >= 2 * self._api.options.discovery_interval:
                why = f"flannel cannot be looked for in all namespaces: {self.reason}"
                return [snapshot.Gap(resource, why, self._since, ELSEWHERE)]
        return []
