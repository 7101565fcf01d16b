"""Kubernetes' resource quantities: "50Mi", "1e3", "128974848", "129M", "123m"."""

import functools
import re
from decimal import Decimal

_FACTORS = {
    "": Decimal(1),
    "n": Decimal(1).scaleb(-9),
    "u": Decimal(1).scaleb(-6),
    "m": Decimal(1).scaleb(-3),
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
_SHAPE = re.compile(
    r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))"
    r"(?:[eE]([+-]?[0-9]{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?"
)


@functools.lru_cache(maxsize=4096)
def whole(text: str | float) -> int:
    """Return the quantity in its base unit, a fraction rounded up as the API server does.

    Raises:
        ValueError: if it is no quantity.
    """
    return _up(_value(text))


@functools.lru_cache(maxsize=4096)
def thousandths(text: str | float) -> int:
    """Return the quantity in thousandths of its base unit (millicores), rounded up.

    Raises:
        ValueError: if it is no quantity.
    """
    return _up(_value(text) * 1000)


def _value(text: str | float) -> Decimal:
    match = _SHAPE.fullmatch(str(text))
    if match is None:
        raise ValueError(f"not a quantity: {str(text)[:40]!r}")
    number, exponent, suffix = match.groups()
    return Decimal(number).scaleb(int(exponent or 0)) * _FACTORS[suffix or ""]


def _up(value: Decimal) -> int:
    floor = int(value)
    return floor + 1 if value > floor else floor
