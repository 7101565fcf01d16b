"""Small networks for tests, and the recorded ones."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.flannel import choice, flags, iproute, kernel, selection, versions
from bot.flannel.versions import Version

RECORDED = Path(__file__).parent.parent / "recorded" / "flannel-selection" / "cases.json"

RELEASES = tuple(
    Version(0, minor, patch)
    for minor, patch in (
        (7, 1), (8, 0), (9, 1), (10, 0), (11, 0), (12, 0), (13, 0), (14, 0), (15, 1), (16, 3),
        (17, 0), (18, 1), (19, 2), (20, 2), (21, 5), (22, 3), (24, 4), (25, 1), (25, 2), (25, 3),
        (25, 7), (26, 7), (27, 3), (27, 4), (28, 0), (28, 9),
    )
)  # fmt: skip


def release(text: str) -> Version:
    found = versions.parse(f"flannel:{text}")
    assert found is not None
    return found


def address(text: str, *marks: str, scope: str = "global") -> kernel.Address:
    ip, _, prefix = text.partition("/")
    return kernel.Address(ip, int(prefix or (128 if ":" in ip else 32)), scope, flags=marks)


def nic(
    index: int, name: str, *ips: str | kernel.Address, mtu: int = 1500, master: str = ""
) -> kernel.Link:
    own = tuple(address(one) if isinstance(one, str) else one for one in ips)
    return kernel.Link(name, index, mtu=mtu, addresses=own, master=master)


def lo() -> kernel.Link:
    return nic(1, "lo", address("127.0.0.1/8", scope="host"), mtu=65536)


def network(
    *nics: kernel.Link,
    routes: tuple[kernel.Route, ...] = (),
    routes6: tuple[kernel.Route, ...] = (),
) -> kernel.Kernel:
    return kernel.Kernel(links=(lo(), *nics), routes=routes, routes6=routes6)


def default(device: str, gateway: str = "10.0.0.254", **more: Any) -> kernel.Route:
    return kernel.Route(kernel.ANY6 if ":" in gateway else kernel.ANY4, gateway, device, **more)


def choose(
    here: kernel.Kernel, *words: str, at: str | Version = "v0.12.0", **more: Any
) -> choice.Choice:
    version = release(at) if isinstance(at, str) else at
    return selection.choose(here, flags.parse(words), version, **more)


@dataclass(frozen=True)
class Recorded:
    host: str
    words: tuple[str, ...]
    here: kernel.Kernel
    version: str
    outcome: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.host} {' '.join(self.words)} {self.version}"


@functools.cache
def recorded() -> tuple[Recorded, ...]:
    found = []
    for host in json.loads(RECORDED.read_text()):
        links = tuple(
            kernel.Link(
                one["name"],
                one["ifindex"],
                mtu=one["mtu"],
                flags=("UP",) if one["up"] else (),
                addresses=tuple(
                    kernel.Address(held["address"], held["prefix"], held["scope"])
                    for held in one["addresses"]
                ),
            )
            for one in host["links_in_dump_order"]
        )
        here = kernel.Kernel(links=links, routes=iproute.routes(json.dumps(host["routes"])).entries)
        found += [
            Recorded(host["host"], tuple(case["flags"]), here, version, one["outcome"])
            for case in host["cases"]
            for one in case["outcomes"]
            for version in one["versions"]
        ]
    return tuple(found)
