"""What the script prints is read rightly, also where it breaks off."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cluster import script
from bot.flannel import kernel
from tests.flannel import kernels

STEADY = kernels.stories()["vxlan-01-steady"][0]


def printed(*, end: bool = True, **texts: tuple[str, int, str]) -> str:
    parts = [
        f"@@ {name} {code} {command}\n{text}\n" for name, (command, code, text) in texts.items()
    ]
    return "".join(parts) + ("@@ end 0 -\n" if end else "")


def of_a_host(state: kernels.State, *, as_text: bool = False) -> str:
    def of(command: str) -> str:
        return state.text(command) if as_text else state.json(command.replace(" ", " -j ", 1))

    return printed(
        addr=("ip -d -j addr", 0, state.json("ip -j addr")),
        route=("ip -j route", 0, of("ip route")),
        route6=("ip -j -6 route", 0, "[]"),
        neigh=("ip -j neigh", 0, of("ip neigh")),
        fdb=("bridge -j fdb", 0, of("bridge fdb")),
        env=("cat /run/flannel/subnet.env", 0, state.text("cat /run/flannel/subnet.env")),
        wg=("wg show flannel-wg allowed-ips", 127, "sh: wg: not found"),
        wgend=("wg show flannel-wg endpoints", 127, "sh: wg: not found"),
    )


@pytest.mark.parametrize("as_text", [False, True], ids=["json", "text"])
def test_a_recorded_host_is_read_whole(as_text: bool) -> None:
    reading = script.read(of_a_host(STEADY, as_text=as_text))
    expected = STEADY.kernel(as_text=as_text)
    assert reading.problems == ()
    assert reading.kernel.odd == ()
    assert reading.kernel.routes == expected.routes
    assert reading.kernel.neighbours == expected.neighbours
    assert reading.kernel.fdb == expected.fdb
    assert reading.kernel.subnet == expected.subnet
    assert {one.name for one in reading.kernel.links or ()} == {
        one.name for one in expected.links or ()
    }
    assert reading.kernel.wireguard is None


def test_what_was_not_read_is_none_and_told() -> None:
    text = printed(
        addr=("ip addr", 0, "[]"),
        route=("cat /proc/net/route", 1, "cat: can't open '/proc/net/route'"),
        fdb=("bridge fdb", 127, "sh: bridge: not found"),
        env=("cat /run/flannel/subnet.env", 1, "cat: /run/flannel/subnet.env: No such file"),
    )
    reading = script.read(text)
    assert reading.kernel.routes is None
    assert reading.kernel.neighbours is None
    assert reading.kernel.fdb is None
    assert reading.kernel.subnet is None
    assert reading.kernel.subnet_missing
    told = " ".join(reading.problems)
    assert "routes could not be read (exit code 1" in told
    assert "neighbours were not read" in told
    assert "bridge: not found" in told


def test_tables_of_proc_are_understood() -> None:
    text = printed(
        route=(
            "cat /proc/net/route",
            0,
            "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
            "eth0 00000000 0101620A 0003 0 0 0 00000000 0 0 0",
        ),
        neigh=(
            "cat /proc/net/arp",
            0,
            "IP address HW type Flags HW address Mask Device\n"
            "10.98.0.1 0x1 0x2 02:42:0a:62:00:01 * eth1",
        ),
    )
    found = script.read(text).kernel
    assert found.routes
    assert found.routes[0].dst == kernel.ANY4
    assert found.neighbours
    assert found.neighbours[0].mac == "02:42:0a:62:00:01"


@given(st.integers(0, len(of_a_host(STEADY)) - len("@@ end 0 -\n")))
def test_an_answer_that_breaks_off_is_told_and_half_a_table_is_none(at: int) -> None:
    whole = script.read(of_a_host(STEADY)).kernel
    cut = script.read(of_a_host(STEADY)[:at])
    assert any("broke off" in problem for problem in cut.problems)
    for name in ("links", "routes", "neighbours", "fdb"):
        assert getattr(cut.kernel, name) in (None, getattr(whole, name))


@given(st.text())
def test_whatever_a_node_says_nothing_raises(text: str) -> None:
    script.read(text)
    script.read(printed(addr=("ip addr", 0, text), route=("ip route", 0, text)))


def test_only_addresses_are_ever_arguments() -> None:
    command = script.command(["10.244.1.7", "$(reboot)", "fd00::1", "; rm -rf /", ""])
    assert command[:3] == ("sh", "-c", script.SCRIPT)
    assert command[4:] == ("10.244.1.7", "fd00::1")


def test_the_script_runs_in_a_plain_shell_and_always_says_its_end() -> None:
    done = subprocess.run(script.command(), capture_output=True, text=True, timeout=30, check=False)
    sections, whole = script.split(done.stdout)
    assert whole, done.stderr
    assert set(sections) == {"addr", "route", "route6", "neigh", "fdb", "env", "wg", "wgend"}


def test_the_script_falls_back_part_by_part(tmp_path) -> None:
    """An old `ip` that knows no -j, and no `bridge` at all."""
    old = tmp_path / "ip"
    old.write_text(
        "#!/bin/sh\n"
        'case "$*" in *-j*) echo "Option \\"-j\\" is unknown" >&2; exit 255;;\n'
        '*addr*) echo "1: lo: <LOOPBACK,UP> mtu 65536"; exit 0;;\n'
        '*route*) echo "default via 10.0.0.1 dev eth0"; exit 0;;\n'
        "*) exit 0;; esac\n"
    )
    old.chmod(0o755)
    done = subprocess.run(
        script.command(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": f"{tmp_path}:/bin:/usr/bin"},
    )
    sections, _ = script.split(done.stdout)
    assert sections["addr"].command == "ip -d addr"
    found = script.read(done.stdout).kernel
    assert found.links
    assert found.links[0].name == "lo"
    assert found.routes
    assert found.routes[0].gateway == "10.0.0.1"


def test_the_script_is_short_enough_for_the_url_of_an_exec() -> None:
    assert len(script.SCRIPT) < 1_000
    assert json.dumps(script.SCRIPT)
