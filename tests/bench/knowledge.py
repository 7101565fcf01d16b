"""NIC selection and drift, the two judgements whose cost grows with nodes times what they hold."""

from tests.bench import children, rows
from tests.bench.sizes import Size

ROWS = ("selection_5000", "drift_1000_cpu", "drift_1000_rss")
SELECTION = 5000
NICS = 60
DRIFT = 1000


async def measure(size: Size) -> list[rows.Row]:
    hosts, nodes = size.of(SELECTION, quick=200), size.of(DRIFT, quick=100)
    selection = [await _told("selection", hosts, NICS) for _ in range(size.of(5, quick=1))]
    drift = [await _told("routes", nodes) for _ in range(size.of(5, quick=1))]
    for told in selection:
        assert told["chosen"] == told["nodes"] == hosts, told
    for told in drift:
        # A judgement that overlooks something is no measurement of judging.
        assert told["entries"] == 3 * nodes * (nodes - 1), told
        assert told["wrong"] == told["planted"], told
    smaller = size.smaller(nodes, DRIFT, "nodes")
    return [
        rows.row(
            "selection_5000",
            [told["seconds"] for told in selection],
            skipped=size.smaller(hosts, SELECTION, f"nodes of {NICS} NICs"),
        ),
        rows.row("drift_1000_cpu", [told["seconds"] for told in drift], skipped=smaller),
        rows.row("drift_1000_rss", [told["memory"] for told in drift], skipped=smaller),
    ]


async def _told(what: str, *size: int) -> dict[str, float]:
    async with children.running("tests.bench.knowing", what, *map(str, size)) as child:
        return await child.said()
