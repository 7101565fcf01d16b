"""What a plan's thread says of each node is as short as it can be, and complete."""

from bot.domain.plan import Effect, Prediction
from bot.flow import plancards
from tests.domain import plans


def test_nodes_that_keep_their_nic_are_one_line_and_each_failure_keeps_its_reason() -> None:
    made = plans.plan(
        predictions=(
            Prediction("n1", Effect.UNCHANGED, "eth1", "eth1", "stays with 10.0.0.1"),
            Prediction("n2", Effect.FAILS, "eth1", "", "no address on veth0a"),
            Prediction("n3", Effect.UNCHANGED, "eth1", "eth1", "stays with 10.0.0.3"),
            Prediction("n4", Effect.FAILS, "eth1", "", "nothing matches"),
        )
    )
    assert list(plancards.predicted(made)) == [
        "1 node, no NIC would be found (no address on veth0a): n2",
        "1 node, no NIC would be found (nothing matches): n4",
        "2 nodes, unchanged on eth1: n1, n3",
    ]
