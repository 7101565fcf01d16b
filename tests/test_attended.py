"""What people are told on a schedule, at the composition root's part for their attention."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot import attended, settings_sources
from bot.domain import notice
from bot.domain.incident import State
from tests.flow.test_attending import Watch

pytestmark = pytest.mark.looptime

BASE = {"SLACK_BOT_TOKEN": "xoxb-token", "SLACK_APP_TOKEN": "xapp-token"}


async def told(watch: Watch, given: str, tmp_path: Path, *, name: str) -> list[notice.Detail]:
    """Run the job of that name once; return what then stands in the cluster's channel."""
    file = tmp_path / "bot.yaml"
    file.write_text(f"slack: {{channel: C1}}\n{given}")
    own = attended.Attended(
        watch.attention, watch.store, watch.clock, channels={"c": "C1"}, told=lambda: None
    )
    jobs = {job.name: job for job in own.jobs(settings_sources.load(file))}
    if name not in jobs:
        return []
    await jobs[name].run()
    await watch.deliver()
    shown = [one.message for one in watch.slack.messages if one.channel == "C1"]
    return [one for one in shown if isinstance(one, notice.Detail)]


async def test_the_hand_over_and_the_months_report_come_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in BASE.items():
        monkeypatch.setenv(key, value)
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    shifts = 'schedule: {handover: "0 8,20 * * *", timezone: Europe/Berlin}\n'
    assert await told(watch, "", tmp_path, name="hand-over") == [], "nobody asked for it"
    over = (await told(watch, shifts, tmp_path, name="hand-over"))[-1]
    assert over.title == "Hand-over of c"
    assert over.sections[0].heading == "Open incidents: 1"
    first = await watch.incident()
    async with watch.store.unit() as unit:
        for _ in range(2):
            await unit.save_incident(replace(first, id=0, state=State.RESOLVED))
    month = (await told(watch, "", tmp_path, name="noise report"))[-1]
    assert month.title == "Noise report of c"
    everything = "\n".join(line for section in month.sections for line in section.lines)
    assert "nothing came of it" in everything
    assert "silence cluster=c,check=oom_killed" in everything
