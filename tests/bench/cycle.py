"""One cycle over 5,000 nodes + 25,000 system pods, in a process of its own."""

from tests.bench import children, rows
from tests.bench.sizes import Size

ROWS = ("cycle_5000", "cycle_5000_first", "cycle_5000_storm")
FULL = 5000


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(FULL, quick=200)
    skipped = size.smaller(nodes, FULL, "nodes")
    later: list[float] = []
    first: list[float] = []
    storm: list[float] = []
    for _ in range(size.of(3, quick=1)):
        async with children.running("tests.bench.judging", str(nodes), "20") as child:
            told = await child.said()
            first.append(told["first"] * 1000)
            later += [one * 1000 for one in told["later"]]
            storm.append(told["storm"] * 1000)
    return [
        rows.row("cycle_5000", later, skipped=skipped),
        rows.row("cycle_5000_first", first, skipped=skipped),
        rows.row("cycle_5000_storm", storm, skipped=skipped),
    ]
