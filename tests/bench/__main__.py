"""`python -m tests.bench`: JSON lines on stdout, a table on stderr; exit 1 if a goal is missed."""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from types import ModuleType

from tests.bench import (
    alerts,
    children,
    cycle,
    drain,
    first_sync,
    idle,
    knowledge,
    large,
    loaded,
    routes,
    rows,
    sizes,
    soak,
    watching,
)

FAMILIES: dict[str, ModuleType] = {
    "first_sync": first_sync,
    "watching": watching,
    "cycle": cycle,
    "knowledge": knowledge,
    "idle": idle,
    "large": large,
    "alerts": alerts,
    "loaded": loaded,
    "routes": routes,
    "drain": drain,
    "soak": soak,
}
LONG = {"soak"}
"""Families that take so long that they are measured only when they are named."""


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against the goals.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="a row or a family; may be repeated")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the rows here, too")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="rows of an earlier run")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is judged")
    parser.add_argument("--samples", type=int, metavar="N", help="so many latencies at most")
    parser.add_argument("--list", action="store_true", help="name families, rows and goals")
    found = parser.parse_args(given)
    known = {*FAMILIES, *rows.GOALS}
    for name in found.only:
        if name not in known:
            parser.error(f"--only: there is no {name!r}; --list names what there is")
    if found.samples is not None and found.samples < 1:
        parser.error(f"--samples: must be at least 1, not {found.samples}")
    # Before an hour of measuring, not after it.
    if found.output is not None and (found.output.is_dir() or not found.output.parent.is_dir()):
        parser.error(f"--output: {found.output} cannot be written")
    if found.compare is not None:
        try:
            found.compare = rows.read(found.compare.read_text())
        except (OSError, ValueError, LookupError, TypeError) as error:
            parser.error(f"--compare: {found.compare} holds no rows: {error}")
    return found


def chosen(only: list[str]) -> dict[str, tuple[str, ...]]:
    """Which rows of which families are wanted."""
    wanted = {
        family: tuple(
            name
            for name in module.ROWS
            if family in only or name in only or not (only or family in LONG)
        )
        for family, module in FAMILIES.items()
    }
    return {family: names for family, names in wanted.items() if names}


async def measured(family: str, names: tuple[str, ...], size: sizes.Size) -> list[rows.Row]:
    sys.stderr.write(f"measuring {family} ...")
    sys.stderr.flush()
    began = time.monotonic()
    try:
        found = await FAMILIES[family].measure(size)
    except (children.Failed, OSError, AssertionError) as error:
        sys.stderr.write(f" failed: {error!r}\n")
        return [rows.broken(name) for name in names]
    sys.stderr.write(f" {time.monotonic() - began:.0f} s\n")
    return [one for one in found if one.name in names]


async def run(given: argparse.Namespace) -> int:
    size = sizes.Size(quick=given.quick, samples=given.samples)
    results: list[rows.Row] = []
    for family, names in chosen(given.only).items():
        for one in await measured(family, names, size):
            results.append(one)
            sys.stdout.write(one.line() + "\n")
            sys.stdout.flush()
    if given.output is not None:
        given.output.write_text("".join(one.line() + "\n" for one in results))
    sys.stderr.write(rows.table(results, given.compare) + "\n")
    return 1 if any(one.ok is False for one in results) else 0


def main(given: list[str] | None = None) -> int:
    found = arguments(given)
    if found.list:
        for family, names in chosen(found.only).items():
            for name in names:
                unit, most, what = rows.GOALS[name]
                goal = "" if most is None else f"<= {most:g} {unit}"
                sys.stdout.write(f"{family:11} {name:26} {goal:11} {what}\n")
        return 0
    return asyncio.run(run(found))


if __name__ == "__main__":
    sys.exit(main())
