"""Who reaches whom: every node's entries for every peer, as far as they were seen.

Kept sparse, since nearly all of a thousand by a thousand are right: a row has one state for all
peers, and the peers for which it is another.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.domain.finding import Severity
from bot.flannel.drift import Judgement
from bot.flannel.faults import Fault
from bot.flannel.study import Study


class Cell(enum.StrEnum):
    """How a node's entries for one peer are."""

    RIGHT = "right"
    WRONG = "wrong"
    SETTLING = "settling"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Row:
    """One node's entries: `usual` for every peer but those in `cells`."""

    usual: Cell
    cells: Mapping[str, Cell] = field(default_factory=dict)

    def to(self, peer: str) -> Cell:
        """Return how the entries for that peer are."""
        return self.cells.get(peer, self.usual)


@dataclass(frozen=True, slots=True)
class Matrix:
    """All nodes in order; a node without a row was not seen."""

    nodes: tuple[str, ...] = ()
    rows: Mapping[str, Row] = field(default_factory=dict)

    def cell(self, node: str, peer: str) -> Cell | None:
        """Return how `node` has set up `peer`; None for itself."""
        if node == peer:
            return None
        row = self.rows.get(node)
        return Cell.UNSEEN if row is None else row.to(peer)

    @property
    def troubled(self) -> tuple[str, ...]:
        """The nodes with any entry that is wrong, in order."""
        return tuple(
            node
            for node in self.nodes
            if (row := self.rows.get(node)) is not None
            and (row.usual is Cell.WRONG or Cell.WRONG in row.cells.values())
        )


CUT_OFF = frozenset(
    {
        Fault.DEVICE_MISSING,
        Fault.DEVICE_DOWN,
        Fault.DEVICE_OTHER,
        Fault.DEVICE_BOUNCED,
        Fault.DEVICE_RECREATED,
        Fault.ROUTES_FLUSHED,
        Fault.NEIGHBOURS_FLUSHED,
        Fault.FDB_FLUSHED,
        Fault.NETWORK_ROUTE_MISSING,
        Fault.MAC_REWRITTEN,
        Fault.MAC_DIFFERS,
        Fault.NIC_MISSING,
        Fault.NIC_DOWN,
        Fault.NIC_NO_CARRIER,
        Fault.NIC_LOOPBACK,
        Fault.NIC_LOST_ADDRESS,
        Fault.NIC_CHANGED_ADDRESS,
    }
)
"""What cuts a node off from every peer, whether or not the deviation names them."""


def of(nodes: Iterable[str], studies: Iterable[Study]) -> Matrix:
    """Arrange what looks show; of a node whose tables were not all read, only the wrong is seen."""
    rows = {one.node: _row(one.drift, one.tables) for one in studies if one.drift is not None}
    return Matrix(tuple(nodes), rows)


def _row(judged: Judgement, tables: bool) -> Row:
    if any(deviation.fault in CUT_OFF for deviation in judged.deviations):
        return Row(Cell.WRONG)
    wrong = {
        peer
        for deviation in judged.deviations
        if deviation.severity is Severity.CRITICAL
        for peer in deviation.peers
    }
    cells = dict.fromkeys(judged.settling, Cell.SETTLING) | dict.fromkeys(wrong, Cell.WRONG)
    return Row(Cell.RIGHT if tables else Cell.UNSEEN, cells)
