"""Who leads among several replicas, decided from a lease and one's own clock alone.

A lease is a record that everybody can read and that is replaced only by who names its present
version. Its holder renews it. Times written in it are never compared with any clock: whoever
waits measures, by its own clock, how long it has seen the record unchanged, and the holder
measures since before it sent its last renewal. So clocks may differ as they like; only their pace
counts, and between `renew_within` and `lasts` there is room for that.
"""

import enum
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """For how long a lease is taken; seconds."""

    lasts: float = 15.0
    """Unchanged for so long, others may take it."""
    renew_within: float = 10.0
    """Not renewed for so long, its holder stops acting. Less than `lasts`."""
    retry: float = 2.0
    """Between two looks, or renewals."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a lease says. An empty `holder` has given it back."""

    holder: str
    lasts: float
    acquired_at: datetime | None = None
    renewed_at: datetime | None = None
    transitions: int = 0
    version: str = ""
    """The version to be named by who replaces it; empty for one that is yet to be made."""

    def says_as(self, other: "Record") -> bool:
        """Whether nobody who holds it has shown life between the two."""
        return replace(self, version="") == replace(other, version="")


@dataclass(frozen=True, slots=True)
class View:
    """What one replica knows. Moments are seconds of its own clock."""

    me: str
    seen: Record | None = None
    seen_at: float = 0.0
    """When it first saw the record as it is."""
    renewed_at: float | None = None
    """Just before it sent the renewal by which it leads; None while it does not lead."""


class Step(enum.Enum):
    """What a replica should do next."""

    RENEW = "renew"
    TAKE = "take"
    WAIT = "wait"


def leads(view: View, terms: Terms, *, now: float) -> bool:
    """Whether this replica may act at this moment."""
    return view.renewed_at is not None and now - view.renewed_at < terms.renew_within


def decide(view: View, *, now: float) -> Step:
    """Say what to try, given the record as it was read last."""
    seen = view.seen
    if seen is None or not seen.holder:
        return Step.TAKE
    if seen.holder == view.me:
        return Step.RENEW
    return Step.TAKE if now - view.seen_at >= seen.lasts else Step.WAIT


def observed(view: View, record: Record | None, *, now: float) -> View:
    """Return the view after the lease was read; `now` is a moment after the answer came."""
    if record is None:
        return replace(view, seen=None, seen_at=now, renewed_at=None)
    same = view.seen is not None and view.seen.says_as(record)
    return replace(
        view,
        seen=record,
        seen_at=view.seen_at if same else now,
        renewed_at=view.renewed_at if record.holder == view.me else None,
    )


def proposed(view: View, terms: Terms, *, at: datetime) -> Record:
    """Return the record to be written by one that takes or renews; `at` is told to people."""
    seen = view.seen
    if seen is None:
        return Record(view.me, terms.lasts, acquired_at=at, renewed_at=at)
    if seen.holder == view.me:
        return replace(seen, lasts=terms.lasts, renewed_at=at)
    return Record(
        view.me,
        terms.lasts,
        acquired_at=at,
        renewed_at=at,
        transitions=seen.transitions + 1,
        version=seen.version,
    )


def written(view: View, record: Record, *, sent_at: float, now: float) -> View:
    """Return the view after a record of one's own was accepted, sent not before `sent_at`."""
    return replace(view, seen=record, seen_at=now, renewed_at=sent_at)


def released(view: View, *, at: datetime) -> Record | None:
    """Return the record that gives the lease back, None where it is not this replica's."""
    if view.seen is None or view.seen.holder != view.me:
        return None
    return replace(view.seen, holder="", lasts=1.0, renewed_at=at)
