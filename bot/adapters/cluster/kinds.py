"""The mirrored kinds: where they are served, how they are decoded and translated."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib import parse

import msgspec

from bot.adapters.cluster import translate, wire
from bot.domain import trail

T = TypeVar("T")
Key = Hashable
"""A node's name, or (namespace, name)."""


class Page(msgspec.Struct, Generic[T], gc=False):
    """A list's answer.

    `items` must be there, though it may be null: an answer that lacks it is no empty list but
    something else, and would make everything vanish.
    """

    kind: str
    metadata: wire.ListMeta
    items: list[T] | None


class Event(msgspec.Struct, Generic[T], gc=False):
    """One line of a watch."""

    type: str
    object: T


RAW_PAGE = msgspec.json.Decoder(Page[msgspec.Raw])
RAW_EVENT = msgspec.json.Decoder(Event[msgspec.Raw])
UNREADABLE = msgspec.json.Decoder(wire.Unreadable)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. Decoded values are `Any` between its own decoder and translator."""

    name: str
    resource: str
    prefix: str
    namespaced: bool
    pages: msgspec.json.Decoder[Page[Any]]
    events: msgspec.json.Decoder[Event[Any]]
    items: msgspec.json.Decoder[Any]
    translate: Callable[[Any], Any]
    follow: Callable[[Any, Any], Any]
    """Given the value before and the one after: the latter, with what must not be lost of both."""
    mourned: Callable[[Any, Any], bool]
    """Given a value and the one after it, or None: whether the former must be shown once more."""

    @property
    def grant(self) -> str:
        """The resource as an RBAC rule names it."""
        group = self.prefix.removeprefix("/apis/").partition("/")[0]
        return f"{self.resource}.{group}" if self.prefix.startswith("/apis/") else self.resource

    def path(self, namespace: str) -> str:
        """Return the collection's path; an empty namespace means all of them."""
        if self.namespaced and namespace:
            return f"{self.prefix}/namespaces/{parse.quote(namespace, safe='')}/{self.resource}"
        return f"{self.prefix}/{self.resource}"

    def what(self, namespace: str) -> str:
        """Name the collection for people."""
        return f"{self.resource} in {namespace}" if namespace else self.resource

    def key(self, namespace: str, name: str) -> Key:
        """Return under which key a snapshot holds that object."""
        return (namespace, name) if self.namespaced else name


def _never(_before: Any, _after: Any) -> bool:  # noqa: ANN401
    return False


def _latest(_before: Any, after: Any) -> Any:  # noqa: ANN401
    return after


def _kind(
    name: str,
    prefix: str,
    shape: type[Any],
    how: Callable[[Any], Any],
    *,
    namespaced: bool = True,
    follow: Callable[[Any, Any], Any] = _latest,
    mourned: Callable[[Any, Any], bool] = _never,
) -> Kind:
    return Kind(
        name=name,
        resource=f"{name.lower()}s",
        prefix=prefix,
        namespaced=namespaced,
        pages=msgspec.json.Decoder(Page[shape]),  # type: ignore[valid-type]
        events=msgspec.json.Decoder(Event[shape]),  # type: ignore[valid-type]
        items=msgspec.json.Decoder(shape),
        translate=how,
        follow=follow,
        mourned=mourned,
    )


NODES = _kind("Node", "/api/v1", wire.Node, translate.node, namespaced=False)
PODS = _kind(
    "Pod",
    "/api/v1",
    wire.Pod,
    translate.pod,
    follow=trail.follow,
    mourned=trail.left_behind,
)
DAEMONSETS = _kind("DaemonSet", "/apis/apps/v1", wire.DaemonSet, translate.daemonset)
DEPLOYMENTS = _kind("Deployment", "/apis/apps/v1", wire.Deployment, translate.deployment)
REVISIONS = _kind(
    "ControllerRevision", "/apis/apps/v1", wire.ControllerRevision, translate.revision
)

IN_NAMESPACES = (PODS, DAEMONSETS, DEPLOYMENTS, REVISIONS)
ALL = (NODES, *IN_NAMESPACES)
