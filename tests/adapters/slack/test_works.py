"""Questions that take a while: their progress is seen, who asked may stop them, files follow."""

import asyncio
import json
from typing import Any

import pytest

from bot.adapters.slack import prose, replies, wording_work, works
from bot.flow import network, ports
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack, until
from tests.checks import networks as looked
from tests.checks import worlds
from tests.flow import networks

OPERATOR, OTHER = "U0OPERATOR", "U0APPROVER"
QUICK = {"progress_after": 0.05, "progress_every": 0.05}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Progress, its button and what follows are the same, whichever way Slack brings them."""
    if "slack" in metafunc.fixturenames:
        metafunc.parametrize("slack", ["socket", "http"], indirect=True)


@pytest.fixture
def world() -> networks.World:
    made = networks.cluster(3, flags=worlds.STORY_FLAGS, bends={"n2": [looked.trapped]})
    made.looks.hold = asyncio.Event()
    return made


@pytest.fixture
def desk(world: networks.World) -> samples.Desk:
    made = samples.Desk()
    asked = world.network

    def ask(_cluster: str | None) -> network.Network:
        return asked

    made.network = ask  # type: ignore[method-assign]
    return made


def buttons(shown: Any) -> list[dict[str, Any]]:
    return [
        element
        for block in shown.blocks or ()
        if block["type"] == "actions"
        for element in block["elements"]
    ]


async def command(slack: Slack, text: str, user: str = OPERATOR) -> None:
    told = await slack.act("command", user=user, channel="C0ALERTS", text=text)
    assert told["acked"], told


async def mention(slack: Slack, text: str) -> str:
    told = await slack.act("message", user=OPERATOR, channel="C0ALERTS", text=f"<@U0BOT> {text}")
    return str(told.get("ts"))


async def test_a_quick_answer_shows_no_progress(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    world.looks.hold = None
    async with slack.app(desk):
        await command(slack, "nics n2")
        await until(lambda: slack.whispers(OPERATOR))
    (only,) = slack.whispers(OPERATOR)
    assert "would crash-loop at a restart" in only.text
    assert not buttons(only)


async def test_a_long_one_shows_how_far_it_is_and_then_the_answer(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, **QUICK):
        await command(slack, "nics --all")
        await until(lambda: slack.whispers(OPERATOR))
        progress = slack.whispers(OPERATOR)[0]
        assert "1 of 3 nodes looked at" in progress.text
        assert [one["action_id"] for one in buttons(progress)] == [works.CANCEL]
        assert world.looks.hold is not None
        world.looks.hold.set()
        await until(lambda: "wrong on 1 node" in slack.whispers(OPERATOR)[-1].text)
    assert not slack.said(), "what one person asked is told to that person alone"


async def test_by_response_url_progress_leaves_room_for_the_answer(
    slack: Slack, desk: samples.Desk, world: networks.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack takes five messages there; however long it lasts, the answer must get through."""
    monkeypatch.setattr(replies, "_BY_URL", (0.02, 0.02))
    async with slack.app(desk, **QUICK):
        await command(slack, "routes --all")
        for done in (1, 2, 3):
            world.looks.tell(done, 3)
            await until(lambda done=done: len(slack.whispers(OPERATOR)) == done)
        world.looks.tell(4, 4)
        assert world.looks.hold is not None
        world.looks.hold.set()
        await until(lambda: "routes" in slack.whispers(OPERATOR)[-1].text.splitlines()[0])
        await until(lambda: "Looking" not in slack.whispers(OPERATOR)[-1].text)
    told = slack.whispers(OPERATOR)
    assert len(told) == 4
    assert {one.via for one in told} == {"response_url"}


