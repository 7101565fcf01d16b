"""How long something lasts that a person has said, by a clock that may be set meanwhile."""

from datetime import datetime, timedelta

_DAY = timedelta(days=1)


def lasts(since: datetime, until: datetime, now: datetime) -> bool:
    """Whether what was said for a while holds now.

    From when it was said, whatever a clock that was set back since calls that moment. One that was
    set back by more than a day and more than that while does not know how long it has held; then
    it is over, or it would hold for as long as the clock is wrong.
    """
    return now < until and since - now <= max(until - since, _DAY)
