"""What a file is, told from its first bytes and its name. Pure."""

import struct
from dataclasses import dataclass

_PNG = b"\x89PNG\r\n\x1a\n"
_TEXTS = {"txt", "log", "md", "csv", "json", "yaml", "yml"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A file's type; width and height of pictures only."""

    mimetype: str
    filetype: str
    pretty: str
    width: int = 0
    height: int = 0

    @property
    def is_image(self) -> bool:
        """Whether a message can show it. What only claims to be a picture is none."""
        return self.mimetype.startswith("image/")


def kind_of(name: str, body: bytes) -> Kind:
    """Tell a file's type. A picture is one by its bytes, whatever its name says."""
    if body.startswith(_PNG) and body[12:16] == b"IHDR" and len(body) >= 24:
        width, height = struct.unpack(">II", body[16:24])
        return Kind(mimetype="image/png", filetype="png", pretty="PNG", width=width, height=height)
    if body[:6] in (b"GIF87a", b"GIF89a") and len(body) >= 10:
        width, height = struct.unpack("<HH", body[6:10])
        return Kind(mimetype="image/gif", filetype="gif", pretty="GIF", width=width, height=height)
    if body.startswith(b"\xff\xd8\xff"):
        return Kind(mimetype="image/jpeg", filetype="jpg", pretty="JPEG")
    ending = name.rpartition(".")[2].lower()
    if ending in _TEXTS:
        return Kind(mimetype="text/plain", filetype="text", pretty="Plain Text")
    return Kind(mimetype="application/octet-stream", filetype="binary", pretty="Binary")