async def test_who_asked_may_cancel_and_is_told_how_far_it_was(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, **QUICK):
        await command(slack, "verify")
        await until(lambda: slack.whispers(OPERATOR))
        shown = slack.whispers(OPERATOR)[0]
        await slack.act(
            "click", user=OPERATOR, channel="C0ALERTS", ts=shown.ts, action_id=works.CANCEL
        )
        await until(
            lambda: any("after 1 of 3 nodes" in one.text for one in slack.whispers(OPERATOR))
        )
        assert any(wording_work.STOPPING in one.text for one in slack.whispers(OPERATOR))
        world.looks.hold = None
        # Its place is free again.
        await command(slack, "verify")
        await until(lambda: "verification" in slack.whispers(OPERATOR)[-1].text)


async def test_a_second_question_to_all_nodes_is_refused_and_a_single_node_answered(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk):
        await command(slack, "verify")
        await world.looks.begun.wait()
        await command(slack, "nics --all")
        await until(lambda: slack.whispers(OPERATOR))
        assert "under way already" in slack.whispers(OPERATOR)[-1].text
        await command(slack, "logs n1")
        await until(lambda: "flannel's log" in slack.whispers(OPERATOR)[-1].text)
        assert world.looks.hold is not None
        world.looks.hold.set()
        await until(lambda: "verification" in slack.whispers(OPERATOR)[-1].text)


async def test_nobody_else_may_cancel(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, **QUICK):
        await mention(slack, "verify")
        await until(slack.said)
        shown = slack.said()[0]
        await slack.act(
            "click", user=OTHER, channel="C0ALERTS", ts=shown.ts, action_id=works.CANCEL
        )
        await until(lambda: slack.whispers(OTHER))
        assert wording_work.NOT_YOURS in slack.whispers(OTHER)[0].text
        assert world.looks.hold is not None
        world.looks.hold.set()
        await until(lambda: "verification" in slack.said()[0].text)


async def test_in_a_thread_one_message_is_edited_until_it_is_the_answer(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, **QUICK):
        await mention(slack, "nics --all")
        await until(slack.said)
        assert "1 of 3 nodes looked at" in slack.said()[0].text
        world.looks.tell(2, 3)
        await until(lambda: "2 of 3 nodes looked at" in slack.said()[0].text)
        assert world.looks.hold is not None
        world.looks.hold.set()
        await until(lambda: "wrong on 1 node" in slack.said()[0].text)
    assert len(slack.said()) == 1
    assert not buttons(slack.said()[0])


async def test_what_one_person_alone_may_read_is_told_once_and_cannot_be_edited(
    slack: Slack,
) -> None:
    asked = replies.Asked(OPERATOR, "C0ALERTS")
    async with slack.web() as web:
        await web.verify()
        place = replies.Replies(web).place(asked, every=0.5)
        assert place.wait == 0.5
        await place.show(prose.Page("Looking"))
        assert place.wait is None
        await place.finish(prose.Page("The answer"))
    assert [one.text for one in slack.whispers(OPERATOR)] == ["Looking", "The answer"]


async def test_progress_that_has_not_moved_costs_no_edit(slack: Slack) -> None:
    asked = replies.Asked(OPERATOR, "C0ALERTS", open=True)
    async with slack.web() as web:
        await web.verify()
        place = replies.Replies(web).place(asked, every=0.5)
        for page in ("1 of 3", "1 of 3", "2 of 3", "2 of 3"):
            await place.show(prose.Page(page))
        await place.finish(prose.Page("The answer"))
    assert len(slack.calls("chat.postMessage")) == 1
    assert len(slack.calls("chat.update")) == 2
    assert slack.said()[0].text == "The answer"


async def test_an_answer_finds_another_way_where_its_message_is_gone(slack: Slack) -> None:
    asked = replies.Asked(OPERATOR, "C0ALERTS", open=True)
    async with slack.web() as web:
        await web.verify()
        place = replies.Replies(web).place(asked, every=0.5)
        await place.show(prose.Page("1 of 3"))
        await slack.fault("api_error", method="chat.update", error="message_not_found")
        await place.finish(prose.Page("The answer"))
    assert [one.text for one in slack.said()] == ["1 of 3", "The answer"]


