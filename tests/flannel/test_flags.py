"""flanneld's flags, read as flanneld reads them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.snapshot import ContainerSpec
from bot.flannel import flags, veth

RECORDED = Path(__file__).parent.parent / "recorded" / "flannel-selection" / "cases.json"


def spec(*args: str, command: tuple[str, ...] = (), **more: object) -> ContainerSpec:
    return ContainerSpec("kube-flannel", "flannel:v0.12.0", command, args, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--ip-masq", "--kube-subnet-mgr", "--iface-regex=eth1|bond1"],
            ["--ip-masq", "--kube-subnet-mgr", "--iface-regex=eth1|bond1"],
        ),
        (["-iface=eth0"], ["--iface=eth0"]),
        (["-iface", "eth0"], ["--iface=eth0"]),
        (["--iface", "eth0", "--iface=eth1"], ["--iface=eth0", "--iface=eth1"]),
        (["--iface-regex=a=b"], ["--iface-regex=a=b"]),
        (["--iface="], ["--iface="]),
        (["--iface", "-x"], ["--iface=-x"]),
        (["--ip-masq=false", "-v=10"], ["--ip-masq=false", "--v=10"]),
        (["--ip-masq", "true", "--iface=eth0"], ["--ip-masq"]),
        (["--ip-masq", "--", "--iface=eth0"], ["--ip-masq"]),
        (["--ip-masq", "-", "--iface=eth0"], ["--ip-masq"]),
        (["--ip-masq", "", "--iface=eth0"], ["--ip-masq"]),
        (["--ip-masq", ""], ["--ip-masq"]),
        ([], []),
        (["--new-flag=1", "--iface=eth0"], ["--new-flag=1", "--iface=eth0"]),
        (["--new-switch", "--iface=eth0"], ["--new-switch", "--iface=eth0"]),
        (["--new-flag", "1", "--iface=eth0"], ["--new-flag=1", "--iface=eth0"]),
        (["--iface"], []),
        (["---iface=eth0"], []),
        (["--=x"], []),
    ],
)
def test_a_command_line_is_read_as_go_reads_it(words: list[str], text: list[str]) -> None:
    assert list(flags.parse(words).as_text) == text


@pytest.mark.parametrize(
    "words",
    [
        ["--iface"],
        ["---iface=eth0"],
        ["--ip-masq=maybe"],
        ["--ip-masq", "true", "--iface=eth0"],
        ["--ip-masq", "", "--iface-regex=x"],
        ["--new-flag=1"],
    ],
)
def test_what_is_wrong_or_unknown_is_said(words: list[str]) -> None:
    assert flags.parse(words).problems


@pytest.mark.parametrize("words", [["--ip-masq", ""], ["--ip-masq", "", ""], ["--ip-masq", "--"]])
def test_empty_arguments_at_the_end_are_no_problem(words: list[str]) -> None:
    """kubespray writes them for options that are not set."""
    assert not flags.parse(words).problems


@pytest.mark.parametrize(
    ("container", "places"),
    [
        (spec("--iface=eth0", command=("/opt/bin/flanneld",)), ("args",)),
        (spec(command=("/opt/bin/flanneld", "--iface=eth0")), ("command",)),
        (spec("--v=4", command=("flanneld", "--iface=eth0")), ("command", "args")),
        (spec("--iface=eth0"), ("args",)),
        (spec("/opt/bin/flanneld", "--iface=eth0"), ("args",)),
        (spec(env={"FLANNELD_IFACE": "eth0"}), ("env",)),
        (spec(env={"FLANNELD_IFACE": "eth0", "FLANNELD_V": "1"}), ("env",)),
    ],
)
def test_flags_are_found_wherever_they_stand(
    container: ContainerSpec, places: tuple[str, ...]
) -> None:
    read = flags.of(container)
    assert read.iface == ("eth0",)
    assert read.places == places
    assert not read.problems


def test_the_environment_fills_only_what_the_command_line_left_open() -> None:
    read = flags.of(
        spec(
            "--iface=eth0",
            env={"FLANNELD_IFACE": "eth9", "FLANNELD_IFACE_REGEX": "^e", "FLANNELD_IP_MASQ": ""},
        )
    )
    assert read.iface == ("eth0",)
    assert read.iface_regex == ("^e",)
    assert "ip-masq" not in read.values


def test_a_value_from_a_configmap_is_unknown_and_said() -> None:
    """As canal has it."""
    read = flags.of(spec(env_from_elsewhere=("FLANNELD_IFACE", "POD_NAME")))
    assert len(read.problems) == 1
    assert "FLANNELD_IFACE" in read.problems[0]
    assert not flags.of(spec("--iface=eth0", env_from_elsewhere=("FLANNELD_IFACE",))).problems


@pytest.mark.parametrize(
    "command",
    [
        ("/bin/sh", "-c", "exec /opt/bin/flanneld --iface=eth0"),
        ("sh", "-c"),
        ("/start.sh",),
    ],
)
def test_a_script_is_refused_and_nothing_concluded(command: tuple[str, ...]) -> None:
    read = flags.of(spec("--iface=eth0", command=command))
    assert not read.readable
    assert not read.in_force
    assert read.problems


def test_references_to_the_environment_are_expanded_as_the_kubelet_does() -> None:
    read = flags.of(spec("--iface=$(NIC)", "--public-ip=$(IP)", "--v=$$(NIC)", env={"NIC": "eth1"}))
    assert read.as_text == ("--iface=eth1", "--public-ip=$(IP)", "--v=$(NIC)")
    assert len(read.problems) == 1


def test_values_and_switches() -> None:
    read = flags.parse(
        ["--iface=a", "--iface=b", "--ip-masq", "--kube-subnet-mgr=0", "--v=1", "-v=2"]
    )
    assert read.values["iface"] == ("a", "b")
    assert read.last("v") == "2"
    assert read.on("ip-masq")
    assert not read.on("kube-subnet-mgr")
    assert read.on("set-node-network-unavailable", default=True)


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ("", "flannel.alpha.coreos.com/"),
        ("net.example.com", "net.example.com/"),
        ("net.example.com/", "net.example.com/"),
        ("net.example.com/x", "net.example.com/x-"),
        ("net.example.com/x-", "net.example.com/x-"),
    ],
)
def test_the_annotation_prefix_ends_as_flannel_ends_it(prefix: str, key: str) -> None:
    words = [f"--kube-annotation-prefix={prefix}"] if prefix else []
    assert flags.parse(words).annotation_prefix == key


def test_every_recorded_command_line_is_read_without_a_problem() -> None:
    hosts = json.loads(RECORDED.read_text())
    lines = [case["flags"] for host in hosts for case in host["cases"]]
    assert len(lines) > 300
    for line in lines:
        read = flags.parse(line)
        assert not read.problems, line
        given = [word.lstrip("-") for word in line]
        assert [text.lstrip("-") for text in read.as_text] == given


NAMES = st.sampled_from(["iface", "iface-regex", "public-ip", "v", "healthz-port"])
VALUES = st.text(max_size=8)


@given(pairs=st.lists(st.tuples(NAMES, VALUES, st.sampled_from(["-x=", "--x=", "--x "]))))
def test_all_forms_of_a_flag_mean_the_same(pairs: list[tuple[str, str, str]]) -> None:
    words: list[str] = []
    for name, value, form in pairs:
        dashes = "-" if form.startswith("-x") else "--"
        words += [f"{dashes}{name}", value] if form.endswith(" ") else [f"{dashes}{name}={value}"]
    read = flags.parse(words)
    assert [(flag.name, flag.value) for flag in read.in_force] == [pair[:2] for pair in pairs]
    assert not read.problems


@given(words=st.lists(st.text(max_size=12)))
def test_any_words_are_survived(words: list[str]) -> None:
    read = flags.of(spec(*words))
    assert len(read.in_force) <= len(words)
    assert flags.parse(read.as_text).in_force == read.in_force or read.problems


@pytest.mark.parametrize(
    ("pattern", "prone"),
    [
        ("eth1|bond1", True),
        ("eth1", True),
        ("eth[0-9]", True),
        ("eth", True),
        ("e", True),
        ("eth10", True),
        ("^bond1|eth1", True),
        (".*", True),
        ("bond1", False),
        ("^(bond1|eth1)$", False),
        ("^(?:eth1|bond1)$", False),
        ("^eth1", False),
        ("eno1", False),
        (r"10\.96\..*", False),
        ("(unclosed", False),
    ],
)
def test_patterns_that_take_a_pods_nic_are_known(pattern: str, prone: bool) -> None:
    name = veth.example(pattern)
    assert bool(name) == prone
    assert not name or (name.startswith("veth") and len(name) == 12)


def test_flags_whose_value_stands_elsewhere_are_named() -> None:
    found = flags.of(
        spec(
            "--iface-regex=$(NICS)",
            "--public-ip=$(HOST_IP)",
            "--iface=$(NIC)",
            env={"NIC": "eth1"},
            env_from_elsewhere=("FLANNELD_IFACE", "FLANNELD_IFACE_CAN_REACH", "FLANNELD_ODD"),
        )
    )
    assert found.unknown == ("iface-regex", "public-ip", "iface-can-reach")
    assert found.iface == ("eth1",)
    assert not found.exits
    assert flags.of(spec("--iface=eth1")).unknown == ()


@pytest.mark.parametrize("words", [["--iface"], ["--ip-masq=maybe"], ["---iface=eth0"], ["--=x"]])
def test_what_flannel_exits_at_is_told_apart_from_what_it_ignores(words: list[str]) -> None:
    found = flags.parse(words)
    assert found.exits in found.problems
    assert not flags.parse(["--ip-masq", "", "--iface=eth0"]).exits
