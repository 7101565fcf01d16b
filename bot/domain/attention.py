"""Whose attention is asked for: what of a cycle's notices reaches people, and what is held back.

Nothing is dropped here. What is muted waits (`Incident.held`) and is told when the reason ends,
if it still stands; lists show it all the time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain import muting
from bot.domain.finding import Severity
from bot.domain.incident import CALLS_KEPT, Incident, State
from bot.domain.notice import Notice, Reason

MuteOf = Callable[[Incident], muting.Mute | None]


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a lasting trouble calls again; zero for never. Nobody who took it is called."""

    repeat: Mapping[Severity, timedelta] = field(default_factory=dict)


def settle(
    notices: Sequence[Notice],
    standing: Sequence[Incident],
    *,
    mute: MuteOf,
    policy: Policy,
    now: datetime,
    broken: Mapping[int, str] | None = None,
) -> list[Notice]:
    """Return the notices as they reach people, and those that only a mute or time brings about.

    `standing` are the incidents as they were before the cycle; `broken` are silences that broke
    in it, with the reason. Pure.
    """
    known = {notice.incident.fingerprint for notice in notices}
    unchanged = [
        Notice(incident=each, reason=Reason.CHANGED, text="", calls=False)
        for each in standing
        if each.state is not State.RESOLVED and each.fingerprint not in known
    ]
    settled = [_settled(each, mute, broken or {}, now) for each in notices]
    for each in unchanged:
        after = _settled(each, mute, broken or {}, now)
        if after.incident != each.incident:
            settled.append(after)
        elif _due(each.incident, policy, now):
            settled.append(_called(_again(each.incident), now))
    return settled


def _again(value: Incident) -> Notice:
    text = f"still: {value.title}"
    return Notice(incident=value, reason=Reason.REPEATED, text=text, calls=True)


def _settled(told: Notice, mute: MuteOf, broken: Mapping[int, str], now: datetime) -> Notice:
    value = told.incident
    if value.state is State.RESOLVED:
        muted = value.muted is not None
        return replace(told, incident=replace(value, muted=None, held=""), hidden=muted)
    if told.quiet or (value.severity is Severity.INFO and not told.calls):
        return told  # only information, which no channel hears of anyhow
    reason = mute(value)
    if reason is not None:
        return _muted(told, reason)
    if value.muted is None:
        return _called(told, now) if told.calls else told
    return _unmuted(told, broken, now)


def _muted(told: Notice, reason: muting.Mute) -> Notice:
    value = told.incident
    before = value.muted.cause if value.muted is not None else None
    held = value.held or (_held(told) if told.calls else "")
    silenced = value.silenced or reason.kind is muting.Kind.SILENCE
    text, why = told.text, told.reason
    if before != reason.cause:
        text = "; ".join(one for one in (text, f"muted: {reason.text}") if one)
        why = Reason.MUTED if why is Reason.CHANGED else why
    return replace(
        told,
        incident=replace(value, muted=reason, held=held, silenced=silenced),
        reason=why,
        text=text,
        calls=False,
        hidden=True,
    )


def _held(told: Notice) -> str:
    return Reason.OPENED.value if told.first else told.reason.value


def _unmuted(told: Notice, broken: Mapping[int, str], now: datetime) -> Notice:
    value = told.incident
    assert value.muted is not None
    ended = broken.get(value.muted.silence, "") if value.muted.silence else ""
    why = f"the silence is over, since {ended}" if ended else "no longer muted"
    late = value.held in (Reason.OPENED.value, Reason.REOPENED.value)
    calls = told.calls or bool(value.held) or bool(ended)
    reason = Reason.UNMUTED if told.reason is Reason.CHANGED else told.reason
    free = replace(value, muted=None, held="")
    if calls and free.state is State.ACKNOWLEDGED and (ended or value.held):
        free = replace(free, state=State.OPEN)
    text = f"{why}: {value.title}" if calls else why
    if told.text and not told.calls:
        text = f"{told.text}; {text}"
    made = replace(
        told, incident=free, reason=reason, text=text, calls=calls, first=told.first or late
    )
    return _called(made, now) if calls else made


def _called(told: Notice, now: datetime) -> Notice:
    calls = (*told.incident.called_at, now)[-CALLS_KEPT:]
    return replace(told, incident=replace(told.incident, called_at=calls))


def sparing(told: Notice) -> bool:
    """Whether a call may be spared where a channel has had enough: it tells nothing new or bad."""
    value = told.incident
    first = told.first or told.reason is Reason.OPENED
    return told.calls and not first and value.severity is not Severity.CRITICAL


def spared(told: Notice, why: str) -> Notice:
    """Return it as an edit of its card; the call does not count as made."""
    calls = told.incident.called_at[:-1]
    text = f"{told.text} ({why})"
    return replace(told, calls=False, text=text, incident=replace(told.incident, called_at=calls))


def _due(value: Incident, policy: Policy, now: datetime) -> bool:
    """Whether people should hear again of what nobody has taken on."""
    every = policy.repeat.get(value.severity, timedelta())
    if not every or value.state is not State.OPEN or value.muted is not None or value.unseen:
        return False
    if not value.affected:
        return False  # recovering; it will be over, or affect somebody again
    last = value.called_at[-1] if value.called_at else (value.detected_at or value.opened_at)
    return now - last >= every