async def test_a_button_of_a_question_that_is_over_is_answered(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, **QUICK):
        await command(slack, "verify")
        await until(lambda: slack.whispers(OPERATOR))
        shown = slack.whispers(OPERATOR)[0]
        assert world.looks.hold is not None
        world.looks.hold.set()
        await until(lambda: "verification" in slack.whispers(OPERATOR)[-1].text)
        await slack.act(
            "click", user=OPERATOR, channel="C0ALERTS", ts=shown.ts, action_id=works.CANCEL
        )
        await until(lambda: any(wording_work.OVER in one.text for one in slack.whispers(OPERATOR)))


async def test_a_shutdown_ends_a_question_under_way(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, drain_after=0.05, **QUICK):
        await command(slack, "verify")
        await world.looks.begun.wait()
    assert not any("verification" in one.text for one in slack.whispers(OPERATOR))
    with world.allowed.taken(OPERATOR, "prod"):
        pass


async def test_work_that_takes_too_long_is_given_up_with_a_sentence(
    slack: Slack, desk: samples.Desk, world: networks.World
) -> None:
    async with slack.app(desk, work_timeout=0.1):
        await command(slack, "verify")
        await until(lambda: slack.whispers(OPERATOR))
    assert "took too long" in slack.whispers(OPERATOR)[0].text


def many(world: networks.World) -> None:
    """So many deviants that no message holds them."""
    names = [f"n{one}" for one in range(1, 120)]
    bends = {name: [looked.trapped] for name in names}
    big = networks.cluster(119, flags=worlds.STORY_FLAGS, bends=bends)
    world.looks.given, world.looks.hold = big.looks.given, None
    world.taken = big.taken


@pytest.fixture
def crowded(world: networks.World) -> samples.Desk:
    many(world)
    made = samples.Desk()
    asked = world.network
    made.network = lambda _cluster: asked  # type: ignore[method-assign]
    return made


async def test_what_a_message_leaves_out_comes_to_the_person_as_a_file(
    slack: Slack, crowded: samples.Desk
) -> None:
    async with slack.app(crowded):
        await command(slack, "nics --all")
        await until(lambda: slack.calls("files.completeUploadExternal"))
    (done,) = slack.calls("files.completeUploadExternal")
    assert str(done["channel_id"]).startswith("D")
    assert json.loads(done["files"])[0]["title"].startswith("prod · NICs")
    assert not slack.said(), "nobody else sees it"


async def test_in_a_thread_the_file_goes_into_the_thread(
    slack: Slack, crowded: samples.Desk
) -> None:
    async with slack.app(crowded):
        await mention(slack, "nics --all")
        await until(lambda: slack.calls("files.completeUploadExternal"))
    (done,) = slack.calls("files.completeUploadExternal")
    assert done["channel_id"] == "C0ALERTS"
    assert done["thread_ts"]


async def test_a_file_that_slack_does_not_take_is_said(slack: Slack, crowded: samples.Desk) -> None:
    async with slack.app(crowded):
        await slack.fault("api_error", method="files.getUploadURLExternal", error="missing_scope")
        await command(slack, "nics --all")
        await until(lambda: len(slack.whispers(OPERATOR)) > 1)
    assert "could not be sent as a file" in slack.whispers(OPERATOR)[-1].text


def test_work_tells_how_far_it_is_and_who_may_stop_it() -> None:
    running = works.Works()
    work = works.Work(user="U1", question="nics --all")
    running.begin(work)
    told: ports.Progress = work.progress
    told(40, 120)
    assert (work.done, work.total) == (40, 120)
    assert running.stop(work.id, "U2") == (False, wording_work.NOT_YOURS)
    assert not work.stopped
    assert running.stop(work.id, "U1") == (True, wording_work.STOPPING)
    running.end(work)
    assert running.stop(work.id, "U1") == (False, wording_work.OVER)
