"""Get and list: which state is shown, in which pages."""

import asyncio
import base64
import binascii
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.sim.cluster import (
    errors,
    http_context,
    http_forms,
    objects,
    resources,
    selectors,
    store,
)

Object = objects.Object


async def get(call: http_context.Call) -> web.Response:
    """One object.

    Raises:
        errors.StatusError: 400, 404, 406, 504.
    """
    wanted = call.wanted()
    version = _version(call.query.get("resourceVersion", ""))
    if version:
        await _wait_for(call, version)
    target = call.target
    obj = call.context.registry.get(target.row.plural, target.namespace, target.name)
    return http_context.reply(http_forms.one(target.row, obj, wanted))


async def list_all(call: http_context.Call) -> web.Response:
    """A list, or a page of it.

    Raises:
        errors.StatusError: 400, 406, 410 (the page's state is forgotten), 422, 504.
    """
    wanted = call.wanted()
    row, query, storage = call.row, call.query, call.context.registry.store
    selected = selectors.predicate(
        query.get("labelSelector", ""), query.get("fieldSelector", ""), row
    )
    limit = _limit(query.get("limit", ""))
    page = await _page(call, limit)
    namespace = call.target.namespace or None
    revision = storage.revision if page.revision is None else page.revision
    try:
        found: Sequence[Object] = storage.list_at(
            row.plural,
            revision,
            namespace,
            after=page.start,
            node=selectors.node_of(query.get("fieldSelector", ""), row),
        )
    except store.Compacted as gone:
        raise _expired(page) from gone
    if selected is not None:
        # One more than a page shows tells that there is a next one.
        most = page.limit + 1 if page.limit else None
        found = list(itertools.islice(filter(selected, found), most))
    metadata: Object = {"resourceVersion": str(revision)}
    if page.limit and len(found) > page.limit:
        rest = len(found) - page.limit
        found = found[: page.limit]
        metadata["continue"] = _token(revision, store.key_of(found[-1]))
        if selected is None:
            # With a selector the real server does not know how many are left.
            metadata["remainingItemCount"] = rest
    shown = distorted(call.context, row, found)
    body = http_forms.many(row, shown, metadata, wanted)
    return http_context.reply(body)


def distorted(
    context: http_context.Context, row: resources.Resource, found: Sequence[Object]
) -> Sequence[Object]:
    """The objects, with one broken where the server is told to misbehave so."""
    fault = context.switchboard.peek("bad-object", resource=row.plural)
    if fault is None or not found:
        return found
    victim = victim_of(context, row)
    return [http_forms.corrupted(row, obj) if store.key_of(obj) == victim else obj for obj in found]


def victim_of(context: http_context.Context, row: resources.Resource) -> store.Key | None:
    """Which object of a resource is shown broken while `bad-object` is on; None if none is.

    The one named by the fault, else the first of the system's, else the first.
    """
    fault = context.switchboard.peek("bad-object", resource=row.plural)
    if fault is None:
        return None
    everything = context.registry.store.list(row.plural)
    name = fault.params.get("name")
    if name is not None:
        keys = [store.key_of(obj) for obj in everything if obj["metadata"]["name"] == name]
    else:
        keys = [
            *map(store.key_of, context.registry.store.list(row.plural, "kube-system")),
            *map(store.key_of, everything[:1]),
        ]
    return keys[0] if keys else None


@dataclass(frozen=True, slots=True)
class _Page:
    """Which state a list shows and where it begins."""

    revision: int | None
    """None for the newest."""
    start: store.Key | None
    limit: int
    token: bool


async def _page(call: http_context.Call, limit: int) -> _Page:
    query, row = call.query, call.row
    text, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if query.get("continue"):
        if text not in {"", "0"}:
            raise errors.bad_request(
                "specifying resource version is not allowed when using continue"
            )
        revision, start = _read_token(query["continue"])
        return _Page(None if revision < 0 else revision, start, limit, token=True)
    version = _version(text)
    if match and not text:
        raise http_context.list_options_invalid(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )
    if match not in {"", "Exact", "NotOlderThan"}:
        cause = errors.unsupported(match, ("Exact", "NotOlderThan", ""), "resourceVersionMatch")
        raise errors.invalid("ListOptions", "meta.k8s.io", "", [cause])
    if match == "Exact" and version == 0:
        raise http_context.list_options_invalid(
            "resourceVersionMatch",
            'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        )
    if version:
        await _wait_for(call, version)
    if text == "0" and row.cached:
        return _Page(None, None, 0, token=False)
    # A limit with a resourceVersion and no match has meant that exact state since before there
    # was a match parameter.
    exact = match == "Exact" or (bool(version) and limit > 0 and not match)
    return _Page(version if exact else None, None, limit, token=False)


def _expired(page: _Page) -> errors.StatusError:
    if not page.token or page.start is None:
        return errors.StatusError(
            410, "Expired", "The resourceVersion for the provided list is too old."
        )
    return errors.StatusError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list.",
        metadata={"continue": _token(-1, page.start)},
    )


def _token(revision: int, last: store.Key) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(last)})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, store.Key]:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as failure:
        raise _bad_token("illegal base64 data at input byte 0") from failure
    try:
        content: Any = json.loads(text)
        namespace, _, name = str(content["start"]).partition("/")
        return int(content["rv"]), (namespace, name)
    except (ValueError, TypeError, KeyError, UnicodeDecodeError) as failure:
        first = text[:1].decode("latin-1")
        raise _bad_token(f"invalid character {first!r} looking for beginning of value") from failure


def _bad_token(why: str) -> errors.StatusError:
    return errors.bad_request(f"invalid continue token: continue key is not valid: {why}")


def _limit(text: str) -> int:
    if not text:
        return 0
    try:
        return max(int(text), 0)
    except ValueError as failure:
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from failure


def no_number(text: str) -> str:
    """What Go says of a resourceVersion that is no number."""
    return (
        f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": '
        "invalid syntax"
    )


def _version(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise errors.bad_request(f"invalid resource version: {no_number(text)}")
    return int(text)


async def _wait_for(call: http_context.Call, version: int) -> None:
    """Wait for a revision that is not there yet, as a cache behind its store does."""
    context = call.context
    storage = context.registry.store
    if version <= storage.revision:
        return
    reached = asyncio.Event()

    def look(change: store.Change) -> None:
        if change.revision >= version:
            reached.set()

    stop = storage.subscribe(look)
    try:
        async with asyncio.timeout(context.options.future_wait):
            await reached.wait()
    except TimeoutError as failure:
        raise errors.StatusError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {version}, current: {storage.revision}",
            details={
                "causes": [
                    {
                        "reason": "ResourceVersionTooLarge",
                        "message": "Too large resource version",
                    }
                ],
                "retryAfterSeconds": 1,
            },
            headers={"Retry-After": "1"},
        ) from failure
    finally:
        stop()
