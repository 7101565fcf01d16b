"""What a container has been through: its deaths, those nobody saw, and whether it loops.

A pod's status shows at most the two newest deaths, and only until the next one overwrites them;
`restartCount` forgets nothing. So deaths seen are remembered one by one, and the difference to
the count is what was never seen: a lower bound, "at least so many more".
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain import death, snapshot, trail

_REMEMBERED = trail.KEPT + 2
"""Deaths kept of each container: what a status and its trail show at most, or one of those would
be taken for a new one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts as a loop, as news, and as over."""

    window: timedelta = timedelta(minutes=10)
    """Two restarts within this time are a crash loop.

    The kubelet forgets its back-off after ten minutes without a crash; a shorter window would
    miss loops at the back-off's ceiling of five minutes.
    """

    stable: timedelta = timedelta(minutes=10)
    """A crash loop is over when the container has run and been ready for this long, or for twice
    the longest back-off seen, whichever is longer."""

    oom_quiet: timedelta = timedelta(minutes=30)
    """How long an OOM kill stays a finding after the newest one was noticed.

    Long enough that kills every twenty minutes are one trouble.
    """

    lookback: timedelta = timedelta(hours=1)
    """At first sight of a namespace, kills older than this are history and no news."""


@dataclass(frozen=True, slots=True)
class Kills:
    """A series of certain OOM kills; a quiet time longer than the policy's ends it.

    `restarts_before`, `deaths_before` and `unseen_before` are the story's counts when it began.
    """

    count: int
    first_at: datetime
    newest_at: datetime
    noticed_at: datetime
    restarts_before: int
    deaths_before: int
    unseen_before: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A crash loop. `restarts_before` is the count before it, `longer` whether it began unseen."""

    since: datetime
    restarts_before: int
    longer: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """The last moment at which a restart count was known to hold."""

    at: datetime
    restarts: int


@dataclass(frozen=True, slots=True)
class Fall:
    """A restart count that went down: what lies between is unknown, and counting began anew."""

    at: datetime
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Story:
    """One container of one pod.

    `restarts` is the newest count. Deaths are accounted for from `base` on: the count when it was
    first seen (`before_watch`, whose causes are not known) or after it fell. `observed` are deaths
    seen since `base`, `unseen` the restarts since then that none of them explains.
    """

    restarts: int
    base: int = 0
    before_watch: int = 0
    observed: int = 0
    unseen: int = 0
    unseen_noticed_at: datetime | None = None
    blind_from: datetime | None = None
    deaths: tuple[death.Death, ...] = ()
    kills: Kills | None = None
    loop: Loop | None = None
    samples: tuple[Sample, ...] = ()
    longest_backoff: float = 0.0
    fall: Fall | None = None
    init: bool = False
    memory_limit: int | None = None

    @property
    def last_death(self) -> death.Death | None:
        """The newest death known."""
        return self.deaths[-1] if self.deaths else None


@dataclass(frozen=True, slots=True)
class Sight:
    """A look at a container: the moment, and the moment of the look before.

    `before` is the last time the restart count was known to be what the story says, or zero if
    there is no story yet; None when the container's namespace was never watched before.
    """

    at: datetime
    before: datetime | None
    ready_since: datetime | None = None


def worth_telling(container: snapshot.Container) -> bool:
    """Whether a container has a story at all; one that runs and never restarted has none."""
    if container.restart_count:
        return True
    state = container.state
    if state is None or state.phase is snapshot.Phase.RUNNING:
        return False
    if state.phase is snapshot.Phase.TERMINATED:
        return state.exit_code != 0
    return death.terminated(container.last_state)


