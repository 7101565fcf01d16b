"""The pictures in the documentation are there, small, and of the size the script makes."""

import re
import struct
from pathlib import Path

import pytest

from tests.browser import screenshots

ROOT = Path(__file__).parent.parent.parent
IMAGES = sorted((ROOT / "docs" / "images").glob("*.png"))
DRAWN = ("growth.png",)
"""Charts, of the size that the benchmark gives them."""


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_a_picture_is_small_and_as_the_script_makes_it(image: Path) -> None:
    body = image.read_bytes()
    assert len(body) <= screenshots.LARGEST
    width, height = struct.unpack(">II", body[16:24])
    assert image.name in DRAWN or {"width": width, "height": height} in (
        screenshots.WIDE,
        screenshots.TALL,
        screenshots.PHONE,
    )


def test_every_picture_is_shown_somewhere_and_none_is_missing() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    shown = {
        (page.parent / path).resolve()
        for page in pages
        for path in re.findall(r"(?:\]\(|src=\"|srcset=\")([^\")]+\.png)", page.read_text())
    }
    assert shown == set(IMAGES)
