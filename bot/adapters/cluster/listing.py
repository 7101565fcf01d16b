"""Reading a whole collection, page by page, so that one bad object costs only itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.adapters.cluster import client, failures, frames, kinds

_BREATH = 200
"""Objects translated before other tasks get a turn: about 10 ms."""

_LONGEST_WAIT = 10.0
"""A Retry-After up to this many seconds is waited for within a list; a longer one fails it."""

_TRIES = 3


@dataclass(slots=True)
class Listed:
    """A collection at `version`. `bad` tells, by (namespace, name), what could not be read."""

    objects: dict[kinds.Key, Any] = field(default_factory=dict)
    bad: dict[tuple[str, str], str] = field(default_factory=dict)
    version: str = ""


Known = Callable[[kinds.Key], Any]


async def collect(
    api: client.Client, kind: kinds.Kind, namespace: str, *, known: Known | None = None
) -> Listed:
    """List everything of a kind in a namespace (an empty one: in all), consistently.

    Args:
        api: the way to the API server.
        kind: what to list.
        namespace: where.
        known: returns the object held under a key, which is kept if it is equal to the new one.

    Raises:
        Failure: if any page could not be read; a list is whole or it is none.
        Misconfigured: if the credentials' files are wrong.
    """
    try:
        return await _pages(api, kind, namespace, known=known)
    except failures.Expired:
        # The token outlived the server's memory: once more from the start. The token that comes
        # with the 410 would go on, but mix two states of the collection.
        return await _pages(api, kind, namespace, known=known)


async def _pages(
    api: client.Client, kind: kinds.Kind, namespace: str, *, known: Known | None
) -> Listed:
    listed = Listed()
    token = ""
    while True:
        query: list[tuple[str, str]] = [("limit", str(api.options.page_size))]
        if token:
            query.append(("continue", token))
        body = await patiently(
            api,
            client.Ask(
                verb="list",
                resource=kind.resource,
                what=kind.what(namespace),
                grant=kind.grant,
                path=kind.path(namespace),
                query=tuple(query),
            ),
        )
        token = await _take(kind, namespace, body, listed, known=known)
        if not token:
            return listed


async def patiently(
    api: client.Client,
    ask: client.Ask,
    *,
    again: Callable[[failures.Failure], bool] = lambda _: True,
) -> bytes:
    """Send a request, again where the server says when: shortly, and `again` agrees.

    Raises:
        Failure: if it did not go well, in the end.
        Misconfigured: if the credentials' files are wrong.
    """
    for _ in range(_TRIES - 1):
        try:
            return await api.send(ask)
        except failures.Failure as failure:
            wait = failure.retry_after
            if wait is None or wait > _LONGEST_WAIT or not again(failure):
                raise
            await asyncio.sleep(wait)
    return await api.send(ask)


async def _take(
    kind: kinds.Kind, namespace: str, body: bytes, listed: Listed, *, known: Known | None
) -> str:
    """Add a page's objects and return the token of the next."""
    try:
        page = kind.pages.decode(body)
    except msgspec.ValidationError:
        page = _one_by_one(kind, namespace, body, listed)
    except msgspec.DecodeError as exc:
        raise _unexpected(kind, namespace, body) from exc
    if page.kind != f"{kind.name}List" or not page.metadata.resource_version:
        raise _unexpected(kind, namespace, body)
    for number, item in enumerate(page.items or ()):
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        _add(kind, item, listed, known=known)
    # Every page of one list carries the same version, that of the first.
    listed.version = listed.version or page.metadata.resource_version
    return page.metadata.continue_ or ""


def _add(kind: kinds.Kind, item: Any, listed: Listed, *, known: Known | None) -> None:  # noqa: ANN401
    meta = item.metadata
    try:
        value = kind.translate(item)
    except ValueError as exc:
        listed.bad[(meta.namespace, meta.name)] = failures.short(str(exc))
        return
    key = kind.key(meta.namespace, meta.name)
    old = known(key) if known is not None else None
    if old is not None:
        value = kind.follow(old, value)
    listed.objects[key] = old if old == value else value


def _one_by_one(kind: kinds.Kind, namespace: str, body: bytes, listed: Listed) -> kinds.Page[Any]:
    """Decode the objects of a page that did not decode as one, leaving out what is bad."""
    try:
        page = kinds.RAW_PAGE.decode(body)
    except msgspec.DecodeError as exc:
        raise _unexpected(kind, namespace, body) from exc
    good: list[Any] = []
    for raw in page.items or ():
        item = bytes(raw)
        try:
            good.append(kind.items.decode(item))
        except msgspec.DecodeError:
            place = _place(item, namespace)
            listed.bad[place] = frames.why(kind, item)
    return kinds.Page(kind=page.kind, metadata=page.metadata, items=good)


def _place(item: bytes, namespace: str) -> tuple[str, str]:
    try:
        meta = kinds.UNREADABLE.decode(item).metadata
    except msgspec.DecodeError:
        meta = None
    if meta is None:
        return namespace, ""
    return meta.namespace or namespace, meta.name or ""


def _unexpected(kind: kinds.Kind, namespace: str, body: bytes) -> failures.Failure:
    page = " but an HTML page" if failures.looks_like_html(body) else ""
    return failures.Failure(
        f"cannot list {kind.what(namespace)}: the answer is no {kind.name}List{page}"
    )
