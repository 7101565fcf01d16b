"""What must hold of flannel's choice on any host, beyond the recorded ones."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.flannel import addresses, anchoring, choice, eras, flags, kernel, regex, selection
from bot.flannel.versions import Version
from tests.flannel.networks import RELEASES, choose

IPS4 = st.one_of(
    st.sampled_from(
        ["10.0.0.5", "10.244.3.1", "59.1.2.3", "169.254.20.10", "127.0.0.1", "224.0.0.1"]
    ),
    st.ip_addresses(v=4).map(str),
)
IPS6 = st.one_of(
    st.sampled_from(["fe80::1", "2001:db8::1", "::1"]),
    st.ip_addresses(v=6).map(str).map(addresses.parse),
)
MARKS = st.lists(
    st.sampled_from(["dynamic", "secondary", "deprecated", "temporary"]), max_size=2
).map(tuple)
ADDRESSES = st.builds(
    kernel.Address,
    ip=st.one_of(IPS4, IPS6),
    prefix=st.sampled_from([8, 16, 24, 32]),
    scope=st.sampled_from(["global", "link", "host"]),
    flags=MARKS,
)
HEX = st.text("0123456789abcdef", min_size=8, max_size=8)
NAMES = st.one_of(
    st.sampled_from(["lo", "eth0", "eth1", "eth10", "bond0", "bond1", "cni0", "flannel.1", "eno1"]),
    HEX.map(lambda digits: f"veth{digits}"),
)


@st.composite
def networks(draw: st.DrawFn) -> kernel.Kernel:
    names = draw(st.lists(NAMES, unique=True, max_size=8))
    links = tuple(
        kernel.Link(
            name,
            index,
            mtu=draw(st.sampled_from([1500, 1450, 0])) if name == "cni0" else 1500,
            addresses=tuple(draw(st.lists(ADDRESSES, max_size=3))),
        )
        for index, name in enumerate(names, 1)
    )
    devices = st.sampled_from([*names, "gone", ""])
    route = st.builds(
        kernel.Route,
        dst=st.sampled_from([kernel.ANY4, "10.0.0.0/8", "8.8.8.8/32", kernel.ANY6, "odd"]),
        gateway=st.sampled_from(["", "10.0.0.254", "fe80::1", "odd"]),
        dev=devices,
        metric=st.integers(0, 3),
        kind=st.sampled_from(["unicast", "unicast", "blackhole", "throw"]),
    )
    routes = tuple(draw(st.lists(route, max_size=4)))
    return kernel.Kernel(
        links=links, routes=routes, routes6=tuple(draw(st.lists(route, max_size=2)))
    )


FLAGS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "--iface=eth1", "--iface=bond1", "--iface=10.0.0.5", "--iface=", "--iface=fe80::1",
                "--iface-regex=eth1|bond1", "--iface-regex=^(?:eth1|bond1)$", r"--iface-regex=10\.", "--iface-regex=(",
                "--iface-regex=", "--iface-regex=.", "--iface-regex=(?!v)", "--iface-can-reach=8.8.8.8",
                "--iface-can-reach=x", "--public-ip=10.0.0.5", "--public-ip=x", "--public-ipv6=2001:db8::1",
            ]
        ),
        st.text(max_size=6).map(lambda text: f"--iface-regex={text}"),
        st.text(max_size=6).map(lambda text: f"--iface={text}"),
    ),
    max_size=4,
)  # fmt: skip
STACKS = st.sampled_from(list(selection.Stack))
VERSIONS = st.sampled_from(RELEASES)


@given(networks(), FLAGS, st.one_of(st.none(), VERSIONS), STACKS)
def test_any_host_with_any_flags_gets_an_answer_that_is_consistent(
    here: kernel.Kernel, words: list[str], version: Version | None, stack: selection.Stack
) -> None:
    found = selection.choose(here, flags.parse(words), version, stack=stack)
    again = selection.choose(here, flags.parse(words), version, stack=stack)
    assert found == again
    assert found.reasons
    assert found.chosen == bool(found.nic)
    assert found.chosen != bool(found.error)
    if found.chosen:
        assert here.link(found.nic) is not None
        assert found.index == here.link(found.nic).index  # type: ignore[union-attr]
        assert not found.attempts[-1].error
        assert all(one.error for one in found.attempts[:-1])
    elif found.outcome is choice.Outcome.FAILS:
        assert found.log[-1] == found.error


@given(networks(), FLAGS, STACKS)
def test_releases_of_one_era_choose_alike(
    here: kernel.Kernel, words: list[str], stack: selection.Stack
) -> None:
    given_flags = flags.parse(words)
    seen: dict[eras.Era, choice.Choice] = {}
    for version in RELEASES:
        found = selection.choose(here, given_flags, version, stack=stack)
        assert seen.setdefault(eras.of(version), found) == found


@given(networks(), HEX, VERSIONS)
def test_an_anchored_pattern_never_takes_a_pods_nic_by_its_name(
    here: kernel.Kernel, digits: str, version: Version
) -> None:
    links = (kernel.Link(f"veth{digits}", 999, mtu=1500), *(here.links or ()))
    pods = replace(here, links=tuple({one.name: one for one in links}.values()))
    anchored = anchoring.anchor("eth1|bond1")
    assert isinstance(anchored, str)
    if version < Version(0, 8, 0):
        return
    found = choose(pods, f"--iface-regex={anchored}", at=version)
    assert not found.nic.startswith("veth")
    assert not any(name.startswith("veth") for name in found.attempts[0].names)


@given(networks(), networks(), st.sampled_from(["eth1|bond1", "eth", "^bond", "o"]), VERSIONS)
def test_interfaces_after_the_chosen_one_do_not_change_a_choice_by_name(
    here: kernel.Kernel, more: kernel.Kernel, raw: str, version: Version
) -> None:
    if version < Version(0, 8, 0):
        return
    before = choose(here, f"--iface-regex={raw}", at=version)
    if not before.attempts[0].names:
        return
    known = {one.name for one in here.links or ()}
    later = tuple(one for one in more.links or () if one.name not in known)
    after = choose(
        replace(here, links=(*(here.links or ()), *later)), f"--iface-regex={raw}", at=version
    )
    assert after.nic == before.nic
    assert after.address == before.address


@given(networks(), st.sampled_from(["eth1|bond1", "^eth1", "veth", "bond1$", "."]), VERSIONS)
def test_a_pattern_takes_the_first_address_that_matches_else_the_first_name(
    here: kernel.Kernel, raw: str, version: Version
) -> None:
    """Told again from the rule alone, for the releases that do not slip."""
    era = eras.of(version)
    if era.slips or not era.repeats:
        return
    found = choose(here, f"--iface-regex={raw}", at=version).attempts[0]
    held = [
        (nic.name, ip)
        for nic in here.links or ()
        for ip in addresses.usable(nic, ipv6=False, era=era)
        if regex.matches(raw, ip)
    ]
    named = [nic.name for nic in here.links or () if regex.matches(raw, nic.name)]
    assert [(one.nic, one.ip) for one in found.addresses] == held
    if held:
        assert (found.took, found.ip) == held[0]
        assert found.names == ()
    else:
        assert list(found.names) == named
        assert found.took == (named[0] if named else "")


@given(networks(), FLAGS, VERSIONS)
def test_a_flag_that_fails_before_the_others_changes_only_the_log(
    here: kernel.Kernel, words: list[str], version: Version
) -> None:
    if version < Version(0, 8, 0) or not any(
        one.startswith("--iface=") and len(one) > 8 for one in words
    ):
        return
    plain = choose(here, *words, at=version)
    more = choose(here, "--iface=no-such-nic", *words, at=version)
    assert more.same(plain)
    if plain.outcome is not choice.Outcome.UNKNOWN and plain.attempts:
        assert more.log[1:] == plain.log
        assert len(more.attempts) == len(plain.attempts) + 1


@given(st.lists(ADDRESSES, max_size=6), st.booleans(), VERSIONS)
def test_usable_addresses_are_some_of_the_nics_own_global_ones_first(
    held: list[kernel.Address], ipv6: bool, version: Version
) -> None:
    era = eras.of(version)
    nic = kernel.Link("eth0", 2, mtu=1500, addresses=tuple(held))
    found = addresses.usable(nic, ipv6=ipv6, era=era)
    assert set(found) <= {one.ip for one in held if one.version == (6 if ipv6 else 4)}
    local = [ip.startswith(("169.254.", "fe8", "fe9", "fea", "feb")) for ip in found]
    assert local == sorted(local)
    assert len(found) <= 1 or era.every_address


@given(st.text(max_size=20))
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = addresses.parse(text)
    assert not found or addresses.parse(found) == found


def test_addresses_are_read_and_written_as_by_go() -> None:
    for text, written in {
        "10.0.0.1": "10.0.0.1",
        "::ffff:10.0.0.1": "10.0.0.1",
        "2001:DB8:0:0::1": "2001:db8::1",
        "010.0.0.1": "",
        "10.0.0": "",
        "10.0.0.1/24": "",
        "fe80::1%eth0": "",
        "": "",
        "eth0": "",
    }.items():
        assert addresses.parse(text) == written
