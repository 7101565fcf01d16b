"""Pictures come out of a child process, whatever they are of, or it is said why not."""

import asyncio
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from bot.adapters.charts import job, painter
from bot.domain import errors
from bot.flannel.matrix import Cell, Matrix, Row
from bot.flow import drawings

# One process for all: the first picture in each makes matplotlib's list of fonts.
pytestmark = pytest.mark.xdist_group("charts")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MI = 2**20
EVIL = "$\\frac{1}{0$ <!channel> 节点\u202e\n\x00" * 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paints() -> AsyncIterator[painter.Painter]:
    """One for all: its first picture makes matplotlib's list of fonts."""
    made = painter.Painter()
    yield made
    await made.close()


def chart(**changes: object) -> drawings.MemoryChart:
    points = [(NOW - timedelta(minutes=5 * n), 20 * MI + n) for n in range(100, 0, -1)]
    given: dict[str, object] = {
        "title": "n1 · flannel's memory", "subtitle": "own samples", "since": NOW - timedelta(1),
        "until": NOW, "curves": [drawings.Curve("working set", drawings.Role.USUAL, points)],
        "limits": [(NOW - timedelta(1), 50 * MI)], "kills": [NOW - timedelta(hours=1)],
    }  # fmt: skip
    return drawings.MemoryChart(**{**given, **changes})  # type: ignore[arg-type]


def nothing() -> drawings.MemoryChart:
    return chart(curves=[], limits=[], kills=[])


def grid(count: int, *, wrong: int = 3) -> drawings.MatrixChart:
    nodes = tuple(f"n{number:04}" for number in range(count))
    rows = {name: Row(Cell.RIGHT, {nodes[0]: Cell.WRONG}) for name in nodes[1 : wrong + 1]}
    return drawings.MatrixChart("prod · routes", "", Matrix(nodes, rows))


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Decode enough of a PNG to know that it is whole: width, height, raw scan lines."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, data, size = 8, b"", (0, 0)
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", png[place + 8 + length :][:4])[0]
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        place += length + 12
    return (*size, zlib.decompress(data))


CASES = {
    "a node": chart(),
    "nothing known": nothing(),
    "no limit": chart(limits=[(NOW, None)]),
    "a gap": chart(curves=[drawings.Curve("x", drawings.Role.PEAK, [(NOW, None), (NOW, 1)])]),
    "hostile names": chart(title=EVIL, subtitle=EVIL,
                           curves=[drawings.Curve(EVIL, drawings.Role.MOST, [(NOW, MI)])]),
    "a trend": chart(trend=drawings.Trend(NOW, 20.0 * MI, 5.0 * MI, 1.0 * MI, 9.0 * MI)),
    "a limit that was raised": chart(limits=[(NOW - timedelta(1), 50 * MI), (NOW, 256 * MI)]),
    "few nodes": grid(5),
    "many nodes": grid(1500),
    "no node": drawings.MatrixChart("t", "", Matrix()),
    "a hostile node": drawings.MatrixChart(EVIL, EVIL, Matrix((EVIL,), {EVIL: Row(Cell.WRONG)})),
}  # fmt: skip


ALMOST = {f"{wrong} wrong of 1000": grid(1000, wrong=wrong) for wrong in (0, 1)}
ONE_AFTER_THE_OTHER = (
    "import sys, msgspec\nfrom bot.adapters.charts import child\n"
    "bodies = msgspec.msgpack.decode(sys.stdin.buffer.read())\n"
    "sys.stdout.buffer.write(msgspec.msgpack.encode([child.picture(b) for b in bodies]))\n"
)


@pytest.fixture(scope="module")
def gallery() -> Mapping[str, bytes]:
    """All pictures, drawn as the child draws them, but by one: each start costs a second."""
    wanted = CASES | ALMOST
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_THE_OTHER],
        input=msgspec.msgpack.encode([job.encode(one) for one in wanted.values()]),
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(zip(wanted, msgspec.msgpack.decode(done.stdout), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_every_drawing_is_a_picture_that_a_phone_can_load(
    gallery: Mapping[str, bytes], name: str
) -> None:
    width, height, raw = pixels(gallery[name])
    assert (width, height) == (1280, 768)
    assert len(set(raw)) > 2, "it is not empty"
    assert len(gallery[name]) < 400_000


def test_one_wrong_entry_among_a_million_is_seen(gallery: Mapping[str, bytes]) -> None:
    """Where several nodes share a cell it shows the worst of them."""
    right, wrong = [pixels(gallery[name])[2] for name in ALMOST]
    assert right != wrong


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["many nodes", "hostile names"])
async def test_a_picture_is_drawn_within_the_bounds_of_a_child(
    paints: painter.Painter, gallery: Mapping[str, bytes], name: str
) -> None:
    assert pixels(await paints.paint(CASES[name])) == pixels(gallery[name])


def test_what_goes_into_the_child_comes_out_as_it_was() -> None:
    for drawing in CASES.values():
        assert job.encode(job.decode(job.encode(drawing))) == job.encode(drawing)


HANGS = "import sys, time\nsys.stdin.read()\ntime.sleep(60)\n"
FAILS = "import sys\nsys.stdin.read()\nsys.exit('no fonts')\n"
CHATS = "print('this is no picture')\n"
GREEDY = (
    "import resource, sys\nlimit = int(sys.argv[1])\n"
    "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\nx = b'x' * 2**31\n"
)


@pytest.mark.parametrize(
    ("code", "within", "why"),
    [(HANGS, 0.5, "not ready within"), (FAILS, 20.0, "could not"), (CHATS, 20.0, "could not"),
     (GREEDY, 20.0, "could not")],
    ids=["hangs", "fails", "chats", "greedy"],
)  # fmt: skip
async def test_a_child_that_does_not_draw_is_ended_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, within: float, why: str
) -> None:
    (tmp_path / "other_child.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    bounds = painter.Options(within=within, memory=2**29)
    made = painter.Painter(bounds, module="other_child")
    with pytest.raises(errors.Unavailable, match=why):
        await made.paint(nothing())
    await made.close()
    assert not any("other_child" in line for line in _children())


async def test_who_is_cancelled_leaves_no_child_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hanging_child.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'began')!r}).touch()\n{HANGS}"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    made = painter.Painter(module="hanging_child")
    asking = asyncio.create_task(made.paint(nothing()))
    async with asyncio.timeout(20):
        while not (tmp_path / "began").exists():
            await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await made.close()
    assert not any("hanging_child" in line for line in _children())


def _children() -> list[str]:
    """Command lines of this process' own children; those of other test workers are not ours."""
    lines = []
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text().split():
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            lines.append(line.replace(b"\0", b" ").decode("utf-8", "replace"))
    return lines


def test_the_bots_own_process_never_imports_matplotlib() -> None:
    code = (
        "import sys, bot.app, bot.cli, bot.adapters.charts.painter, bot.adapters.charts.job\n"
        "sys.exit(' '.join(m for m in sys.modules if m in ('matplotlib', 'numpy')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
