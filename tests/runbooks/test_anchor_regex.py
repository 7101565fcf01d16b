"""Anchoring: exact flags where they stand, proven on every node, else the text for a person."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain import patch
from bot.domain.plan import Effect, Plan, Signal
from bot.domain.snapshot import Gap
from bot.runbooks import Case, NoPlan, Wishes, anchor_regex
from tests.checks import worlds
from tests.checks.worlds import NOW, SAFE_FLAGS, STORY_FLAGS
from tests.flannel.looks import LO
from tests.runbooks import cases

SAFE = "--iface-regex=^(?:eth1|bond1)$"
SLAVE = cases.nic(3, "eth1", master="bond1")
BONDED = cases.host(2, own="bond1", before=(SLAVE,))


def drafted(case: Case) -> Plan:
    found = anchor_regex.draft(case, Wishes())
    assert isinstance(found, Plan), found
    return found


def refused(case: Case) -> NoPlan:
    found = anchor_regex.draft(case, Wishes())
    assert isinstance(found, NoPlan), found
    return found


def after(plan: Plan, case: Case) -> Any:
    """The container as the plan leaves it."""
    live = patch.apply(plan.steps[0].change, case.documents[cases.NAME])
    return live["spec"]["template"]["spec"]["containers"][1]


IN_COMMAND = worlds.flannel_spec(command=("/opt/bin/flanneld", *STORY_FLAGS))
IN_COMMAND = replace(IN_COMMAND, args=())
WRITTEN: list[tuple[str, Case, str, list[str]]] = [
    ("one word", cases.case(), "args", ["--ip-masq", "--kube-subnet-mgr", SAFE]),
    (
        "one dash",
        cases.case(args=("-kube-subnet-mgr", "-iface-regex=eth1|bond1")),
        "args",
        ["-kube-subnet-mgr", "-iface-regex=^(?:eth1|bond1)$"],
    ),
    (
        "two words",
        cases.case(args=("--iface-regex", "eth1|bond1", "--kube-subnet-mgr")),
        "args",
        ["--iface-regex", "^(?:eth1|bond1)$", "--kube-subnet-mgr"],
    ),
    (
        "two patterns, of which one is anchored",
        cases.case(args=("--iface-regex=^bond1$", "--iface-regex=eth1", "--kube-subnet-mgr")),
        "args",
        ["--iface-regex=^bond1$", "--iface-regex=^(?:eth1)$", "--kube-subnet-mgr"],
    ),
    (
        "in the command",
        cases.case(spec=IN_COMMAND),
        "command",
        ["/opt/bin/flanneld", "--ip-masq", "--kube-subnet-mgr", SAFE],
    ),
    (
        "a bond whose slave comes first",
        cases.case(hosts={2: BONDED}),
        "args",
        ["--ip-masq", "--kube-subnet-mgr", "--iface=bond1", "--iface=eth1"],
    ),
    (
        "the same in two words",
        cases.case(args=("--iface-regex", "eth1|bond1", "-kube-subnet-mgr"), hosts={2: BONDED}),
        "args",
        ["--iface=bond1", "--iface=eth1", "-kube-subnet-mgr"],
    ),
    (
        "an --iface before it stays",
        cases.case(
            args=("--iface=ens9", "--iface-regex=eth1|bond1", "--kube-subnet-mgr"),
            hosts={2: BONDED},
        ),
        "args",
        ["--iface=ens9", "--iface=bond1", "--iface=eth1", "--kube-subnet-mgr"],
    ),
    (
        "a node that works by a NIC which the pattern does not name",
        cases.case(hosts={4: cases.host(4, own="ens9")}),
        "args",
        ["--ip-masq", "--kube-subnet-mgr", "--iface=eth1", "--iface=bond1", "--iface=ens9"],
    ),
    (
        "a word that is none of its flags",
        cases.case(args=("--kube-subnet-mgr", "--iface-regex=eth1", "", "--iface-regex=lost")),
        "args",
        ["--kube-subnet-mgr", "--iface-regex=^(?:eth1)$", "", "--iface-regex=lost"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("why", "case", "place", "words"), WRITTEN, ids=[w[0] for w in WRITTEN])
def test_flags_are_changed_where_they_stand(
    why: str, case: Case, place: str, words: list[str]
) -> None:
    plan = drafted(case)
    assert after(plan, case)[place] == words
    assert {one.effect for one in plan.predictions} == {Effect.UNCHANGED}
    back = patch.apply(
        plan.steps[0].undo, patch.apply(plan.steps[0].change, case.documents[cases.NAME])
    )
    assert back == case.documents[cases.NAME]


def test_a_node_that_crash_loops_on_a_veth_is_healed() -> None:
    plan = drafted(cases.case(hosts={2: cases.host(2, trap=cases.VETH)}, broken=(2,)))
    assert {one.effect for one in plan.predictions} == {Effect.UNCHANGED}
    assert any("restart at once, outside maxUnavailable: n2" in one for one in plan.side_effects)
    assert "also matches pods' NICs such as veth1" in plan.reasoning[0]


def test_names_in_order_are_reasoned() -> None:
    plan = drafted(cases.case(hosts={2: BONDED}))
    assert any("a bond's slave" in one for one in plan.reasoning)


def test_a_change_of_nic_is_a_maintenance_for_two() -> None:
    """n2 sits on its public NIC, which its flags do not name: it moves to what they mean."""
    plan = drafted(cases.case(hosts={2: cases.host(2, now="eth0")}))
    assert plan.moves_nics
    assert plan.quorum == 2
    assert plan.risks[0].startswith("MAINTENANCE: the NIC changes on n2")
    (moved,) = [one for one in plan.predictions if one.effect is Effect.CHANGES]
    assert (moved.node, moved.now, moved.after) == ("n2", "eth0", "eth1")
    assert any("The NIC changes: the device is deleted" in one for one in plan.side_effects)


def test_leaving_a_pods_nic_is_a_maintenance_too() -> None:
    """ptp gives host veths an address, so flannel sits on one without a word."""
    veth = cases.nic(4, cases.VETH, "10.244.3.1", kind="veth")
    stuck = cases.host(3, before=(veth,))
    tunnel = stuck.link("flannel.1")
    assert tunnel is not None and tunnel.tunnel is not None  # noqa: PT018
    bound = replace(tunnel, tunnel=replace(tunnel.tunnel, lower=cases.VETH, local="10.244.3.1"))
    here = replace(stuck, links=tuple(bound if one is tunnel else one for one in stuck.links or ()))
    plan = drafted(cases.case(hosts={3: here}))
    assert plan.moves_nics
    assert [one.after for one in plan.predictions if one.effect is Effect.CHANGES] == ["eth1"]


def test_a_node_that_is_not_known_is_predicted_as_unknown_and_said() -> None:
    plan = drafted(cases.case(hosts={2: None}))
    assert [one.node for one in plan.predictions if one.effect is Effect.UNKNOWN] == ["n2"]
    assert any("could not be read: n2" in one for one in plan.reasoning)


def test_a_node_whose_flannel_is_down_and_not_known_holds_up_nobody() -> None:
    """Where no probe pod may look, the log is all there is of the very nodes to be healed."""
    plan = drafted(cases.case(broken=(2,), logged=(2,)))
    assert [one.node for one in plan.predictions if one.effect is Effect.UNKNOWN] == ["n2"]
    assert plan.restarts == ("n1", "n3", "n4")
    assert "n2" in plan.nodes
    assert any("does not run on n2" in one for one in plan.side_effects)
    assert any("proven on the NICs of 3 nodes" in one for one in plan.reasoning)


@pytest.mark.parametrize(("gaps", "lost"), [((), True), ((Gap("pods", "403", NOW),), False)])
def test_a_node_without_a_flannel_pod_has_nothing_to_lose_if_that_is_seen(
    gaps: tuple[Gap, ...], lost: bool
) -> None:
    case = cases.case(hosts={2: None})
    pods = {key: pod for key, pod in case.snapshot.pods.items() if pod.node != "n2"}
    seen = replace(case.snapshot, pods=pods, gaps=gaps)
    plan = drafted(replace(case, snapshot=seen))
    assert ("n2" not in plan.restarts) == lost


def test_a_silent_node_that_is_not_known_does() -> None:
    silent = worlds.node(ready="Unknown").conditions
    plan = drafted(
        cases.case(
            broken=(2,),
            hosts={2: None},
            node=lambda one: replace(one, conditions=silent) if one.name == "n2" else one,
        )
    )
    assert "n2" in plan.restarts


ENV = replace(worlds.flannel_spec("--kube-subnet-mgr"), env={"FLANNELD_IFACE_REGEX": "eth1|bond1"})
HIDDEN = replace(
    worlds.flannel_spec("--kube-subnet-mgr"), env_from_elsewhere=("FLANNELD_IFACE_REGEX",)
)


def from_config_map(live: dict[str, Any]) -> None:
    live["spec"]["template"]["spec"]["containers"][1]["env"] = [
        {
            "name": "FLANNELD_IFACE_REGEX",
            "valueFrom": {"configMapKeyRef": {"name": "canal-config", "key": "canal_iface_regex"}},
        }
    ]


SCRIPT = replace(
    worlds.flannel_spec(command=("/bin/sh", "-c")),
    args=("exec /opt/bin/flanneld --kube-subnet-mgr --iface-regex='eth1|bond1'",),
)
REFUSED: list[tuple[str, Case, str, str]] = [
    ("no pattern", cases.case(args=("--kube-subnet-mgr",)), "nothing to anchor", ""),
    ("safe already", cases.case(args=SAFE_FLAGS), "matches whole names already", ""),
    (
        "a script",
        cases.case(spec=SCRIPT),
        "starts flanneld by a script",
        "--iface-regex='^(?:eth1|bond1)$'",
    ),
    (
        "the environment",
        cases.case(spec=ENV),
        "stand in its environment",
        "set env daemonset kube-flannel-ds-amd64 -c kube-flannel "
        "'FLANNELD_IFACE_REGEX=^(?:eth1|bond1)$'",
    ),
    (
        "the environment, where several flags are needed",
        cases.case(spec=ENV, hosts={2: BONDED}),
        "stand in its environment",
        "- --iface=bond1\n- --iface=eth1",
    ),
    (
        "a ConfigMap",
        cases.case(spec=HIDDEN, edit=from_config_map),
        "stand outside the DaemonSet",
        "edit configmap canal-config",
    ),
    (
        "a pattern put together",
        cases.case(
            spec=replace(
                worlds.flannel_spec("--kube-subnet-mgr", "--iface-regex=$(NIC)|bond1"),
                env={"NIC": "eth1"},
            )
        ),
        "put together from environment variables",
        "- --iface-regex=^(?:eth1|bond1)$",
    ),
    ("addresses", cases.case(args=("--kube-subnet-mgr", r"--iface-regex=10\.0\.")), "address", ""),
    ("an empty part", cases.case(args=("--kube-subnet-mgr", "--iface-regex=eth1|")), "empty", ""),
    (
        "a node without any NIC",
        cases.case(hosts={4: replace(cases.host(4), links=(LO,))}),
        "no flags give every node its NIC",
        "",
    ),
    (
        "no node was seen",
        cases.case(hosts=dict.fromkeys(range(1, 5))),
        "none of 4 nodes could be looked at",
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("why", "case", "reason", "manual"), REFUSED, ids=[one[0] for one in REFUSED]
)
def test_it_is_refused_with_a_reason_and_the_text_for_a_person(
    why: str, case: Case, reason: str, manual: str
) -> None:
    found = refused(case)
    assert reason in found.reason
    assert manual in found.manual
    assert bool(found.manual) == bool(manual)


def test_sisters_of_every_architecture_are_one_plan() -> None:
    plan = drafted(cases.sisters())
    assert [(one.batch, one.kind.value, one.target.name[-5:]) for one in plan.steps] == [
        (0, "patch_daemonset", "amd64"),
        (1, "wait_rollout", "amd64"),
        (2, "patch_daemonset", "arm64"),
        (3, "wait_rollout", "arm64"),
    ]
    assert len(plan.bindings) == 2
    assert plan.restarts == ("n1", "n2", "n3", "n4", "n5")


def test_a_sister_without_nodes_is_changed_too_and_said() -> None:
    plan = drafted(cases.sisters(archs=("amd64", "s390x"), per=0))
    assert any("as they serve none now: kube-flannel-ds-amd64" in one for one in plan.side_effects)
    assert sum(one.signal is Signal.NIC_AS_PREDICTED for one in plan.criteria) == 1
