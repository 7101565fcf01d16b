"""Whether anything may be changed at all, whether this person may ask, and this bot do it."""

from collections.abc import Iterator

from bot.domain import freeze, units
from bot.domain.access import Role
from bot.domain.guard import Verdict, allowed, denied
from bot.guards.situation import Situation


def enabled(given: Situation) -> Iterator[Verdict]:
    """Remediation and this runbook are switched on."""
    name = given.plan.runbook
    if not given.enabled:
        yield denied(
            "enabled",
            "this bot only observes",
            "set `remediation.enabled: true` and grant the rights",
        )
    elif name not in given.runbooks:
        yield denied("enabled", f"runbook {name} is switched off", "see `remediation.runbooks`")
    else:
        yield allowed("enabled", f"runbook {name} is switched on")


def role(given: Situation) -> Iterator[Verdict]:
    """Whoever asked for it may ask, now as then."""
    if given.requester is None:
        yield denied("role", "who asked cannot be looked up now, so nobody counts as having asked")
    elif not given.requester.may(Role.REQUESTER):
        yield denied(
            "role",
            "whoever asked for it is no requester",
            "requesters are named by `access.requesters` or a user group",
        )
    else:
        yield allowed("role", "asked for by a requester")


def freezing(given: Situation) -> Iterator[Verdict]:
    """No freeze, by a person or by the calendar."""
    if given.closed is None:
        yield allowed("freeze", "changes are not frozen")
    else:
        yield denied("freeze", freeze.told(given.closed), "wait, or `unfreeze` by an admin")


def permitted(given: Situation) -> Iterator[Verdict]:
    """The API server would take every write: rights, admission policies, valid values."""
    if given.refusals is None:
        yield denied("permitted", "whether the API server would take its writes cannot be told now")
    elif given.refusals:
        named = units.listing(list(given.refusals), most=2)
        yield denied(
            "permitted",
            f"the API server would refuse it: {named}",
            "grant what is lacking, `doctor` names it, or do it by hand",
        )
    else:
        yield allowed("permitted", "the API server would take its writes")
