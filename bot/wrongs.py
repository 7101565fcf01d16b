"""Clusters that are definitely wrong: what that ends, and what it must not.

One wrong cluster ends a start where it is the only one, and a reload that has just brought it.
Among others it is red by itself, is tried on and on, and they are watched as if it were not there.
"""

import structlog

from bot import keeping, settings
from bot.domain import errors

log = structlog.get_logger(__name__)


class Wrongs:
    """Counts the clusters that are wrong.

    Args:
        given: the settings in force.
        before: those before them, which worked; None at the first start.
    """

    def __init__(self, given: settings.Settings, before: settings.Settings | None) -> None:
        self._names = {one.name for one in given.watched}
        worked = before.watched if before is not None else given.watched
        self._new = {one.name for one in given.watched if one not in worked}
        self._wrong: set[str] = set()

    async def beside(self, kept: keeping.Kept) -> None:
        """Mirror a cluster, which is asked once before that begins.

        Raises Misconfigured where nothing could be watched, or where this very cluster is new.
        """
        name = kept.mirror.cluster
        try:
            if not kept.running:
                await kept.api.verify()
        except errors.Misconfigured as error:
            self._wrong.add(name)
            if name in self._new or self._wrong == self._names:
                raise
            log.error("cluster_wrong", cluster=name, error=str(error), consequence="tried again")  # noqa: TRY400
        except errors.BotError as error:
            log.warning("not_reachable_yet", error=str(error))
        await kept.run()
