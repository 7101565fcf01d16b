"""Any order of faults and deaths: every incident is told exactly once.

Apart from its siblings because it is synchronous: each example has a loop of its own.
"""

import asyncio
import contextlib
from datetime import timedelta

import looptime
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import notice
from tests.flow import fakes
from tests.flow.test_deliver import CHANNEL, MOMENTS, Killed, Post, mortal, trouble

FAULTS = {
    "ok": None,
    "unreachable": fakes.unreachable,
    "answer_lost": fakes.answer_lost,
    "lost_unsent": fakes.lost_unsent,
    "limited": fakes.limited(3),
}


@settings(max_examples=200)
@given(
    faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=8),
    incidents=st.integers(1, 4),
    deaths=st.lists(st.sampled_from(MOMENTS), max_size=3),
)
def test_any_mixture_of_faults_and_deaths_tells_every_incident_exactly_once(
    faults: list[str], incidents: int, deaths: list[str]
) -> None:
    async def story() -> Post:
        post = Post(backoff_most=timedelta(seconds=4))
        for number in range(incidents):
            await post.tell(trouble(str(number)))
        post.slack.faults = [FAULTS[name] for name in faults if FAULTS[name]]
        for moment in deaths:
            # It may end, or still be waiting, before the moment comes.
            with contextlib.suppress(Killed, TimeoutError):
                async with asyncio.timeout(20):
                    await mortal(post, moment).work()
            await post.pass_time(3)
        async with post.running():
            await post.pass_time(90)
        return post

    with contextlib.closing(looptime.new_event_loop(start=0, noop_cycles=0)) as loop:
        post = loop.run_until_complete(story())
    cards = [m.message for m in post.slack.cards(CHANNEL)]
    names = sorted(m.incident.workload.name for m in cards if isinstance(m, notice.CardView))
    assert names == [str(number) for number in range(incidents)]
    replies = [m for m in post.slack.messages if m.thread_ts]
    assert len(replies) == incidents
