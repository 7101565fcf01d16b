"""Which node has set up which peer, as a grid; in the child process only."""

import numpy as np
from matplotlib import colors, patches

from bot.adapters.charts import paper
from bot.flannel.matrix import Cell
from bot.flow import drawings

Cells = np.ndarray[tuple[int, int], np.dtype[np.int8]]

_NAMED = 30
"""With more nodes than this their names cannot be read; troubled ones are named then."""
_FEW = 12
_FINEST = 400
"""Cells a side: of more nodes several share a cell, which shows the worst of them."""

_SELF, _RIGHT, _UNSEEN, _SETTLING, _WRONG = range(5)
_CODE = {
    Cell.RIGHT: _RIGHT,
    Cell.UNSEEN: _UNSEEN,
    Cell.SETTLING: _SETTLING,
    Cell.WRONG: _WRONG,
}
_COLOURS = ("white", "#cfe3f1", "#dcdcdc", paper.ORANGE, paper.RED)
_WORDS = ("itself", "right", "not seen", "settling", "wrong")


def draw(chart: drawings.MatrixChart) -> bytes:
    """Return the picture."""
    table = chart.table
    cells = _cells(chart)
    made = paper.sheet(chart.title, chart.subtitle)
    plot = made.subplots()
    shown = _coarse(cells)
    plot.imshow(
        shown, cmap=colors.ListedColormap(_COLOURS), vmin=-0.5, vmax=len(_COLOURS) - 0.5,
        interpolation="nearest", aspect="equal",
    )  # fmt: skip
    scale = len(shown) / max(len(table.nodes), 1)
    names = {name: index * scale for index, name in enumerate(table.nodes)}
    wanted = list(table.nodes) if len(names) <= _NAMED else list(table.troubled[:_FEW])
    if 0 < len(shown) <= _NAMED:
        plot.set_xticks(np.arange(len(shown) + 1) - 0.5, minor=True)
        plot.set_yticks(np.arange(len(shown) + 1) - 0.5, minor=True)
        plot.grid(which="minor", color="white", linewidth=1.5)
        plot.tick_params(which="minor", length=0)
    size = 8 if len(wanted) > 16 else 10
    plot.set_yticks([names[name] for name in wanted], [_short(name) for name in wanted],
                    fontsize=size)  # fmt: skip
    plot.set_xticks([])
    plot.set_ylabel("on this node")
    plot.set_xlabel("the entries for this peer, in the same order")
    for side in plot.spines.values():
        side.set_visible(False)
    present = [code for code in (_WRONG, _SETTLING, _UNSEEN, _RIGHT) if np.any(cells == code)]
    made.legend(
        handles=[
            patches.Patch(facecolor=_COLOURS[code], edgecolor=paper.PALE, linewidth=0.5,
                          label=f"{_WORDS[code]} {int(np.sum(cells == code)):,}")
            for code in present
        ],
        loc="outside right upper", fontsize=12,
    )  # fmt: skip
    return paper.finished(made)


def _cells(chart: drawings.MatrixChart) -> Cells:
    table = chart.table
    index = {name: place for place, name in enumerate(table.nodes)}
    cells = np.full((len(index), len(index)), _UNSEEN, dtype=np.int8)
    for name, row in table.rows.items():
        if name not in index:
            continue
        cells[index[name], :] = _CODE[row.usual]
        for peer, cell in row.cells.items():
            if peer in index:
                cells[index[name], index[peer]] = _CODE[cell]
    np.fill_diagonal(cells, _SELF)
    return cells


def _coarse(
    cells: Cells,
) -> Cells:
    """Let neighbours share a cell where there are too many: the worst of them is shown."""
    many = -(-len(cells) // _FINEST) if len(cells) else 1
    if many <= 1:
        return cells
    begins = np.arange(0, len(cells), many)
    by_row = np.maximum.reduceat(cells, begins, axis=0)
    return np.maximum.reduceat(by_row, begins, axis=1)


def _short(name: str) -> str:
    shown = paper.clean(name)
    return shown if len(shown) <= 18 else f"{shown[:17]}…"
