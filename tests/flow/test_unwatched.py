"""What is open in a cluster that is configured no more is told as that, and as nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.slack import cards, catalogue
from bot.adapters.store.memory import MemoryStore
from bot.domain import notice
from bot.domain.incident import State
from bot.flow import unwatched
from tests.adapters.slack import samples

NOW = samples.trouble().opened_at + timedelta(hours=1)


async def two_clusters() -> MemoryStore:
    """INC-1 in east, INC-2 in west, both shown in a channel."""
    store = MemoryStore()
    async with store.unit() as unit:
        for cluster in ("east", "west"):
            made = replace(samples.trouble(), id=0, cluster=cluster, fingerprint=f"f-{cluster}")
            await unit.save_incident(made)
    return store


async def test_only_what_is_in_clusters_that_are_watched_no_more_is_closed_and_once() -> None:
    store = await two_clusters()
    (closed,) = await unwatched.close(store, {"west"}, now=NOW)
    assert (closed.cluster, closed.unwatched, closed.ending) == ("east", True, "no longer watched")
    assert closed.affected, "nobody has recovered"
    (left,) = await store.incidents()
    assert (left.cluster, left.state, left.unwatched) == ("west", State.OPEN, False)
    assert await unwatched.close(store, {"west"}, now=NOW) == ()
    (entry,) = await store.timeline(closed.name)
    assert entry.kind == notice.Reason.UNWATCHED.value


@pytest.mark.parametrize(("tongue", "words"), [("en", "No longer watched"), ("zh-CN", "不再监视")])
async def test_its_card_says_that_nobody_watches_and_not_that_it_is_well(
    tongue: str, words: str
) -> None:
    (closed,) = await unwatched.close(await two_clusters(), {"west"}, now=NOW)
    with catalogue.speaking(tongue):
        page = cards.card(samples.view(closed))
    text = repr(page)
    assert words in text
    assert "Resolved" not in text
    assert "已恢复" not in text
    assert not any("Button" in type(part).__name__ for part in page.parts)
