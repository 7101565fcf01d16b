"""The sentences of the answers about nodes' networks; rules as in `wording`."""


def no_node_name(word: str) -> str:
    """Of a word that cannot be a node's name."""
    return f"{word!r} cannot be the name of a node."


def unknown_flag(name: str, word: str) -> str:
    """Of a flag that a command does not have."""
    return f"`{name}` has no flag {word!r}."


def no_value(flag: str) -> str:
    """Of a flag whose value is missing."""
    return f"`{flag}` lacks its value."


def too_many_patterns(most: int) -> str:
    """Of more flags than a person would give flannel."""
    return f"More than {most} flags at once are not simulated."


def pattern_too_long(limit: int) -> str:
    """Of a pattern that nobody could judge."""
    return f"A pattern of more than {limit} characters is not simulated."