def advance(
    story: Story | None, container: snapshot.Container, sight: Sight, *, policy: Policy
) -> Story:
    """Return the story after one more look. The same look twice changes nothing."""
    dead = death.pending(container)
    visible = death.visible(container, sight.at)
    first = story is None
    if story is None:
        story = _begin(container, visible, sight, dead=dead)
    fresh = tuple(one for one in visible if not any(one.same(other) for other in story.deaths))
    if first and sight.before is None:
        news = tuple(one for one in fresh if _recent(one, sight.at - policy.lookback))
        observed = story.observed
    else:
        news = fresh
        observed = story.observed + len(fresh)
    backoff = story.longest_backoff
    if first or container.restart_count > story.restarts:
        backoff = max(backoff, _backoff(container, most=policy.window))
    advanced = replace(
        story,
        restarts=container.restart_count,
        observed=observed,
        deaths=(*story.deaths, *fresh)[-_REMEMBERED:],
        init=container.init,
        memory_limit=container.memory_limit,
        longest_backoff=backoff,
    )
    advanced = _count_unseen(story, advanced, sight, dead=dead)
    advanced = _count_kills(story, advanced, news, sight, policy=policy)
    return _judge_loop(story, advanced, container, sight, first=first, policy=policy)


def over(story: Story, *, now: datetime, policy: Policy) -> bool:
    """Whether the story's OOM kills are no finding any more."""
    return story.kills is None or now - story.kills.noticed_at >= policy.oom_quiet


def settle(story: Story, container: snapshot.Container, sight: Sight, *, policy: Policy) -> Story:
    """Return the story with its crash loop ended, if the container has been well long enough."""
    if story.loop is None:
        return story
    state = container.state
    if state is None:
        return story
    if state.phase is snapshot.Phase.TERMINATED:
        finished = container.init and state.exit_code == 0
        return replace(story, loop=None, samples=(), longest_backoff=0.0) if finished else story
    if state.phase is not snapshot.Phase.RUNNING or not (container.ready or container.init):
        return story
    moments = [one for one in (state.started_at, sight.ready_since) if one is not None]
    if not moments:
        return story
    well_since = max(moments)
    needed = max(policy.stable, timedelta(seconds=2 * story.longest_backoff))
    if sight.at - well_since < needed:
        return story
    return replace(story, loop=None, samples=(), longest_backoff=0.0)


def _begin(
    container: snapshot.Container, visible: tuple[death.Death, ...], sight: Sight, *, dead: bool
) -> Story:
    if sight.before is not None:
        # Watched before and never noted: its count was zero, and every restart since is new.
        return Story(restarts=0)
    count = container.restart_count
    # A death that awaits its restart is not in the count yet; the restart will be explained by it.
    waiting = 1 if dead and visible else 0
    return Story(restarts=count, base=count, before_watch=count, observed=waiting)


def _count_unseen(before: Story, story: Story, sight: Sight, *, dead: bool) -> Story:
    if story.restarts < before.restarts:
        # Seen when dead containers are garbage-collected: nothing follows from it but ignorance.
        return replace(
            story,
            base=story.restarts,
            observed=1 if dead and story.deaths else 0,
            unseen=0,
            fall=Fall(at=sight.at, before=before.restarts, after=story.restarts),
            samples=(),
            kills=_rebase(story.kills, story.restarts),
        )
    # A kubelet counts a restart when it happens, so the newest death of a dead container is not
    # in the count yet; but a status written by others may count it already. Between both readings
    # the earlier answer is kept, so that a death never comes twice and an unseen one never goes.
    least = max(0, story.restarts - story.base - story.observed)
    most = max(0, story.restarts - story.base - story.observed + (1 if dead else 0))
    unseen = min(max(before.unseen, least), most)
    if unseen > before.unseen:
        return replace(story, unseen=unseen, unseen_noticed_at=sight.at, blind_from=sight.before)
    return story if unseen == story.unseen else replace(story, unseen=unseen)


def _rebase(kills: Kills | None, restarts: int) -> Kills | None:
    if kills is None:
        return None
    return replace(kills, restarts_before=restarts, deaths_before=0, unseen_before=0)


