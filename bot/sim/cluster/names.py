"""Names, numbers and identifiers that a real cluster makes up, here drawn from the seed.

Pure. Each purpose has its own stream of random numbers, so that adding one does not shift others
and the same seed gives the same hosts.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from collections.abc import Mapping
from typing import Any

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for generated names: no vowels, no look-alikes."""


def stream(seed: int, *purpose: object) -> random.Random:
    """A generator of its own for one purpose; the same arguments give the same numbers."""
    return random.Random("/".join(str(part) for part in (seed, *purpose)))


def suffix(rng: random.Random, length: int = 5) -> str:
    """The random end of a generated name."""
    return "".join(rng.choices(ALPHABET, k=length))


def uid(rng: random.Random) -> str:
    """A version 4 UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def container_id(rng: random.Random) -> str:
    """As containerd names one container."""
    return f"containerd://{rng.getrandbits(256):064x}"


def veth(rng: random.Random) -> str:
    """The host end of a pod's veth pair, as the CNI bridge plugin names it: four random bytes."""
    return f"veth{rng.getrandbits(32):08x}"


def mac(rng: random.Random) -> str:
    """A locally administered unicast MAC address."""
    octets = [rng.randrange(256) & 0xFE | 0x02, *(rng.randrange(256) for _ in range(5))]
    return ":".join(f"{octet:02x}" for octet in octets)


def digest(text: str) -> str:
    """An image digest that depends on the reference alone."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def safe_hash(value: Mapping[str, Any]) -> str:
    """A hash for labels, in Kubernetes' form: FNV-1a over the content, digits made harmless.

    Kubernetes hashes a dump of the Go struct, with every field of its release; this hashes
    canonical JSON. Equal templates have equal hashes, the values differ from a real cluster's.
    """
    state = 0x811C9DC5
    for byte in json.dumps(value, sort_keys=True, separators=(",", ":")).encode():
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(state))


def mac_of(*purpose: object) -> str:
    """A locally administered unicast MAC address, drawn for one purpose; the same each time."""
    octets = bytearray(hashlib.blake2b(repr(purpose).encode(), digest_size=6).digest())
    octets[0] = octets[0] & 0xFE | 0x02
    return octets.hex(":")
