"""What is offered for which trouble, the best first."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.target import Target
from bot.runbooks import ALL_RUNBOOKS, offers
from tests.checks import worlds
from tests.checks.worlds import MI, SAFE_FLAGS, STORY_FLAGS
from tests.runbooks import cases

BOTH, MEMORY, ANCHOR = "raise-memory-and-anchor", "raise-memory", "anchor-regex"
ROOMY = worlds.flannel_spec(*STORY_FLAGS, memory_limit=512 * MI)
UNLIMITED = worlds.flannel_spec(*STORY_FLAGS, memory_limit=None)
OFFERED: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("both faults", "oom_killed", {}, (BOTH, MEMORY, ANCHOR)),
    ("memory alone", "oom_killed", {"args": SAFE_FLAGS}, (MEMORY,)),
    ("headroom", "memory_headroom", {"args": SAFE_FLAGS}, (MEMORY,)),
    ("killed without a limit", "oom_killed", {"spec": UNLIMITED}, (ANCHOR,)),
    ("a loop with both", "crash_loop", {}, (BOTH, ANCHOR, "evict-veth", "drain", "restart")),
    ("a loop by the pattern", "crash_loop", {"spec": ROOMY}, (ANCHOR, "evict-veth", "drain", "restart")),
    ("a loop of another cause", "crash_loop", {"args": SAFE_FLAGS}, (MEMORY, "restart")),
    ("a latent trap", "nic_at_restart", {"spec": ROOMY}, (ANCHOR, "evict-veth", "drain")),
    ("the pattern", "nic_pattern", {"spec": ROOMY}, (ANCHOR,)),
    ("the pattern, and little memory", "nic_pattern", {}, (BOTH, ANCHOR)),
    ("lost routes", "node_routes", {}, ("restart",)),
    ("a lost device", "node_device", {}, ("restart",)),
    ("a version", "version_hazard", {}, ()),
    ("a rollout", "rollout_stuck", {}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("why", "check", "more", "names"), OFFERED, ids=[o[0] for o in OFFERED])
def test_the_best_is_offered_first(
    why: str, check: str, more: dict[str, Any], names: tuple[str, ...]
) -> None:
    found = offers.of(cases.trouble(check), cases.case(**more))
    assert found == names
    assert set(found) <= ALL_RUNBOOKS.keys()


def test_nothing_is_offered_for_what_is_not_flannel() -> None:
    proxy = cases.trouble(workload=Target("prod", "DaemonSet", "kube-system", "kube-proxy"))
    assert offers.of(proxy, cases.case()) == ()


def test_nothing_is_offered_for_a_sidecar_of_flannels_pod() -> None:
    trouble = cases.trouble()
    members = tuple(replace(one, container="sidecar") for one in trouble.members)
    assert offers.of(replace(trouble, members=members), cases.case()) == ()