def _count_kills(
    before: Story, story: Story, news: tuple[death.Death, ...], sight: Sight, *, policy: Policy
) -> Story:
    certain = [one for one in news if one.verdict is death.Verdict.OOM]
    if not certain:
        return story
    moments = [one.finished_at or sight.at for one in certain]
    kills = story.kills
    if kills is None or sight.at - kills.noticed_at >= policy.oom_quiet:
        fell = story.restarts < before.restarts
        kills = Kills(
            count=0,
            first_at=min(moments),
            newest_at=max(moments),
            noticed_at=sight.at,
            restarts_before=story.base if fell else before.restarts,
            deaths_before=0 if fell else before.observed,
            unseen_before=0 if fell else before.unseen,
        )
    return replace(
        story,
        kills=replace(
            kills,
            count=kills.count + len(certain),
            first_at=min(kills.first_at, *moments),
            newest_at=max(kills.newest_at, *moments),
            noticed_at=sight.at,
        ),
    )


def _judge_loop(
    before: Story,
    story: Story,
    container: snapshot.Container,
    sight: Sight,
    *,
    first: bool,
    policy: Policy,
) -> Story:
    since = sight.at - policy.window
    rose = story.restarts > before.restarts
    if rose and sight.before is not None:
        samples = (*story.samples, Sample(at=sight.before, restarts=before.restarts))
        story = replace(story, samples=tuple(one for one in samples if one.at >= since))
    if story.loop is None:
        # A rate is judged when the count moves; judged later it could only have fallen.
        lowest = _lowest(story, container, since) if rose or first else story.restarts
        backing_off = _backing_off(container) and story.restarts >= 3
        if story.restarts - lowest >= 2 or backing_off:
            story = replace(story, loop=_loop(story, lowest, since, sight))
    return settle(story, container, sight, policy=policy)


def _lowest(story: Story, container: snapshot.Container, since: datetime) -> int:
    """The lowest restart count that is proven to have held since then."""
    lowest = min((one.restarts for one in story.samples if one.at >= since), default=story.restarts)
    # Every death in that time was followed by a restart, but for the one that awaits it.
    ends = [one for one in story.deaths if one.finished_at and one.finished_at >= since]
    lowest = min(lowest, story.restarts - len(ends) + (1 if death.pending(container) else 0))
    # The life that runs now and the one before it are two restarts, if neither is the first;
    # both carry the time they began. This needs no memory, so it serves a first look.
    if story.restarts >= 2 and _began_within(container, since):
        lowest = min(lowest, story.restarts - 2)
    return max(0, lowest)


def _began_within(container: snapshot.Container, since: datetime) -> bool:
    state, last = container.state, container.last_state
    if state is None or last is None or state.phase is snapshot.Phase.WAITING:
        return False
    return last.started_at is not None and last.started_at >= since


def _loop(story: Story, lowest: int, window_start: datetime, sight: Sight) -> Loop:
    moments = [one.finished_at for one in story.deaths if one.finished_at is not None]
    recent = [moment for moment in moments if moment >= window_start]
    began = min(recent or moments[-1:] or [sight.at])
    never_fell = story.base == story.before_watch > 0
    longer = never_fell and (lowest < story.before_watch or story.restarts == story.before_watch)
    return Loop(
        since=min(began, sight.at),
        restarts_before=0 if longer else min(lowest, story.restarts - 1),
        longer=longer,
    )


def _backing_off(container: snapshot.Container) -> bool:
    state = container.state
    return (
        state is not None
        and state.phase is snapshot.Phase.WAITING
        and state.reason == "CrashLoopBackOff"
    )


def _recent(one: death.Death, since: datetime) -> bool:
    return one.finished_at is None or one.finished_at >= since


def _backoff(container: snapshot.Container, *, most: timedelta) -> float:
    """Seconds between a death and the life after it, as this status shows them.

    A pause longer than `most` was no back-off: the node was down.
    """
    state, last = container.state, container.last_state
    if state is None or last is None or state.started_at is None or last.finished_at is None:
        return 0.0
    pause = state.started_at - last.finished_at
    return pause.total_seconds() if timedelta(0) < pause <= most else 0.0
