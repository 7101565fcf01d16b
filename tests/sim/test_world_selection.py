"""The simulated flannel's choice of a NIC against everything recorded of the real ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.sim.cluster import flannelflags, selection

CASES = json.loads(
    (Path(__file__).parent.parent / "recorded" / "flannel-selection" / "cases.json").read_text()
)


def links_of(host: dict[str, Any]) -> tuple[selection.Link, ...]:
    return tuple(
        selection.Link(
            link["ifindex"],
            link["name"],
            link["mtu"],
            link["up"],
            tuple(selection.Address(**one) for one in link["addresses"]),
        )
        for link in host["links_in_dump_order"]
    )


def routes_of(host: dict[str, Any]) -> tuple[selection.Route, ...]:
    return tuple(
        selection.Route(
            one["dst"], one.get("dev", ""), one.get("gateway", ""), one.get("prefsrc", "")
        )
        for one in host["routes"]
    )


def test_the_recordings_are_all_there() -> None:
    outcomes = sum(
        len(one["versions"]) for host in CASES for case in host["cases"] for one in case["outcomes"]
    )
    assert (len(CASES), outcomes) == (36, 5352)


@pytest.mark.parametrize("host", CASES, ids=lambda host: host["host"])
def test_every_recorded_choice_address_and_log_line_is_reproduced(host: dict[str, Any]) -> None:
    links, routes = links_of(host), routes_of(host)
    for case in host["cases"]:
        flags = flannelflags.parse(case["flags"]).selection
        for recorded in case["outcomes"]:
            for version in recorded["versions"]:
                found = selection.choose(
                    version=selection.version_of(f"quay.io/coreos/flannel:{version}-amd64"),
                    flags=flags,
                    links=links,
                    routes=routes,
                )
                chosen = found.link and {"name": found.link.name, "address": found.address}
                said = {
                    "chosen": chosen,
                    "external_address": found.external_address,
                    "log": [line.text for line in found.log],
                }
                assert said == recorded["outcome"], (case["flags"], version)


def test_giving_up_is_told_as_an_error_and_the_rest_as_information() -> None:
    found = selection.choose(
        version=(0, 12, 0),
        flags=selection.Flags(iface=("nosuch",)),
        links=(selection.Link(1, "lo"),),
        routes=(),
    )
    assert [line.level for line in found.log] == ["I", "E"]


def test_a_device_without_mtu_is_refused_and_the_next_flag_tried() -> None:
    address = (selection.Address("10.0.0.1", 24),)
    links = (
        selection.Link(2, "eth0", mtu=0, addresses=address),
        selection.Link(3, "eth1", addresses=(selection.Address("10.0.0.2", 24),)),
    )
    flags = selection.Flags(iface=("eth0", "eth1"))
    found = selection.choose(version=(0, 12, 0), flags=flags, links=links, routes=())
    assert found.link is links[1]
    assert "failed to determine MTU for 10.0.0.1 interface" in found.log[1].text


def test_a_multipath_default_route_names_no_interface() -> None:
    routes = (selection.Route("default", ""),)
    found = selection.choose(
        version=(0, 12, 0), flags=selection.Flags(), links=(selection.Link(1, "lo"),), routes=routes
    )
    assert found.link is None
    assert "Found default route but could not determine interface" in found.log[-1].text


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("quay.io/coreos/flannel:v0.12.0-amd64", (0, 12, 0)),
        ("docker.io/flannel/flannel:v0.28.9", (0, 28, 9)),
        ("registry:5000/flannel:0.15.1@sha256:" + "0" * 64, (0, 15, 1)),
        ("registry.example/flannel:latest", (0, 12, 0)),
        ("registry.example/flannel", (0, 12, 0)),
    ],
)
def test_the_version_is_read_from_the_image(image: str, version: tuple[int, ...]) -> None:
    assert selection.version_of(image) == version


@pytest.mark.parametrize(
    ("arguments", "environment", "regexes", "error"),
    [
        (["--iface-regex=a", "-iface-regex", "b"], {}, ("a", "b"), ""),
        (["--iface-regex=a", "", "--iface-regex=b"], {}, ("a",), ""),
        (["--ip-masq"], {"FLANNELD_IFACE_REGEX": "c"}, ("c",), ""),
        (["--iface-regex=a"], {"FLANNELD_IFACE_REGEX": "c"}, ("a",), ""),
        (["--iface-regexp=a"], {}, (), "flag provided but not defined: -iface-regexp"),
        (["--iface-regex"], {}, (), "flag needs an argument: -iface-regex"),
    ],
)
def test_flags_are_read_as_go_reads_them(
    arguments: list[str], environment: dict[str, str], regexes: tuple[str, ...], error: str
) -> None:
    found = flannelflags.parse(arguments, environment)
    assert (found.selection.iface_regex, found.error) == (regexes, error)


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["/opt/bin/flanneld"], "args": ["--iface-regex=x"]},
        {"command": ["/opt/bin/flanneld", "--iface-regex=x"]},
        {"args": ["--iface-regex=x"]},
        {"command": ["/opt/bin/flanneld"], "env": [{"name": "FLANNELD_IFACE_REGEX", "value": "x"}]},
    ],
)
def test_flags_are_found_wherever_a_manifest_has_them(container: dict[str, Any]) -> None:
    assert flannelflags.of_container(container).selection.iface_regex == ("x",)
