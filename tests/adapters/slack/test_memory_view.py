"""What is said and drawn of flannel's memory."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.charts import painter
from bot.adapters.slack import blocks, memory_view, prose
from bot.domain import errors
from bot.flow import drawings, memory_answers, memory_ports
from tests.adapters.slack import judge, samples
from tests.adapters.slack.conftest import Slack, until
from tests.adapters.slack.test_network_views import EVIL
from tests.flow.test_memory import MI, NOW, Scene

OPERATOR = "U0OPERATOR"


def shown(page: prose.Page) -> str:
    rendered = blocks.render(page)
    judge.judge(rendered)
    judge.judge_plain(blocks.plain(page))
    return judge.seen(rendered)


async def grown(scene: Scene, node: str = "n2") -> memory_answers.NodeMemory:
    await scene.line("n2", a_day=24)
    return await scene.memory.node(node)


async def test_a_node_is_told_with_limit_peak_headroom_kills_and_forecast() -> None:
    scene = Scene()
    await scene.killed("n2", 1.0, 2.0)
    page = memory_view.node(await grown(scene))
    text = shown(page)
    assert text.splitlines()[0] == "n2 · memory · 🔴 OOM-killed 2 times"
    assert "Now  28 MiB of 50 MiB (56 %), 0.0 s ago" in text
    assert "Peak  28 MiB in 24 h (56 %), 22 MiB below the limit" in text
    assert "Limit  50 MiB" in text
    assert "OOM kills  2 in 24 h: " in text
    assert "a day (95 %: " in text
    assert ": meets the limit in 21 h" in text or ": meets the limit in 22 h" in text
    assert "It was killed though no sample came near the limit" in text
    assert "Seen  own samples of metrics.k8s.io, a point every 5 min of 24 h" in text
    assert "Not seen  anything before 8 h ago" in text


async def test_what_does_not_grow_is_said_not_to() -> None:
    text = shown(memory_view.node(await grown(Scene(), "n1")))
    assert text.startswith("n1 · memory · 🟢 40 % of its limit at most")
    assert "Forecast  no growth: 0 MiB a day" in text
    assert "OOM kills  none in 24 h" in text


async def test_where_nothing_is_known_it_is_not_called_well_and_what_is_missing_is_named() -> None:
    scene = Scene()
    scene.source.error = memory_ports.Absent("the cluster has no metrics.k8s.io")
    await scene.sampler.run()
    one, every = memory_view.node(await scene.memory.node("n1")), memory_view.fleet(
        await scene.memory.fleet()
    )  # fmt: skip
    for page in (one, every):
        text = shown(page)
        assert "memory · ⚪ not known" in text.splitlines()[0]
        assert "Nothing is known of what it uses." in text
        assert "Note  the cluster has no metrics.k8s.io" in text
        assert "metrics.prometheus_url" in text
        assert "50 MiB" in text
        assert page.picture is None


@pytest.mark.parametrize(
    ("sizes", "title"),
    [
        ({}, "🟢 far from the limit on all nodes"),
        ({"n1": 45}, "🟠 1 node near the limit"),
        ({"n1": 45, "n3": 49}, "🟠 2 nodes near the limit"),
    ],
)
async def test_the_fleets_title_tells_the_worst(sizes: dict[str, int], title: str) -> None:
    scene = Scene()
    await scene.sample(**sizes)
    text = shown(memory_view.fleet(await scene.memory.fleet()))
    assert text.splitlines()[0] == f"prod · memory · {title}"
    for name in sizes:
        assert f"{name} 9" in text


async def test_nodes_of_which_nothing_is_known_are_named() -> None:
    scene = Scene()
    del scene.source.sizes["kube-flannel-n2"]
    await scene.sample()
    text = shown(memory_view.fleet(await scene.memory.fleet()))
    assert text.startswith("prod · memory · ⚪ nothing wrong seen, 1 node not seen")
    assert "2 of 3 nodes, own samples" in text
    assert "Not seen  n2" in text


async def test_where_no_node_has_a_trend_yet_none_is_said_not_to_grow() -> None:
    scene = Scene()
    await scene.sample()
    text = shown(memory_view.fleet(await scene.memory.fleet()))
    assert "Forecast  none yet: too little is known of any node" in text
    await scene.line("n2", a_day=0)
    text = shown(memory_view.fleet(await scene.memory.fleet()))
    assert "Forecast  no node grows towards its limit" in text


async def test_kills_come_first_and_are_counted_by_node() -> None:
    scene = Scene()
    await scene.killed("n3", 1.0, 2.0, 3.0)
    await scene.sample(n1=45)
    text = shown(memory_view.fleet(await scene.memory.fleet()))
    assert text.startswith("prod · memory · 🔴 3 OOM kills on 1 node")
    assert "OOM kills  3 in 24 h: n3 ×3" in text


async def test_the_picture_says_what_the_text_says() -> None:
    scene = Scene()
    await scene.killed("n2", 1.0)
    page = memory_view.node(await grown(scene))
    assert page.picture is not None
    drawn = page.picture.drawing
    assert isinstance(drawn, drawings.MemoryChart)
    assert [curve.label for curve in drawn.curves] == ["working set", "highest in 5 min"]
    assert max(size for _, size in drawn.curves[1].points if size) == 28 * MI
    assert drawn.limits[-1][1] == 50 * MI
    assert list(drawn.kills) == [NOW - timedelta(hours=1)]
    assert drawn.trend is not None
    for fact in ("28 MiB of 50 MiB", "OOM kills  1", "UTC", "meets the limit"):
        assert fact in page.picture.alt


async def test_a_gap_breaks_the_curve() -> None:
    scene = Scene()
    for minutes in (60, 55, 10, 5, 0):
        await scene.sample(timedelta(minutes=minutes))
    page = memory_view.node(await scene.memory.node("n1"))
    assert page.picture is not None
    assert isinstance(page.picture.drawing, drawings.MemoryChart)
    points = page.picture.drawing.curves[0].points
    assert [size is None for _, size in points] == [False, False, True, False, False, False]
    assert "1 stretch without any value, the longest 40 min" in shown(page)


async def test_a_limit_that_was_changed_is_drawn_as_it_was() -> None:
    scene = Scene()
    value = await grown(scene)
    assert value.series is not None
    series = replace(value.series, limits=((NOW - timedelta(hours=8), 50 * MI),))
    page = memory_view.node(replace(value, series=series, limit=256 * MI))
    assert page.picture is not None
    assert isinstance(page.picture.drawing, drawings.MemoryChart)
    assert [limit for _, limit in page.picture.drawing.limits] == [50 * MI, 256 * MI]


async def test_no_name_or_note_can_mention_link_or_format() -> None:
    value = await grown(Scene())
    told = replace(value.told, notes=(EVIL,), source=EVIL)
    page = memory_view.node(replace(value, node=EVIL, told=told))
    shown(page)
    assert page.picture is not None
    judge.inert(page.picture.alt)
    judge.inert(page.picture.title)
    fleet = await Scene().memory.fleet()
    kills = (memory_ports.Kill(NOW, EVIL),)
    shown(memory_view.fleet(replace(fleet, kills=kills, unknown=(EVIL,) * 30)))


async def test_with_many_nodes_the_message_is_short_and_the_file_whole() -> None:
    scene = Scene(count=200)
    await scene.sample(**dict.fromkeys(scene.names, 45))
    page = memory_view.fleet(await scene.memory.fleet())
    assert len(shown(page)) < 2_000
    assert page.whole is not None
    whole = blocks.document(page.whole)
    assert all(f"{name} 90 %" in whole for name in scene.names)


class Brush:
    """Draws at once, or says why not."""

    def __init__(self, error: errors.BotError | None = None) -> None:
        self.error = error

    async def paint(self, _drawing: drawings.Drawing) -> bytes:
        if self.error is not None:
            raise self.error
        return b"\x89PNG\r\n\x1a\n" + b"x" * 64


class Desk(samples.Desk):
    """Answers about memory out of a scene."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene

    def memory(self, _cluster: str | None) -> memory_answers.Memory:
        return self.scene.memory


