"""The page is plain files: small modules, nothing from outside, nothing inline."""

import re
from pathlib import Path

import pytest

import bot
from bot.sim.slack import pages

PAGE = Path(pages.__file__).parent / "page"
FILES = sorted(PAGE.iterdir())
CEILING = 260


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_a_file_of_the_page_is_small(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= CEILING


def test_nothing_is_inline_so_that_the_policy_can_forbid_it() -> None:
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|\sstyle=|\son[a-z]+=", index)
    assert "'unsafe" not in pages.POLICY


def test_every_file_is_used() -> None:
    texts = {file: file.read_text(encoding="utf-8") for file in FILES}
    for file in FILES:
        others = "".join(text for other, text in texts.items() if other != file)
        assert file.name == "index.html" or f"/{file.name}" in others, file.name


def test_every_sign_that_the_bot_writes_is_drawn_where_no_font_has_it() -> None:
    slack = Path(bot.__file__).parent / "adapters" / "slack"
    written = "".join(file.read_text(encoding="utf-8") for file in slack.rglob("*.py"))
    signs = set(
        re.findall("[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u23f3\u21a9\u26d4]", written)
    )
    names = dict(
        re.findall(
            r'(\w+): "([^"\ufe0f]+)\ufe0f?"', (PAGE / "emoji.js").read_text(encoding="utf-8")
        )
    )
    drawn = (PAGE / "glyphs.js").read_text(encoding="utf-8")
    found = {sign for name, sign in names.items() if re.search(rf"\b{name}:", drawn)}
    assert len(signs) > 5
    assert signs <= found, signs - found
