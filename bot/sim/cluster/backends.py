"""How flannel carries packets between machines: its backend, and what it asks of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

NAMES = ("vxlan", "host-gw")


@dataclass(frozen=True)
class Backend:
    """One of flannel's backends as net-conf.json sets it up."""

    name: str = "vxlan"
    direct_routing: bool = False
    """vxlan only: plain routes to machines on the same link."""

    @property
    def tunnelled(self) -> bool:
        """Whether there is a device of its own."""
        return self.name == "vxlan"

    @property
    def overhead(self) -> int:
        """Bytes by which packets grow."""
        return 50 if self.tunnelled else 0

    @property
    def one_link(self) -> bool:
        """Whether all machines must be on one link."""
        return not self.tunnelled

    @property
    def plain_routes(self) -> bool:
        """Whether some peers are reached by plain routes over the NIC."""
        return self.direct_routing or not self.tunnelled

    @property
    def config(self) -> Object:
        """As net-conf.json has it."""
        return {"Type": self.name} | ({"DirectRouting": True} if self.direct_routing else {})


VXLAN = Backend()
