"""The checks on what real hosts' kernels held, story by story."""

from typing import Any

import pytest

from bot.domain.finding import Finding, Severity
from bot.flannel.inspection import Inspection, Way
from bot.flannel.netconf import NetConf
from tests.checks.worlds import NOW, SAFE_FLAGS, daemonset, flannel_spec, judge, node, pod, world
from tests.flannel import kernels

DEEP = ("node_device", "node_routes", "subnet_env")

TOLD = {
    "host-gw-01-steady": set(),
    "vxlan-01-steady": set(),
    "vxlan-03-node-added": set(),
    "vxlan-06-device-bounced": {"node_routes"},
    "vxlan-07-restart-repairs": set(),
    "vxlan-08-mac-changed": {"node_device"},
    "vxlan-11-lower-nic-down": {"node_device"},
}
"""The checks that speak of each story; of the others only that each finding can be acted upon."""


def found_in(name: str) -> dict[str, list[Finding]]:
    given: Any = kernels.story(name)["nodes_of_the_api"]
    nodes = [
        node(one["name"], pod_cidrs=(one["podCIDR"],), annotations=one["annotations"])
        for one in given
    ]
    spec = flannel_spec(*SAFE_FLAGS, image="flannel:v0.16.0")
    seen = world(
        *nodes,
        daemonset(desired=len(nodes), spec=spec),
        *(pod(f"f-{one.name}", node=one.name) for one in nodes),
    )
    looks = {
        state.node: Inspection(state.node, NOW, Way.EXEC, state.kernel())
        for state in kernels.stories()[name]
        if state.node in seen.nodes
    }
    confs = {"kube-system": NetConf(direct_routing="direct" in name)}
    return {check: judge(check, seen, inspections=looks, net_confs=confs) for check in DEEP}


WHOLE = [name for name in sorted(kernels.stories()) if "nodes_of_the_api" in kernels.story(name)]
"""Stories of a whole cluster; one is of a single host's pods."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_recorded_host_is_judged_as_its_story_says(name: str) -> None:
    found = found_in(name)
    speaking = {check for check, findings in found.items() if findings}
    if name in TOLD:
        assert speaking == TOLD[name], found
    for one in (finding for findings in found.values() for finding in findings):
        assert one.severity is not Severity.INFO
        assert one.evidence or one.summary
        assert one.cure


def test_the_story_of_a_bounced_device_is_told_with_its_command() -> None:
    (one,) = found_in("vxlan-06-device-bounced")["node_routes"]
    assert one.severity is Severity.CRITICAL
    assert "set down and up" in one.cure
    assert f"delete pod f-{one.member}" in one.cure
