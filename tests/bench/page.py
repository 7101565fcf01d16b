"""The table of docs/concepts/performance.md, made of measured rows: `python -m tests.bench.page FILE`.

FILE is what `python -m tests.bench --output FILE` wrote; of several, a row counts where it comes
last, so that a family that was measured again later replaces what it was.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench import children, rows

PAGE = children.ROOT / "docs" / "concepts" / "performance.md"
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the rows as Markdown, in the order of the goals; what was not measured is left out."""
    lines = ["| what | measured | goal |", "| --- | --- | --- |"]
    for name, goal in rows.GOALS.items():
        one = found.get(name)
        if one is not None:
            most = "" if goal.most is None else f"{goal.most:,g} {_unit(goal.unit)}"
            lines.append(f"| {goal.what} | {_measured(one)} | {most.strip()} |")
    return "\n".join(lines) + "\n"


def _measured(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return f"not measured: {one['skipped'] or 'it failed'}"
    peer = one["peer"]
    beside = f" {peer['name']} {peer['version']}" if peer else ""
    missed = ", **missed**" if one["ok"] is False else ""
    smaller = f" ({one['skipped']})" if one["skipped"] else ""
    return f"{_figure(one['value'])} {_unit(one['unit'])}{beside}{missed}{smaller}"


def _figure(value: float) -> str:
    """Three digits: more would be the machine's."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _unit(unit: str) -> str:
    return {"x": "×"}.get(unit, unit)


def put(page: str, made: str) -> str:
    """Return the page with that table in the place of its own."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "the page has no place for the table"
    assert end, "the place for the table does not end"
    return before + begin + "\n" + made + "\n" + end + after


def main(files: list[str]) -> None:
    """Rewrite the page's table from files of rows."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        found |= rows.read(Path(file).read_text())
    PAGE.write_text(put(PAGE.read_text(), table(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
