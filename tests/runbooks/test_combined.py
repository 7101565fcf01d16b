"""Both at once: one patch, one restart, and what is said where only one is due."""

from bot.domain import patch
from bot.domain.plan import Effect, Plan, StepKind
from bot.runbooks import NoPlan, Wishes, raise_memory_and_anchor
from tests.checks import worlds
from tests.checks.worlds import MI, SAFE_FLAGS
from tests.runbooks import cases


def test_both_are_one_patch_and_every_node_keeps_its_nic() -> None:
    case = cases.case(hosts={2: cases.host(2, trap=cases.VETH)}, broken=(2,))
    plan = raise_memory_and_anchor.draft(case, Wishes(memory_bytes=512 * MI))
    assert isinstance(plan, Plan)
    assert [one.kind for one in plan.steps] == [StepKind.PATCH_DAEMONSET, StepKind.WAIT_ROLLOUT]
    live = patch.apply(plan.steps[0].change, case.documents[cases.NAME])
    container = live["spec"]["template"]["spec"]["containers"][1]
    assert container["resources"]["limits"] == {"cpu": "100m", "memory": "512Mi"}
    assert container["resources"]["requests"] == {"cpu": "100m", "memory": "50Mi"}
    assert container["args"][2] == "--iface-regex=^(?:eth1|bond1)$"
    assert {one.effect for one in plan.predictions} == {Effect.UNCHANGED}


def test_where_one_is_not_due_the_other_is_named() -> None:
    enough = cases.case(spec=worlds.flannel_spec(*worlds.STORY_FLAGS, memory_limit=512 * MI))
    safe = cases.case(args=SAFE_FLAGS)
    found = [raise_memory_and_anchor.draft(each, Wishes()) for each in (enough, safe)]
    assert [one.instead for one in found if isinstance(one, NoPlan)] == [
        ("anchor-regex",),
        ("raise-memory",),
    ]


def test_sisters_get_both_each_by_what_it_lacks() -> None:
    case = cases.sisters(limits_of={"arm64": 512 * MI})
    plan = raise_memory_and_anchor.draft(case, Wishes())
    assert isinstance(plan, Plan)
    first, second = (one for one in plan.steps if one.kind is StepKind.PATCH_DAEMONSET)
    assert len(first.change) == 6
    assert len(second.change) == 4
