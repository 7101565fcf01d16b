"""What all pictures share: size, colours, type; in the child process only.

Colours are Okabe and Ito's, which people with any colour vision tell apart; nothing is told by
colour alone. Sizes are for a phone, where Slack shows a picture some 360 points wide.
"""

import io
from typing import Any

import matplotlib as mpl
from matplotlib import figure

BLUE, SKY, ORANGE, RED, INK, PALE = (
    "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#1d1c1d", "#696969",
)  # fmt: skip
_LONGEST = 90
_SIGNS = "·–…≥≤"

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "text.color": INK,
    "axes.edgecolor": "#c8c8c8",
    "axes.labelcolor": PALE,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    # A node's name is data: a dollar sign in it is no formula.
    "text.parse_math": False,
}


def sheet(title: str, subtitle: str) -> figure.Figure:
    """Return an empty sheet with its title."""
    mpl.rcParams.update(STYLE)
    made = figure.Figure(figsize=(8, 4.8), dpi=160, layout="constrained")
    made.suptitle(clean(title), x=0.012, ha="left", fontsize=16, fontweight="bold")
    if subtitle:
        made.supxlabel(clean(subtitle), x=0.012, ha="left", fontsize=11, color=PALE)
    return made


def finished(made: figure.Figure) -> bytes:
    """Return it as a PNG."""
    out = io.BytesIO()
    made.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def clean(text: str) -> str:
    """Return text that the font can show, on one line, not too long."""
    shown = "".join(c if c in _SIGNS or (c.isprintable() and ord(c) < 0x250) else "?" for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
