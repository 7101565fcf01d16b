"""Doctor: is everything there that the bot needs, and nothing that it does not.

Facts are collected by whoever can (see `Surgery`), and judged here by pure rules: one line for
each thing, with what it is, how it stands and what mends it. Not knowing is never called good.
"""

import email.utils
import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

CLOCK_WRONG = 60.0
"""Seconds: Slack's signatures, certificates and every "since" suffer beyond it."""
CLOCK_OFF = 5.0
"""Seconds: beyond it times that are told look wrong. Headers are exact to a second."""
_NAMED = 8
_CLUSTER = "cluster "
"""What the parts of clusters begin with."""


class Mark(enum.StrEnum):
    """How one thing stands."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "failed"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: which part of the bot it is of, how it stands, and what mends it."""

    part: str
    name: str
    mark: Mark
    said: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at."""

    taken_at: datetime
    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a warning is no failure."""
        return all(line.mark is not Mark.BAD for line in self.lines)

    def within(self, cluster: str) -> "Report":
        """Return what concerns a cluster: without the other clusters' own parts."""
        mine = f"{_CLUSTER}{cluster}"
        return Report(
            self.taken_at,
            tuple(
                line
                for line in self.lines
                if line.part == mine or not line.part.startswith(_CLUSTER)
            ),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether an outside answered: empty `error` if it did; `cure` is what mends it."""

    error: str = ""
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """What Slack says of a channel that is told of clusters."""

    id: str
    clusters: tuple[str, ...]
    answer: Answer = field(default_factory=Answer)
    name: str = ""
    member: bool = False
    archived: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SlackFacts:
    """What Slack says of the bot.

    `scopes` are those that the token has, none if Slack told none; `ahead` is by how many
    seconds its clock is before ours. The app-level token is None where the mode needs none.
    """

    bot_token: Answer
    app_token: Answer | None = None
    who: str = ""
    scopes: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    ahead: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The scopes there are for the bot, each with what lacks without it; some are vital."""

    scopes: Mapping[str, str]
    vital: frozenset[str]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that may be done, as RBAC writes it.

    An empty namespace means in all of them, an empty name to all objects.
    """

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """Write it as people do."""
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {kind}{named}" + (f" in {self.namespace}" if self.namespace else "")


@dataclass(frozen=True, slots=True)
class Need:
    """A right that is needed, and what for."""

    right: Right
    why: str
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A flannel that was found."""

    name: str
    version: str
    backend: str
    flags: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What an API server says.

    `lacking` are needs that it denies, `excess` rights that nothing needs, `unknown` says why
    rights are not known.
    """

    name: str
    server: Answer
    version: str = ""
    needs: int = 0
    lacking: tuple[Need, ...] = ()
    excess: tuple[Right, ...] = ()
    unknown: str = ""
    flannels: tuple[Found, ...] = ()
    unread: str = ""
    memory: Answer | None = None
    memory_source: str = ""
    ahead: float | None = None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the database says. `state` is its revision against the code's."""

    name: str
    answer: Answer
    state: str = ""
    checked: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was collected."""

    taken_at: datetime
    slack: SlackFacts
    clusters: tuple[ClusterFacts, ...]
    store: StoreFacts
    versions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on settings in force that are odd or were refused."""


class Surgery(Protocol):
    """Where the bot can be examined."""

    async def examine(self) -> Report:
        """Look at everything now. Raises nothing but what ends the process."""


def ahead(date: str, now: datetime) -> float | None:
    """Return by how many seconds a Date header is before a moment; None where it is odd."""
    try:
        # It is cut to the second; the middle of it is nearest.
        return email.utils.parsedate_to_datetime(date).timestamp() + 0.5 - now.timestamp()
    except (TypeError, ValueError):
        return None


def judge(facts: Facts, wanted: Wanted) -> Report:
    """Judge everything that was collected."""
    lines = (
        *_slack(facts.slack, wanted),
        *(line for one in facts.clusters for line in _cluster(one)),
        _store(facts.store),
        *(Line("settings", "settings", Mark.WARNING, note) for note in facts.notes),
        *(Line("versions", name, Mark.NOTE, text) for name, text in facts.versions),
    )
    return Report(facts.taken_at, lines)


def _answered(part: str, name: str, answer: Answer, said: str) -> Line:
    if answer.error:
        return Line(part, name, Mark.BAD, answer.error, answer.cure)
    return Line(part, name, Mark.GOOD, said)


def _slack(facts: SlackFacts, wanted: Wanted) -> Iterator[Line]:
    yield _answered("slack", "bot token", facts.bot_token, f"works, as {facts.who}")
    if facts.app_token is not None:
        yield _answered("slack", "app token", facts.app_token, "opens Socket Mode")
    if facts.bot_token.error:
        return
    yield from _scopes(facts.scopes, wanted)
    yield from (_channel(each) for each in facts.channels)
    yield from _clock("slack", "Slack's", facts.ahead)


def _scopes(has: Sequence[str], wanted: Wanted) -> Iterator[Line]:
    if not has:
        yield Line("slack", "scopes", Mark.WARNING, "Slack did not tell which scopes the token has")
        return
    lacking = sorted(set(wanted.scopes) - set(has))
    for scope in lacking:
        mark = Mark.BAD if scope in wanted.vital else Mark.WARNING
        yield Line(
            "slack", f"scope {scope}", mark, f"lacking: {wanted.scopes[scope]}",
            f"add {scope} under OAuth & Permissions (`flannel-bot slack manifest` prints all that "
            "is needed) and install the app anew",
        )  # fmt: skip
    if excess := sorted(set(has) - set(wanted.scopes)):
        yield Line(
            "slack", "scopes in excess", Mark.WARNING, f"not needed: {_listed(excess)}",
            "remove them under OAuth & Permissions and install the app anew",
        )  # fmt: skip
    if not lacking:
        yield Line("slack", "scopes", Mark.GOOD, f"all {len(wanted.scopes)} are there")


def _channel(found: Channel) -> Line:
    name = f"channel {found.id or '(none)'}"
    of = f"of {', '.join(found.clusters)}"
    if not found.id:
        return Line(
            "slack", name, Mark.BAD, f"no channel is named {of}",
            "set slack.channel, or clusters[].channel, to the channel's id (C...)",
        )  # fmt: skip
    if found.answer.error:
        return Line("slack", name, Mark.BAD, found.answer.error, found.answer.cure)
    named = f"#{found.name}, {of}" if found.name else of
    if found.archived:
        return Line(
            "slack", name, Mark.BAD, f"{named}: is archived",
            "unarchive it, or name another one in the settings",
        )  # fmt: skip
    if not found.member:
        return Line(
            "slack", name, Mark.BAD, f"{named}: the bot is no member",
            f"type /invite @flannel-bot in #{found.name or found.id}",
        )  # fmt: skip
    if found.shared:
        return Line(
            "slack", name, Mark.WARNING, f"{named}: outsiders read along",
            "nothing can be approved there; name a channel that is not shared",
        )  # fmt: skip
    return Line("slack", name, Mark.GOOD, f"{named}: the bot is a member")


def _clock(part: str, whose: str, ahead: float | None) -> Iterator[Line]:
    if ahead is None:
        return
    off = abs(ahead)
    way = "behind" if ahead > 0 else "ahead of"
    if off < CLOCK_OFF:
        yield Line(part, "clock", Mark.GOOD, f"agrees with {whose} within {CLOCK_OFF:g} s")
        return
    mark = Mark.BAD if off >= CLOCK_WRONG else Mark.WARNING
    yield Line(
        part, "clock", mark, f"this machine's is {off:.0f} s {way} {whose}",
        "let both keep time by NTP (chrony, systemd-timesyncd)",
    )  # fmt: skip


def _cluster(facts: ClusterFacts) -> Iterator[Line]:
    part = f"{_CLUSTER}{facts.name}"
    yield _answered(part, "API server", facts.server, f"answers, Kubernetes {facts.version}")
    if facts.server.error:
        return
    yield from _rights(part, facts)
    yield from _flannels(part, facts)
    if facts.memory is not None:
        yield _answered(part, facts.memory_source, facts.memory, "knows flannel's memory")
    yield from _clock(part, "the API server's", facts.ahead)


def _rights(part: str, facts: ClusterFacts) -> Iterator[Line]:
    if facts.unknown:
        yield Line(
            part, "rights", Mark.WARNING, f"not known: {facts.unknown}",
            "let the bot create selfsubjectaccessreviews and selfsubjectrulesreviews of "
            "authorization.k8s.io, as every account may by default",
        )  # fmt: skip
    for need in facts.lacking:
        yield Line(
            part, f"right to {need.right}", Mark.BAD if need.vital else Mark.WARNING,
            f"lacking: {need.why}", f"grant the bot's account: {need.right}",
        )  # fmt: skip
    if facts.excess:
        yield Line(
            part, "rights in excess", Mark.WARNING,
            f"not needed: {_listed(map(str, facts.excess))}",
            "take them out of the role: what the bot does not have nobody can misuse",
        )  # fmt: skip
    if not facts.lacking and not facts.unknown:
        yield Line(part, "rights", Mark.GOOD, f"all {facts.needs} that are needed are there")


def _flannels(part: str, facts: ClusterFacts) -> Iterator[Line]:
    if facts.unread:
        yield Line(part, "flannel", Mark.BAD, f"could not be looked for: {facts.unread}")
        return
    if not facts.flannels:
        yield Line(
            part, "flannel", Mark.BAD, "no DaemonSet runs flannel",
            "see `flannel-bot check`: k3s and others have flannel inside, where it cannot be seen",
        )  # fmt: skip
    for found in facts.flannels:
        said = f"{found.version}, {found.backend}, {found.flags or 'no flags'}"
        if found.problem:
            yield Line(part, f"flannel {found.name}", Mark.WARNING, f"{said}: {found.problem}")
        else:
            yield Line(part, f"flannel {found.name}", Mark.GOOD, said)


def _store(facts: StoreFacts) -> Line:
    if facts.answer.error:
        return Line("database", facts.name, Mark.BAD, facts.answer.error, facts.answer.cure)
    if facts.state == "empty":
        return Line(
            "database", facts.name, Mark.WARNING, "is not there yet",
            "`flannel-bot db upgrade` makes it, and so does the first `flannel-bot run`",
        )  # fmt: skip
    if facts.state == "behind":
        return Line(
            "database", facts.name, Mark.WARNING, "is older than this version of the bot",
            "run `flannel-bot db upgrade`, or start the bot, which does it too",
        )  # fmt: skip
    return Line("database", facts.name, Mark.GOOD, f"is of this version, writable{facts.checked}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _NAMED
    return ", ".join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")
