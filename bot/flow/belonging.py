"""Belonging: of which cluster something is that people name by its number.

Numbers are given once for all clusters, so whoever says a cluster as well may be mistaken.
"""

import re
from dataclasses import dataclass

from bot.domain import errors
from bot.domain.audit import Entry
from bot.flow import ports

_NUMBERED = re.compile(r"(INC|PLAN|RUN|SIL)-([0-9]{1,9})")
_SEARCHED = 1_000


@dataclass(frozen=True, slots=True)
class Deeds:
    """Entries of the chain of deeds, oldest first.

    `head` is the end of the whole chain; `searched` how many of its newest entries were looked
    through, 0 where none that may belong there can have been left out.
    """

    entries: tuple[Entry, ...]
    head: Entry | None
    searched: int = 0


async def cluster_of(store: ports.Store, subject: str) -> str:
    """Return the cluster of a subject of deeds, such as RUN-7; empty where it is of no one.

    Raises:
        Unavailable: the store does not answer.
    """
    found = _NUMBERED.fullmatch(subject)
    if found is None:
        # Freezes and probe pods say it themselves, `prod`, `prod/node-1`; what is of all has words.
        return "" if " " in subject else subject.partition("/")[0]
    kind, number = found[1], int(found[2])
    match kind:
        case "INC":
            one = await store.incident(number)
            return one.cluster if one else ""
        case "PLAN":
            plan = await store.remedy.plan(number)
            return plan.cluster if plan else ""
        case "RUN":
            run = await store.remedy.run(number)
            return run.cluster if run else ""
        case _:
            # A silence may reach several clusters: it is of one only if it names that one.
            for made in await store.silences.latest(_SEARCHED):
                if made.id == number:
                    return made.only
            return ""


async def refuse_elsewhere(store: ports.Store, subject: str, cluster: str) -> None:
    """Refuse what is of another cluster than the one that was said.

    Raises:
        Refused: it is.
        Unavailable: the store does not answer.
    """
    its = await cluster_of(store, subject)
    if its and its != cluster:
        raise errors.Refused(f"{subject} is of cluster {its}, not of {cluster}")


async def deeds(store: ports.Store, cluster: str | None, *, most: int) -> Deeds:
    """Return the newest deeds, of one cluster with those of no one, or of all.

    Raises:
        Unavailable: the store does not answer.
    """
    newest = await store.remedy.latest_deeds(most if cluster is None else _SEARCHED)
    head = newest[-1] if newest else None
    if cluster is None:
        return Deeds(tuple(newest), head)
    known: dict[str, str] = {}
    found: list[Entry] = []
    for entry in reversed(newest):
        if len(found) == most:
            break
        if entry.subject not in known:
            known[entry.subject] = await cluster_of(store, entry.subject)
        if known[entry.subject] in ("", cluster):
            found.append(entry)
    cut = len(found) < most and len(newest) == _SEARCHED
    return Deeds(tuple(reversed(found)), head, searched=_SEARCHED if cut else 0)