@pytest.fixture
async def desk() -> Desk:
    scene = Scene()
    await scene.line("n2", a_day=24)
    return Desk(scene)


async def test_by_slash_command_the_picture_follows_privately(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk, painter=Brush()):
        await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="memory n2")
        await until(lambda: slack.calls("files.completeUploadExternal"))
    (asked,) = slack.calls("files.getUploadURLExternal")
    assert asked["filename"] == "memory-n2.png"
    assert "28 MiB of 50 MiB" in asked["alt_txt"]
    (done,) = slack.calls("files.completeUploadExternal")
    assert done["channel_id"].startswith("D")
    answer = slack.whispers(OPERATOR)[0].text
    assert "28 MiB of 50 MiB" in answer
    assert "The picture comes in your messages with the bot." in answer


async def test_in_a_thread_the_picture_follows_there(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk, painter=Brush()):
        told = await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> memory")
        await until(lambda: slack.calls("files.completeUploadExternal"))
    (done,) = slack.calls("files.completeUploadExternal")
    assert (done["channel_id"], done["thread_ts"]) == ("C0ALERTS", told["ts"])
    assert not any("in your messages" in one.text for one in slack.said())


async def test_without_the_picture_the_text_is_there_and_says_why(slack: Slack, desk: Desk) -> None:
    for cause in ("painter", "upload"):
        brush = Brush(errors.Unavailable("it took too long") if cause == "painter" else None)
        if cause == "upload":
            await slack.fault("api_error", method="files.getUploadURLExternal",
                              error="missing_scope")  # fmt: skip
        before = len(slack.whispers(OPERATOR))
        async with slack.app(desk, painter=brush):
            await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="memory n2")
            await until(lambda before=before: len(slack.whispers(OPERATOR)) == before + 2)
        answer, note = slack.whispers(OPERATOR)[before:]
        assert "28 MiB of 50 MiB" in answer.text
        why = "it took too long" if cause == "painter" else "missing_scope"
        assert "The picture of this could not be sent" in note.text
        assert why in note.text
        assert "The text says the same." in note.text


async def test_the_text_does_not_wait_for_the_picture(slack: Slack, desk: Desk) -> None:
    begun, held = asyncio.Event(), asyncio.Event()

    class Slow(Brush):
        async def paint(self, drawing: drawings.Drawing) -> bytes:
            begun.set()
            await held.wait()
            return await super().paint(drawing)

    async with slack.app(desk, painter=Slow()):
        await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="memory n2")
        await begun.wait()
        assert "28 MiB of 50 MiB" in slack.whispers(OPERATOR)[0].text
        held.set()
        await until(lambda: slack.calls("files.completeUploadExternal"))


async def test_a_real_picture_arrives_as_it_was_drawn(slack: Slack, desk: Desk) -> None:
    made = painter.Painter()
    async with slack.app(desk, painter=made):
        await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="memory n2")
        await until(lambda: slack.calls("files.completeUploadExternal"))
    await made.close()
    (done,) = slack.calls("files.completeUploadExternal")
    file = slack.server.world.files.get(json.loads(done["files"])[0]["id"])
    assert file is not None
    assert file.body.startswith(b"\x89PNG")
    assert len(file.body) > 20_000
