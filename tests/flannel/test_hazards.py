"""What is known to go wrong, by version and backend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.finding import Severity
from bot.flannel import hazards
from bot.flannel.hazards import Surroundings
from bot.flannel.versions import Version

VXLAN = Surroundings(backend="vxlan", nodes=50)
IP_PATTERN = Surroundings(backend="vxlan", nodes=50, patterns=(r"^10\.",))
NAT = Surroundings(backend="vxlan", nodes=50, public_ip=True)
CROWD = Surroundings(backend="vxlan", nodes=6000)


def names(version: str, around: Surroundings = VXLAN) -> set[str]:
    parsed = Version(*(int(part) for part in version.split(".")))
    return {one.name for one in hazards.of(parsed, around)}


@pytest.mark.parametrize(
    ("name", "around", "there", "absent"),
    [
        ("event_queue_100", Surroundings(nodes=101), ("0.7.0", "0.7.1"), ("0.8.0", "0.28.9")),
        ("misses_need_flanneld", VXLAN, ("0.7.1", "0.8.0"), ("0.9.0", "0.12.0")),
        ("panic_on_deleted_node", VXLAN, ("0.7.0", "0.10.0"), ("0.11.0", "0.28.9")),
        ("public_ip_picks_nic", NAT, ("0.12.0", "0.17.0"), ("0.11.0", "0.18.0")),
        ("ip_pattern_last_nic", IP_PATTERN, ("0.15.0", "0.16.3"), ("0.14.0", "0.17.0")),
        ("peers_not_retried", VXLAN, ("0.9.0", "0.21.0"), ("0.8.0", "0.21.1")),
        ("new_mac_on_reset", VXLAN, ("0.10.0", "0.24.0"), ("0.24.1", "0.28.9")),
        ("rbac_nodes_get", VXLAN, ("0.24.1", "0.28.9"), ("0.24.0",)),
        ("restart_drops_masquerade", VXLAN, ("0.25.0", "0.25.7", "0.26.7"), ("0.24.4", "0.27.0")),
        ("public_ip_sticks", VXLAN, ("0.25.2",), ("0.25.1", "0.25.3")),
        ("br_netfilter_checked", VXLAN, ("0.26.0", "0.28.9"), ("0.25.7",)),
        ("event_queue_5000", CROWD, ("0.8.0", "0.27.0"), ("0.27.1", "0.28.9")),
        ("local_is_advertised", NAT, ("0.27.4", "0.28.9"), ("0.27.3",)),
        ("healthz_8081", VXLAN, ("0.28.9",), ("0.28.8",)),
    ],
)
def test_a_hazard_begins_and_ends_with_its_versions(
    name: str, around: Surroundings, there: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    assert all(name in names(version, around) for version in there)
    assert not any(name in names(version, around) for version in absent)


@pytest.mark.parametrize(
    ("version", "name", "harmless"),
    [
        ("0.7.1", "event_queue_100", Surroundings(nodes=100)),
        ("0.16.0", "ip_pattern_last_nic", Surroundings(backend="vxlan", patterns=("eth1|bond1",))),
        ("0.16.0", "peers_not_retried", Surroundings(backend="host-gw")),
        ("0.16.0", "public_ip_picks_nic", VXLAN),
        ("0.28.0", "local_is_advertised", VXLAN),
        ("0.27.0", "event_queue_5000", Surroundings(nodes=5000)),
    ],
)
def test_a_hazard_needs_its_surroundings(version: str, name: str, harmless: Surroundings) -> None:
    assert name not in names(version, harmless)


def test_the_old_limit_is_a_hazard_only_where_the_cluster_has_outgrown_it() -> None:
    def limited(mebibytes: int | None, nodes: int) -> bool:
        limit = None if mebibytes is None else mebibytes * 2**20
        return "limit_50mi" in names("0.12.0", Surroundings(nodes=nodes, memory_limit=limit))

    assert limited(50, 100)
    assert not limited(50, 80)
    assert not limited(100, 100)
    assert not limited(None, 100)


def test_an_unknown_version_is_said_and_gets_no_hazard_of_a_version() -> None:
    assert [one.name for one in hazards.of(None, VXLAN)] == ["version_unknown"]


@pytest.mark.parametrize(
    ("pattern", "aims"),
    [
        (r"^10\.", True), ("10.", True), (r"10\.\d+\.", True), (r"^(?:10\.1|192\.168)\.", True), ("[0-9]+", True),
        ("eth1|bond1", False), ("^eth[0-9]$", False), ("bond.", False), ("", False), (".*", False), ("(?i)ETH1", False), (r"(?i)10\.", True),
    ],
)  # fmt: skip
def test_a_pattern_for_addresses_is_told_from_one_for_names(pattern: str, aims: bool) -> None:
    assert hazards.aims_at_ip(pattern) == aims


@pytest.mark.parametrize(
    ("kernel", "buggy"),
    [
        ("3.10.0-1160.el7.x86_64", True), ("4.14.180", True), ("4.14.181", False), ("4.19.122-generic", True),
        ("4.19.123", False), ("5.4.40", True), ("5.4.41", False), ("5.5.19", True), ("5.6.12", True), ("5.6.13", False),
        ("5.15.0-91-generic", False), ("6.18.44", False), ("unknown", False), ("", False), ("6.1", False),
    ],
)  # fmt: skip
def test_kernels_with_the_checksum_fault_are_known_by_their_branch(
    kernel: str, buggy: bool
) -> None:
    assert hazards.checksum_bug(kernel) == buggy
    around = Surroundings(backend="vxlan", kernels=("6.8.0", kernel))
    assert ("checksum_offload" in names("0.22.0", around)) == buggy
    assert "checksum_offload" not in names(
        "0.22.0", Surroundings(backend="host-gw", kernels=(kernel,))
    )


def test_old_kernels_and_many_nodes_fill_the_neighbour_table() -> None:
    old = ("4.18.0-553.el8",)
    assert "neighbour_table" in names(
        "0.22.0", Surroundings(backend="vxlan", nodes=1100, kernels=old)
    )
    assert "neighbour_table" not in names(
        "0.22.0", Surroundings(backend="vxlan", nodes=900, kernels=old)
    )
    assert "neighbour_table" not in names(
        "0.22.0", Surroundings(backend="vxlan", nodes=1100, kernels=("5.14.0",))
    )


@pytest.mark.parametrize(
    ("version", "backend", "new_nic", "words"),
    [
        (Version(0, 12, 0), "vxlan", False, ["traffic is not disturbed"]),
        (Version(0, 12, 0), "host-gw", False, ["traffic is not disturbed"]),
        (Version(0, 12, 0), "vxlan", True, ["deleted and made anew", "new MAC"]),
        (Version(0, 24, 1), "vxlan", True, ["deleted and made anew"]),
        (Version(0, 22, 0), "host-gw", True, ["not on the new NIC's link"]),
        (Version(0, 22, 0), "wireguard", False, ["deletes its WireGuard device"]),
        (Version(0, 22, 0), "wireguard", True, ["deletes its WireGuard device"]),
        (Version(0, 12, 0), "udp", False, ["itself carries the traffic"]),
        (Version(0, 25, 7), "vxlan", False, ["traffic is not disturbed", "no way out"]),
        (Version(0, 27, 0), "vxlan", False, ["traffic is not disturbed"]),
        (Version(0, 8, 0), "vxlan", False, ["traffic is not disturbed", "no new flow"]),
        (Version(0, 9, 0), "vxlan", False, ["traffic is not disturbed"]),
        (Version(0, 22, 0), "alloc", False, ["leaves no entries"]),
        (None, "vxlan", False, ["traffic is not disturbed", "version is not known"]),
    ],
)
def test_what_a_restart_does_depends_on_version_backend_and_nic(
    version: Version | None, backend: str, new_nic: bool, words: list[str]
) -> None:
    said = hazards.restart(version, backend, new_nic=new_nic)
    text = " ".join(said)
    assert all(word in text for word in words)
    assert ("new MAC" in text) == ("new MAC" in words)
    assert ("no new flow" in text) == ("no new flow" in words)
    assert ("no way out" in text) == ("no way out" in words)
    assert all(one.endswith((".", ").")) for one in said)


VERSIONS = st.builds(Version, st.just(0), st.integers(5, 30), st.integers(0, 12))
AROUND = st.builds(
    Surroundings,
    backend=st.sampled_from(["vxlan", "host-gw", "wireguard", "udp", "ipip", "alloc", ""]),
    nodes=st.integers(0, 10_000),
    patterns=st.lists(st.text(max_size=8), max_size=2),
    public_ip=st.booleans(),
    memory_limit=st.none() | st.integers(0, 2**30),
    kernels=st.lists(st.text(max_size=12), max_size=2),
)


@given(st.none() | VERSIONS, AROUND)
def test_hazards_come_warnings_first_with_text_and_cure(
    version: Version | None, around: Surroundings
) -> None:
    found = hazards.of(version, around)
    ranks = [one.severity.rank for one in found]
    assert ranks == sorted(ranks, reverse=True)
    assert all(one.severity is not Severity.CRITICAL for one in found)
    assert len({one.name for one in found}) == len(found)
    assert all(one.text.endswith(".") and one.cure.endswith(".") for one in found)
    assert hazards.restart(version, around.backend or "vxlan")
