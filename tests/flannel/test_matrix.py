"""Who reaches whom, without a cell for every pair."""

from bot.flannel import fleet as fleets
from bot.flannel import lease, matrix, study
from bot.flannel.faults import Fault
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Kernel
from bot.flannel.matrix import Cell
from tests.checks import networks
from tests.checks.worlds import NOW, node, nodes
from tests.flannel import looks

NAMES = ("n1", "n2", "n3")


def studied(*given: Inspection) -> list[study.Study]:
    fleet = fleets.gather(lease.read(nodes(3)))
    return [study.of(one, node(one.node), looks.flannel(), fleet) for one in given]


def cells(found: matrix.Matrix, name: str) -> list[Cell | None]:
    return [found.cell(name, peer) for peer in NAMES]


def test_right_nodes_reach_each_other_and_nobody_reaches_itself() -> None:
    found = matrix.of(NAMES, studied(*map(networks.look, NAMES)))
    assert cells(found, "n1") == [None, Cell.RIGHT, Cell.RIGHT]
    assert found.troubled == ()


def test_one_lost_peer_is_one_wrong_cell() -> None:
    found = matrix.of(NAMES, studied(networks.look("n1", peers=("n1", "n2"))))
    assert cells(found, "n1") == [None, Cell.RIGHT, Cell.WRONG]
    assert found.troubled == ("n1",)


def test_a_bounced_device_reaches_nobody() -> None:
    found = matrix.of(NAMES, studied(networks.look("n2", networks.without_entries)))
    assert cells(found, "n2") == [Cell.WRONG, None, Cell.WRONG]


def test_a_missing_device_reaches_nobody_though_it_names_no_peer() -> None:
    found = matrix.of(NAMES, studied(networks.look("n2", networks.dropped("flannel.1"))))
    assert Fault.DEVICE_MISSING in matrix.CUT_OFF
    assert cells(found, "n2") == [Cell.WRONG, None, Cell.WRONG]


def test_what_was_not_seen_is_not_right() -> None:
    blind = Inspection("n1", NOW, Way.EXEC, Kernel(links=networks.kernel("n1").links))
    found = matrix.of(NAMES, studied(blind))
    assert cells(found, "n1") == [None, Cell.UNSEEN, Cell.UNSEEN]
    assert cells(found, "n3") == [Cell.UNSEEN, Cell.UNSEEN, None]
    assert found.troubled == ()


def test_a_peer_that_joins_just_now_is_settling() -> None:
    fleet = fleets.gather(lease.read(nodes(3)))
    seen = networks.look("n1", peers=("n1", "n2"))
    made = study.of(seen, node("n1"), looks.flannel(), fleet, settling=("n3",))
    assert cells(matrix.of(NAMES, [made]), "n1") == [None, Cell.RIGHT, Cell.SETTLING]
