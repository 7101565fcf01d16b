"""Other flags are played through: who stays, who changes, who fails, and what would be safer."""

from dataclasses import replace

import pytest

from bot.flannel import flags, kernel, outlook, rehearsal, versions
from bot.flannel.outlook import Verdict
from tests.flannel import looks

V12 = versions.Version(0, 12, 0)


def case(name: str, here: kernel.Kernel, *words: str, given: tuple[str, ...]) -> rehearsal.Case:
    flannel = looks.flannel(*words)
    seen = looks.seen(here, node=name)
    asked = flags.parse(given)
    after = rehearsal.questioned(
        flannel.flags, rehearsal.Asked(iface=asked.iface, regex=asked.iface_regex)
    )
    node = looks.node(name)
    return rehearsal.Case(
        name, outlook.of(seen, node, flannel), outlook.of(seen, node, flannel, given=after)
    )


def test_an_anchored_pattern_mends_the_trapped_and_leaves_the_others() -> None:
    given = ("--iface-regex=^(?:eth1|bond1)$",)
    found = rehearsal.of(
        [case("n1", looks.HEALTHY, given=given), case("n2", looks.TRAPPED, given=given)]
    )
    (effect,) = found.effects
    assert effect.verdict is Verdict.UNCHANGED
    assert effect.nodes == ("n1", "n2")
    assert found.now == {Verdict.UNCHANGED: 1, Verdict.FAILS: 1}


def test_what_happens_anyway_is_told_apart_from_what_the_flags_do() -> None:
    found = rehearsal.of(
        [
            case("n1", looks.TRAPPED, given=("--iface-regex=eth1",)),
            case("n2", looks.TRAPPED, *looks.STORY[:1], "--iface=eth1",
                 given=("--iface-regex=eth1",)),
        ]
    )  # fmt: skip
    (effect,) = found.effects
    assert effect.verdict is Verdict.FAILS
    assert effect.anyway == 1
    assert "veth…" in effect.error
    assert effect.becomes == "a pod's NIC"


def test_nodes_that_fail_alike_are_one_effect_whatever_nics_they_have() -> None:
    one = looks.kernel(looks.ETH0, looks.tunnel("eth0", looks.PUBLIC))
    other = looks.kernel(looks.ETH0, looks.tunnel("eth0", looks.PUBLIC))
    other = replace(other, links=(*(other.links or ()), kernel.Link("eth7", 70)))
    given = ("--iface-regex=^nothing$",)
    found = rehearsal.of([case("n1", one, given=given), case("n2", other, given=given)])
    (effect,) = found.effects
    assert effect.nodes == ("n1", "n2")
    assert (
        effect.error
        == "Could not match pattern ^nothing$ to any of the available network interfaces"
    )


def test_failures_come_first_then_changes_then_what_stays() -> None:
    bare = looks.kernel(looks.ETH0, looks.tunnel("eth0", looks.PUBLIC))
    both = looks.kernel(looks.ETH1, looks.ETH0, looks.tunnel())
    given = ("--iface-regex=^eth1$",)
    moved = looks.kernel(looks.ETH0, looks.ETH1, looks.tunnel("eth0", looks.PUBLIC))
    cases = [case("n1", both, given=given), case("n2", bare, given=given)]
    cases.append(case("n3", moved, given=given))
    found = rehearsal.of(cases)
    assert [one.verdict for one in found.effects] == [
        Verdict.FAILS, Verdict.CHANGES, Verdict.UNCHANGED,
    ]  # fmt: skip
    assert (found.effects[1].was, found.effects[1].becomes) == ("eth0", "eth1")
    assert [found.count(verdict) for verdict in Verdict] == [1, 1, 1, 0]


def test_nodes_on_public_and_private_addresses_are_a_mix() -> None:
    given = ("--iface=eth1", "--iface=eth0")
    bare = looks.kernel(looks.ETH0, looks.tunnel("eth0", looks.PUBLIC))
    found = rehearsal.of(
        [case(f"n{one}", looks.HEALTHY, given=given) for one in range(3)]
        + [case("n9", bare, given=given)]
    )
    (mix,) = found.mixes
    assert "1 would announce public addresses (n9 59.10.0.1)" in mix
    assert "3 would not" in mix


def test_one_kind_of_addresses_is_no_mix() -> None:
    assert not rehearsal.of([case("n1", looks.HEALTHY, given=("--iface=eth1",))]).mixes


def test_a_pattern_that_is_not_anchored_is_answered_with_one_that_is() -> None:
    hosts = {"n1": looks.HEALTHY, "n2": looks.TRAPPED}
    intended = dict.fromkeys(hosts, "eth1")
    given = flags.parse(["--iface-regex=eth1|bond1"])
    advice, refused = rehearsal.advised(given, hosts, V12, intended=intended)
    assert advice == ("--iface-regex=^(?:eth1|bond1)$",)
    assert not refused
    again = flags.parse(advice)
    assert rehearsal.advised(again, hosts, V12, intended=intended) == ((), "")


@pytest.mark.parametrize("words", [(), ("--iface=eth1",)])
def test_where_there_is_no_pattern_nothing_is_advised(words: tuple[str, ...]) -> None:
    given = flags.parse(words)
    assert rehearsal.advised(given, {"n1": looks.HEALTHY}, V12, intended={}) == ((), "")


def test_where_nothing_is_safe_the_reason_is_told() -> None:
    given = flags.parse(["--iface-regex=veth.*"])
    advice, refused = rehearsal.advised(given, {"n1": looks.HEALTHY}, V12, intended={})
    assert not advice
    assert "veth" in refused


def test_flags_in_question_replace_only_those_that_name_the_nic() -> None:
    given = flags.parse(["--ip-masq", "--iface=eth9", "--iface-can-reach=10.0.0.9"])
    asked = rehearsal.questioned(given, rehearsal.Asked(iface=("eth1",), regex=("^bond1$",)))
    assert asked.as_text == (
        "--ip-masq", "--iface-can-reach=10.0.0.9", "--iface=eth1", "--iface-regex=^bond1$",
    )  # fmt: skip
