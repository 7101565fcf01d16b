"""What became of a write that did not get a good answer, in the words of the port.

bot.domain.errors.Unavailable   nothing was done: no connection, rate limiting, credentials
├── actuation.Blocked           nothing was done: a PodDisruptionBudget says not now
├── actuation.NoDryRun          nothing was done: of a dry run, which a webhook does not support
└── actuation.Unsettled         perhaps done: no answer, or one of something that failed midway
bot.domain.errors.Conflict      nothing was done: gone, replaced, or a patch's test does not hold
bot.domain.errors.Refused       nothing was done, and never will be: forbidden or invalid

Source of the answers: a recorded Kubernetes 1.36 API server; its registry/core/pod/storage/
eviction.go; kubectl's pkg/drain/drain.go.
"""

from bot.adapters.cluster import client, failures
from bot.domain import errors
from bot.flow import actuation

_BUDGET = "DisruptionBudget"
_TWO_BUDGETS = "more than one PodDisruptionBudget"
_NO_DRY_RUNS = "does not support dry run"
_NAMESPACE_GOES = "NamespaceTerminating"


def gone(failure: failures.Failure) -> bool:
    """Whether the object is not there; a 404 that names none is of a proxy or an old server."""
    said = failure.said
    return (
        failure.status == 404
        and said is not None
        and said.reason == "NotFound"
        and bool(said.details and said.details.name)
    )


def rate_limited(failure: failures.Failure) -> bool:
    """Whether the server only asks to come back later: priority and fairness, no budget."""
    return failure.status == 429 and not _by_budget(failure)


def namespace_goes(failure: failures.Failure) -> bool:
    """Whether an eviction is refused because the pod's namespace is being deleted."""
    said = failure.said
    return failure.status == 403 and said is not None and said.cause(_NAMESPACE_GOES) is not None


def of_read(failure: failures.Failure) -> errors.BotError:
    """Translate a failed read that comes before a write."""
    if gone(failure):
        return errors.Conflict(str(failure))
    return errors.Refused(str(failure)) if failure.status == 403 else failure


def of_write(failure: failures.Failure, ask: client.Ask) -> errors.BotError:
    """Translate a failed write. What is not known to be undone is Unsettled."""
    text = str(failure)
    said = failure.said
    if _by_budget(failure):
        why = said.cause(_BUDGET) if said else None
        return actuation.Blocked(why or "its disruption budget does not allow it", what=ask.what)
    if gone(failure) or failure.status == 409:
        return errors.Conflict(text)
    if failure.status == 422:
        # A patch that does not apply is told from what is invalid only by details that are empty.
        details = said.details if said else None
        if details is None or details.name or details.causes:
            return errors.Refused(text)
        return errors.Conflict(f"cannot {ask.verb} {ask.what}: it is not what the change expects")
    if said and _TWO_BUDGETS in (said.message or ""):
        return errors.Refused(text)
    if said and _NO_DRY_RUNS in (said.message or "") and dry(ask):
        return actuation.NoDryRun(text)
    if _perhaps_done(failure) and not dry(ask):
        return actuation.Unsettled(f"whether {ask.what} was done is not known: {text}")
    if failure.status in (400, 403, 404, 405, 406, 413, 415):
        return errors.Refused(text)
    return failure


def _perhaps_done(failure: failures.Failure) -> bool:
    status = failure.status
    # An etcd time-out is a 500, a gateway's a 502 to 504: any of them may follow the write.
    return failure.sent if status is None else status >= 500 or status < 400


def _by_budget(failure: failures.Failure) -> bool:
    said = failure.said
    return failure.status == 429 and said is not None and said.cause(_BUDGET) is not None


def dry(ask: client.Ask) -> bool:
    """Whether it only asks what a write would do."""
    return ("dryRun", "All") in ask.query
