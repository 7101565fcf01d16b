"""What is remembered of every container that ever restarted, so that every kill counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One container of one pod, keyed by (uid, container)."""

    uid: str
    container: str
