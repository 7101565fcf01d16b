"""Text that every server takes."""


def text(value: str) -> str:
    """Return text that every server takes.

    PostgreSQL refuses the character NUL and both refuse lone surrogates. Cluster text may hold
    either, and a row that cannot be written would be an alert that is lost.
    """
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
