"""The order in which kernels list interfaces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flannel import dumporder, kernel
from tests.flannel.networks import choose

INDEXES = st.lists(st.integers(1, 200_000), unique=True, max_size=40)


def order(indexes: list[int], release: str) -> list[int]:
    nics = [kernel.Link(f"n{one}", one) for one in indexes]
    return [one.index for one in dumporder.ordered(nics, kernel=release)]


@pytest.mark.parametrize(
    ("release", "hashed"),
    [
        ("3.10.0-1160.el7.x86_64", True),
        ("4.18.0-553.el8_10.x86_64", True),
        ("5.14.0-427.13.1.el9_4.x86_64", True),
        ("5.15.0-1060-aws", True),
        ("6.8.0-45-generic", True),
        ("6.9.0", False),
        ("6.11.0-17-generic", False),
        ("6.12.20+rpt-rpi-v8", False),
        ("6.18", False),
        ("10.0.1", False),
        ("v6.8.12", True),
        ("", None),
        ("unknown", None),
        ("6", None),
        ("6.x", None),
    ],
)
def test_a_kernel_says_by_its_release_how_it_lists(release: str, hashed: bool | None) -> None:
    assert dumporder.hashed(release) is hashed


def test_before_6_9_the_bucket_counts_and_in_it_the_newest_comes_first() -> None:
    indexes = [3, 9, 256, 257, 259, 166872, 515]
    assert order(indexes, "5.15.0") == [256, 257, 515, 259, 3, 9, 166872]
    assert order(indexes, "6.18.0") == sorted(indexes)
    assert order(indexes, "") == sorted(indexes)


def test_an_old_kernel_puts_a_pods_nic_before_the_nodes_own_and_flannel_dies_of_it() -> None:
    eth1 = kernel.Link("eth1", 3, mtu=1500, addresses=(kernel.Address("10.0.0.5", 24),))
    veth = kernel.Link("veth17f90f70", 166658, mtu=1450)  # bucket 2
    for release, nic in (("4.18.0", ""), ("6.11.0", "eth1")):
        links = dumporder.ordered([eth1, veth], kernel=release)
        assert choose(kernel.Kernel(links=links), "--iface-regex=eth1|bond1").nic == nic


@given(INDEXES, st.sampled_from(["3.10.0", "6.8.0", "6.9.0", "odd"]))
def test_an_order_keeps_all_and_does_not_depend_on_how_they_came(
    indexes: list[int], release: str
) -> None:
    found = order(indexes, release)
    assert sorted(found) == sorted(indexes)
    assert order(found, release) == found
    assert order(sorted(indexes, reverse=True), release) == found


@given(INDEXES)
def test_below_256_all_kernels_agree(indexes: list[int]) -> None:
    few = [one for one in indexes if one < 256]
    assert order(few, "5.15.0") == order(few, "6.18.0")


@given(INDEXES)
def test_hashed_order_goes_up_by_bucket_and_down_within(indexes: list[int]) -> None:
    found = order(indexes, "5.15.0")
    for one, after in itertools.pairwise(found):
        assert (one & 255, -one) < (after & 255, -after)


@given(st.text(max_size=30))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert dumporder.hashed(text) in (True, False, None)
