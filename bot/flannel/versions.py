"""Which flannel an image holds, as far as its tag says."""

import re
from dataclasses import dataclass

UNKNOWN = "unknown"

_NUMBER = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(?![\d.])")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A flannel release; builds and architectures of it are equal."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


def tag(image: str) -> str:
    """Return an image's tag, or nothing where there is only a digest or neither."""
    name = image.partition("@")[0]
    # A colon before the last slash is a registry's port.
    return name.rpartition("/")[2].partition(":")[2]


def basename(image: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def parse(image: str) -> Version | None:
    """Return the release that the image's tag names.

    Tags seen: `v0.12.0-amd64`, `0.12.0`, `v0.25.7-build20241126`. A manifest's tag is what was
    asked for, and a tag can be pushed anew: it is a good guess and no proof.
    """
    found = _NUMBER.match(tag(image))
    return Version(*(int(part) for part in found.groups())) if found else None


def name(image: str) -> str:
    """Return the release as people say it, or "unknown"."""
    version = parse(image)
    return str(version) if version else UNKNOWN
