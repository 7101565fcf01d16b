"""Text is made visible, inert and fit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.slack import limits

anything = st.text(st.characters(exclude_categories=()), max_size=300)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("bell\x07", "bell�"),
        ("a\r\nb", "a b"),
        ("a\tb", "a b"),
        ("half \ud800 a pair", "half � a pair"),
        ("abc\u202edef", "abc�def"),
        ("left\u200eright", "left�right"),
        ("<!channel>", "<\u200b!channel>"),
        ("<@U1>", "<\u200b@U1>"),
        ("<https://evil.example|ok>", "<\u200bhttps://evil.example|ok>"),
        ("<nil>", "<nil>"),
        ("a < b && c > d", "a < b && c > d"),
        ("flanneld 中文 ok", "flanneld 中文 ok"),
    ],
)
def test_text_is_visible_and_inert(text: str, seen: str) -> None:
    assert limits.clean(text) == seen


def test_lines_stay_lines_where_they_may() -> None:
    assert limits.clean("a\r\n\tb\n", lines=True) == "a\n\tb\n"


@given(anything, st.integers(1, 120))
def test_an_escaped_cut_is_within_bounds_and_never_inside_an_entity(text: str, most: int) -> None:
    escaped = limits.cut_escaped(text, most)
    assert len(escaped) <= most
    assert "<" not in escaped
    assert ">" not in escaped
    bare = escaped.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in bare


@given(anything)
def test_cleaned_text_can_always_be_sent(text: str) -> None:
    cleaned = limits.clean(text, lines=True)
    json.dumps(cleaned, ensure_ascii=False).encode()
    assert limits.clean(cleaned, lines=True) == cleaned


@given(anything.map(lambda text: limits.clean(text, lines=True)), st.integers(2, 400))
def test_the_end_is_what_is_kept_and_as_much_as_fits(text: str, room: int) -> None:
    kept = limits.end_of(text, room)
    assert text.endswith(kept)
    assert limits.size(kept) <= room


def test_the_end_of_a_log_begins_with_a_whole_line() -> None:
    text = "\n".join(f"line {number:04} of the log" for number in range(500))
    kept = limits.end_of(text, 1_000)
    assert kept.startswith("line ")
    assert kept.endswith("line 0499 of the log")
    assert limits.size(kept) > 900
