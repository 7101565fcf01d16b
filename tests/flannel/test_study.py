"""One look, judged once."""

from dataclasses import replace

import pytest

from bot.flannel import fleet, lease, logs, study
from bot.flannel.faults import Fault
from bot.flannel.inspection import Way
from bot.flannel.kernel import Kernel
from bot.flannel.outlook import Verdict
from tests.flannel import looks
from tests.flannel.looks import HEALTHY, TRAPPED, by_log, flannel, node, seen

PEER = node("n2", ip="10.0.0.2", cidr="10.244.2.0/24", mac="02:aa:00:00:00:02")


def studied(look: looks.Inspection, *, backend: str = "vxlan", **more: object) -> study.Study:
    at = node(backend=backend)
    both = fleet.gather(lease.read([at, PEER]))
    return study.of(look, at, flannel(), both, **more)  # type: ignore[arg-type]


def test_a_look_tells_drift_and_what_a_restart_would_do() -> None:
    found = studied(seen(TRAPPED))
    assert found.outlook.verdict is Verdict.FAILS
    assert found.drift is not None
    assert found.drift.nic == "eth1"
    assert (found.node, found.way) == ("n1", Way.EXEC)


def test_a_log_has_no_tables_to_drift() -> None:
    found = studied(by_log("whatever"))
    assert found.drift is None
    assert not (found.links)
    assert not (found.tables)
    assert not (found.subnet_env)


@pytest.mark.parametrize(
    ("backend", "here", "tables"),
    [
        ("vxlan", replace(HEALTHY, neighbours=(), fdb=()), True),
        ("vxlan", replace(HEALTHY, neighbours=()), False),
        ("vxlan", replace(HEALTHY, fdb=()), False),
        ("host-gw", HEALTHY, True),
        ("host-gw", replace(HEALTHY, routes=None), False),
        ("wireguard", HEALTHY, False),
        ("wireguard", replace(HEALTHY, wireguard=()), True),
        ("vxlan", Kernel(neighbours=(), fdb=(), routes=()), False),
    ],
)
def test_tables_are_read_only_if_all_that_the_backend_uses_are(
    backend: str, here: Kernel, tables: bool
) -> None:
    assert studied(seen(here), backend=backend).tables is tables


def test_looking_for_subnet_env_in_vain_is_looking() -> None:
    assert not studied(seen(HEALTHY)).subnet_env
    gone = studied(seen(replace(HEALTHY, subnet_missing=True)))
    assert gone.subnet_env
    assert gone.drift is not None
    assert Fault.SUBNET_ENV_MISSING in {one.fault for one in gone.drift.deviations}


def test_a_peer_that_settles_is_not_missed() -> None:
    empty = seen(replace(HEALTHY, neighbours=(), fdb=()))
    missed, settling = studied(empty), studied(empty, settling=("n2",))
    assert missed.drift is not None and settling.drift is not None  # noqa: PT018
    assert missed.drift.missing
    assert not settling.drift.missing


def test_the_log_fills_in_what_the_kernel_does_not_show() -> None:
    log = logs.read("I1 main.go:1] Using interface with name eth1 and address 10.0.0.1")
    away = node(ip="10.0.0.77")
    bare = looks.kernel(looks.ETH0, looks.ETH1)
    both = fleet.gather(lease.read([away, PEER]))
    found = study.of(seen(bare, log=log), away, flannel(), both)
    assert found.drift is not None
    assert found.drift.nic == "eth1"
