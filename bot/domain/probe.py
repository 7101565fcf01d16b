"""The mark of probe pods, by which everybody knows them: who makes them, and who drains a node."""

from collections.abc import Mapping

LABEL, VALUE = "app.kubernetes.io/name", "flannel-bot-probe"
"""Flannel's DaemonSet must not select it, or it would take the pod for its own."""


def marked(labels: Mapping[str, str]) -> bool:
    """Whether these are a probe pod's labels."""
    return labels.get(LABEL) == VALUE
