"""A time that the core wrote is shown in the reader's zone, and nothing else is taken for one."""

import json
from datetime import UTC, datetime

import pytest

from bot.adapters.slack import blocks, details, prose
from bot.domain import notice

AT = datetime(2026, 1, 9, 18, 0, 5, tzinfo=UTC)


def test_what_a_hand_over_and_a_freeze_say_is_in_the_readers_zone() -> None:
    line = "SIL-4 ends 2026-01-09T18:00:05Z: `check=pod_not_ready`, release"
    section = notice.Section(heading="Silences that end soon: 1", lines=(line,))
    page = details.detail(notice.Detail(title="Hand-over", sections=(section,)))
    (_, said) = page.parts[0].lines  # type: ignore[union-attr]
    assert prose.Moment(AT) in said
    assert prose.code("check=pod_not_ready") in said
    assert "2026-01-09T" not in json.dumps(blocks.render(page).blocks)


@pytest.mark.parametrize(
    "text",
    [
        "`2026-01-09T18:00:05Z`",
        "pod-2026-01-09T18:00:05Z",
        "2026-99-99T18:00:05Z",
        "2026-01-09T18:00:05Zulu",
        "2026-01-09",
        "",
    ],
)
def test_code_names_and_what_is_no_time_stay_as_they_are(text: str) -> None:
    said = prose.marked(text)
    assert not any(isinstance(piece, prose.Moment) for piece in said)
    assert "".join(piece.text for piece in said if isinstance(piece, prose.Run)) == text.strip("`")
