"""Kubernetes quantities (`100m`, `150Mi`): reading, comparing and writing them one way."""

import functools
import re
from decimal import Decimal
from typing import Any

from bot.sim.cluster import objects

_SUFFIXES = {
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
    "Ei": Decimal(2) ** 60,
}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
PATTERN = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
"""The expression the real server names in its refusal."""
_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?"
)


@functools.lru_cache(maxsize=4096, typed=True)
def parsed(text: str | float) -> Decimal:
    """The value of a quantity.

    Raises:
        ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(text)
    number, suffix, exponent = match.groups()
    if exponent is not None:
        return Decimal(number) * Decimal(10) ** int(exponent)
    return Decimal(number) * _SUFFIXES[suffix or ""]


def canonical(text: str | float) -> str:
    """A quantity with the largest suffix of its family that leaves no fraction.

    `153600Ki` is `150Mi`: the real server stores it so, which is why a change of the unit
    alone is no change.

    Raises:
        ValueError: it is none.
    """
    value = parsed(text)
    match = _QUANTITY.fullmatch(str(text))
    suffix = (match.group(2) if match else None) or ""
    if value == 0:
        return "0"
    family: tuple[str, ...]
    if suffix in _BINARY and value == value.to_integral_value():
        family = ("", *_BINARY)
    else:
        family = _DECIMAL
    chosen = family[0]
    for candidate in family:
        scaled = value / _SUFFIXES[candidate]
        if scaled == scaled.to_integral_value():
            chosen = candidate
    return f"{int((value / _SUFFIXES[chosen]).to_integral_value())}{chosen}"


def canonicalise(amounts: dict[str, Any]) -> None:
    """Write all quantities of a resource list one way; what is none is left to validation."""
    for name, amount in amounts.items():
        try:
            amounts[name] = canonical(amount)
        except ValueError:
            continue


def qos_class(spec: dict[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort, from the containers' cpu and memory."""
    containers = objects.containers(spec)
    guaranteed, named = True, False
    for container in containers:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            named = named or name in limits or name in requests
            equal = name in limits and limits[name] == requests.get(name, limits[name])
            guaranteed = guaranteed and equal
    if not named:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"
