"""New flags for a fleet: anchored where that is enough, names in order where it is not."""

from bot.flannel import anchoring, flags, kernel, rewriting
from bot.flannel.versions import Version
from tests.flannel.networks import default, network, nic

V12 = Version(0, 12, 0)

PHYSICAL = network(
    nic(2, "eth0", "59.1.2.3/24"),
    nic(3, "eth1", "10.0.0.5/24"),
    nic(9, "veth1aaaaaaa"),
    routes=(default("eth0"),),
)
VIRTUAL = network(nic(2, "eth0", "10.0.0.6/24"), nic(3, "eth1", "10.0.1.6/24"))
BONDED = network(
    nic(2, "eth1", master="bond1"),
    nic(3, "eth2", master="bond1"),
    nic(4, "bond1", "10.0.0.7/24"),
    nic(9, "veth1bbbbbbb"),
)
HIT = network(nic(2, "veth1ccccccc"), nic(3, "eth1", "10.0.0.8/24"))


def rewrite(
    *words: str,
    intended: dict[str, str] | None = None,
    version: Version | None = V12,
    **hosts: kernel.Kernel,
) -> rewriting.Rewrite | anchoring.Refused:
    return rewriting.rewrite(flags.parse(words), hosts, version, intended=intended)


def done(found: rewriting.Rewrite | anchoring.Refused) -> rewriting.Rewrite:
    assert isinstance(found, rewriting.Rewrite), found
    assert all(one.good for one in found.effects.values())
    return found


def refused(found: rewriting.Rewrite | anchoring.Refused) -> str:
    assert isinstance(found, anchoring.Refused), found
    return found.reason


def test_the_storys_pattern_is_anchored_and_frees_the_node_that_a_pods_nic_had_caught() -> None:
    found = done(rewrite("--ip-masq", "--iface-regex=eth1|bond1", a=PHYSICAL, b=VIRTUAL, c=HIT))
    assert found.how is rewriting.How.ANCHORED
    assert found.arguments == ("--iface-regex=^(?:eth1|bond1)$",)
    assert found.given.as_text == ("--ip-masq", "--iface-regex=^(?:eth1|bond1)$")
    assert not found.effects["c"].before.chosen
    assert found.effects["c"].after.nic == "eth1"
    assert found.effects["a"].intended == "eth1"
    assert found.effects["c"].intended == ""


def test_where_a_bonds_slave_comes_first_names_in_order_take_the_patterns_place() -> None:
    found = done(rewrite("--ip-masq", "--iface-regex=eth1|bond1", "--v=2", a=PHYSICAL, b=BONDED))
    assert found.how is rewriting.How.ORDERED
    assert found.arguments == ("--iface=bond1", "--iface=eth1")
    assert found.given.as_text == ("--ip-masq", "--iface=bond1", "--iface=eth1", "--v=2")
    assert {node: one.after.nic for node, one in found.effects.items()} == {
        "a": "eth1",
        "b": "bond1",
    }


def test_the_nic_in_use_decides_the_order_where_a_node_has_both() -> None:
    both = network(nic(2, "eth1", "10.0.0.5/24"), nic(3, "bond1", "10.0.1.5/24"))
    found = done(rewrite("--iface-regex=eth1|bond1", a=both, intended={"a": "bond1"}))
    assert found.arguments == ("--iface=bond1", "--iface=eth1")
    other = rewrite(
        "--iface-regex=eth1|bond1", a=both, b=both, intended={"a": "bond1", "b": "eth1"}
    )
    assert "a: eth1 instead of bond1" in refused(other)


def test_a_node_whose_nic_no_pattern_lists_gets_it_by_name() -> None:
    here = network(nic(2, "eth1"), nic(3, "eth10", "10.0.0.5/24"))
    found = done(rewrite("--iface-regex=eth1|bond1", a=here, b=PHYSICAL, intended={"a": "eth10"}))
    assert found.arguments == ("--iface=bond1", "--iface=eth10", "--iface=eth1")


def test_a_change_of_the_nic_is_not_smuggled_in() -> None:
    reason = refused(
        rewrite(
            "--iface-regex=^eth", a=network(nic(2, "eth0", "10.0.0.5/24")), intended={"a": "eth9"}
        )
    )
    assert "none instead of eth9" in reason


def test_a_pods_nic_is_never_what_a_node_should_have() -> None:
    ptp = network(nic(2, "veth1aaaaaaa", "10.244.3.1/32"), nic(3, "eth1", "10.0.0.5/24"))
    found = done(rewrite("--iface-regex=eth1|bond1", a=ptp))
    assert found.effects["a"].before.nic == "veth1aaaaaaa"
    assert found.effects["a"].after.nic == "eth1"


def test_another_cnis_pod_nic_is_no_answer_either() -> None:
    here = network(nic(2, "cali1234567", "10.0.0.5/32"))
    assert "a: cali1234567 instead of a host NIC" in refused(
        rewrite("--iface-regex=cali.*", a=here)
    )
    asked = rewrite("--iface-regex=^cali1234567$", a=here, intended={"a": "cali1234567"})
    assert "a: cali1234567" in refused(asked)


def test_a_node_without_any_fitting_nic_blocks_the_change() -> None:
    reason = refused(
        rewrite("--iface-regex=eth1|bond1", a=PHYSICAL, b=network(nic(2, "veth1aaaaaaa")))
    )
    assert "b: none instead of a host NIC" in reason
    many = {f"n{at}": network(nic(2, "veth1aaaaaaa")) for at in range(9)}
    assert refused(rewrite("--iface-regex=eth1|bond1", **many)).endswith("and 4 more")


def test_an_address_pattern_is_left_alone() -> None:
    reason = refused(rewrite(r"--iface-regex=10\.0\.", a=PHYSICAL))
    assert "10.0.0.5 of eth1 on a" in reason
    whole = done(rewrite(r"--iface-regex=^10\.0\.0\.[0-9]+$", a=PHYSICAL))
    assert whole.arguments == (r"--iface-regex=^10\.0\.0\.[0-9]+$",)


def test_each_of_several_patterns_is_anchored_and_named_interfaces_stay() -> None:
    found = done(
        rewrite("--iface=bond9", "--iface-regex=bond1", "--iface-regex=eth1", a=PHYSICAL, b=BONDED)
    )
    assert found.arguments == (
        "--iface=bond9",
        "--iface-regex=^(?:bond1)$",
        "--iface-regex=^(?:eth1)$",
    )


def test_what_cannot_be_anchored_or_simulated_is_refused() -> None:
    assert "no --iface-regex" in refused(rewrite("--iface=eth1", a=PHYSICAL))
    assert "does not compile" in refused(rewrite("--iface-regex=(", a=PHYSICAL))
    assert "empty alternative" in refused(rewrite("--iface-regex=eth1|", a=PHYSICAL))
    assert "a: none" in refused(rewrite("--iface-regex=eth1", a=kernel.Kernel(links=None)))


def test_arguments_are_written_for_the_kubelet() -> None:
    found = done(rewrite("--iface-regex=eth1$(x)?|eth1", a=PHYSICAL))
    assert found.arguments == ("--iface-regex=^(?:eth1$$(x)?|eth1)$",)
