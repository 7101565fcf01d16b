"""Create, update, patch and delete over HTTP: reading the body, judging the options."""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sim.cluster import (
    errors,
    eviction,
    http_access,
    http_apply,
    http_context,
    http_forms,
    http_options,
    http_paths,
    http_questions,
    objects,
    patches,
    protobuf,
    resources,
    schemas,
    selectors,
    store,
    yamlbody,
)

Object = objects.Object
PATCH_TYPES: dict[str, patches.Kind] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_YAML = "application/yaml"
BODY_TYPES = frozenset({"application/json", "application/octet-stream", _YAML, protobuf.MEDIA_TYPE})
_POSTED = {
    "binding": ("Binding", "v1"),
    "eviction": ("Eviction", "policy/v1"),
    "token": ("TokenRequest", "authentication.k8s.io/v1"),
}
"""What is posted to subresources: kind and version."""
_STILL_ACCEPTED = frozenset({("Eviction", "policy/v1beta1")})
"""What older clients post: this one stayed when the rest of its version was removed."""


async def create(call: http_context.Call) -> web.Response:
    """POST of a new object, of a pod's binding or its eviction.

    Raises:
        errors.StatusError: 400, 404, 409, 415, 422, and 429 or 500 for evictions.
    """
    options = http_options.Options(call, "CreateOptions")
    body = await _object(call, options)
    registry, target = call.context.registry, call.target
    if target.subresource:
        call.judge_posted(body, dry_run=options.dry_run)
    if target.subresource == "eviction":
        eviction.evict(registry, target.namespace, target.name, body, dry_run=options.dry_run)
        return call.answer(_success(201), status=201)
    if target.subresource == "binding":
        node = (body.get("target") or {}).get("name")
        if not node:
            cause = ("FieldValueRequired", "Required value", "target.name")
            raise errors.invalid("Binding", "", target.name, [cause])
        registry.bind(target.namespace, target.name, str(node), dry_run=options.dry_run)
        return call.answer(_success(201), status=201)
    created = call.registry.create(
        target.row.plural,
        target.namespace,
        body,
        dry_run=options.dry_run,
        writer=options.writer,
    )
    return call.answer(created, status=201)


async def replace(call: http_context.Call) -> web.Response:
    """PUT of an object or its status.

    Raises:
        errors.StatusError: 400, 404, 409, 415, 422.
    """
    options = http_options.Options(call, "UpdateOptions")
    body = await _object(call, options)
    target = call.target
    stored = call.registry.replace(
        target.row.plural,
        target.namespace,
        target.name,
        body,
        subresource=target.subresource,
        dry_run=options.dry_run,
        writer=options.writer,
    )
    return call.answer(stored)


async def patch(call: http_context.Call) -> web.Response:
    """PATCH of an object or its status: in the three ways, or as an apply.

    Raises:
        errors.StatusError: 400, 404, 409, 415, 422.
    """
    if call.request.content_type == http_apply.MEDIA_TYPE:
        return await http_apply.apply(call)
    kind = PATCH_TYPES.get(call.request.content_type)
    if kind is None:
        raise unsupported_media()
    options = http_options.Options(call, "PatchOptions")
    if "force" in call.query:
        message = "Forbidden: may not be specified for non-apply patch"
        raise http_options.invalid("PatchOptions", "FieldValueForbidden", message, "force")
    text = await call.request.read()
    target = call.target
    # The real server looks for the object before it reads the patch.
    call.context.registry.get(target.row.plural, target.namespace, target.name)
    body, duplicates = _patch_body(text, kind)

    def decode(fresh: Object) -> objects.Json:
        shown = schemas.go_text(body) if kind == "strategic" else _escaped(fresh)
        checked, unknown = schemas.decoded(
            target.row.kind, fresh, refused=lambda why: _bad_patch(shown, why)
        )
        complaints = [*(f'unknown field "{path}"' for path in unknown), *duplicates]
        if options.field_validation == "Strict" and complaints:
            raise _bad_patch(shown, f"strict decoding error: {', '.join(complaints)}")
        if options.field_validation != "Ignore":
            call.warnings.extend(complaints)
        return checked

    stored = call.registry.patch(
        target.row.plural,
        target.namespace,
        target.name,
        body,
        kind=kind,
        subresource=target.subresource,
        dry_run=options.dry_run,
        decode=decode,
        writer=options.writer,
    )
    return call.answer(stored)


async def delete(call: http_context.Call) -> web.Response:
    """DELETE of one object.

    Raises:
        errors.StatusError: 400, 404, 409, 422.
    """
    options = http_options.of_delete(call, await _delete_options(call))
    target = call.target
    gone = call.registry.delete(
        target.row.plural,
        target.namespace,
        target.name,
        grace_seconds=options.grace_seconds,
        uid=options.uid,
        resource_version=options.resource_version,
        propagation=options.propagation,
        dry_run=options.dry_run,
    )
    return call.answer(gone)


async def delete_collection(call: http_context.Call) -> web.Response:
    """DELETE of all objects of a collection that the selectors mean.

    Raises:
        errors.StatusError: 400, 409, 422.
    """
    options = http_options.of_delete(call, await _delete_options(call))
    row, registry = call.row, call.registry
    selected = selectors.predicate(
        call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""), row
    )
    found = [
        obj
        for obj in registry.store.list(row.plural, call.target.namespace or None)
        if selected is None or selected(obj)
    ]
    for obj in found:
        namespace, name = store.key_of(obj)
        registry.delete(
            row.plural,
            namespace,
            name,
            grace_seconds=options.grace_seconds,
            uid=options.uid,
            resource_version=options.resource_version,
            propagation=options.propagation,
            dry_run=options.dry_run,
        )
    metadata = {"resourceVersion": str(registry.store.revision)}
    body = http_forms.many(row, found, metadata, call.wanted())
    return http_context.reply(body, warnings=call.warnings)


async def review(call: http_context.Call) -> web.Response:
    """A SelfSubjectAccessReview: may the caller do this?

    Raises:
        errors.StatusError: 400, 415, 422.
    """
    body = await read_object(call)
    spec = body.get("spec") or {}
    about, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (about is None) == (path is None):
        message = (
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must "
            "be specified"
        )
        cause = ("FieldValueInvalid", message, "spec.resourceAttributes")
        raise errors.invalid("", call.row.group, "", [cause])
    authorizer, question = call.context.authorizer, _question(call, about or {}, path or {})
    reason = authorizer.reason(question) if isinstance(authorizer, http_access.Explaining) else ""
    answer = {
        "kind": call.row.kind,
        "apiVersion": call.row.api_version,
        "metadata": {},
        "spec": spec,
        "status": {"allowed": authorizer(question)} | ({"reason": reason} if reason else {}),
    }
    return call.answer(answer, status=201)


async def rules_review(call: http_context.Call) -> web.Response:
    """A SelfSubjectRulesReview: what may the caller do in a namespace?

    Raises:
        errors.StatusError: 400, 415.
    """
    body = await read_object(call)
    namespace = str((body.get("spec") or {}).get("namespace", ""))
    if not namespace:
        raise errors.StatusError(400, "BadRequest", "no namespace on request")
    answer = {
        "kind": call.row.kind,
        "apiVersion": call.row.api_version,
        "metadata": {},
        "spec": {},
        "status": http_access.told_rules(call.context.authorizer, call.identity, namespace),
    }
    return call.answer(answer, status=201)


def _question(call: http_context.Call, about: Object, path: Object) -> http_access.Question:
    if path:
        verb, where = str(path.get("verb", "")), str(path.get("path", ""))
        return http_access.Question(call.identity, verb, where, None)
    target = http_paths.Target(
        http_questions.row(str(about.get("group", "")), str(about.get("resource", ""))),
        str(about.get("namespace", "")),
        str(about.get("name", "")),
        str(about.get("subresource", "")),
    )
    return http_access.Question(call.identity, str(about.get("verb", "")), "", target)


def unsupported_media() -> errors.StatusError:
    """The answer to a body in a form that is not spoken here."""
    return errors.StatusError(
        415, "UnsupportedMediaType", "415: Unsupported Media Type", details={}
    )


def _bad_patch(shown: str, why: str) -> errors.StatusError:
    message = f'Invalid value: "{shown}": {why}'
    return errors.invalid("", "", "", [("FieldValueInvalid", message, "patch")])


def _escaped(obj: Object) -> str:
    return json.dumps(json.dumps(obj, separators=(",", ":")))[1:-1]


def _patch_body(text: bytes, kind: patches.Kind) -> tuple[objects.Json, list[str]]:
    try:
        body, duplicates = schemas.parsed(text)
    except ValueError as failure:
        prefix = "" if kind == "strategic" else "error decoding patch: "
        raise errors.bad_request(f"{prefix}{schemas.go_complaint(text)}") from failure
    return body, duplicates


async def read_object(call: http_context.Call) -> objects.Json:
    """The object that is posted, checked against its kind.

    Raises:
        errors.StatusError: 400, 415, 422.
    """
    return await _object(call, http_options.Options(call, "CreateOptions"))


async def _object(call: http_context.Call, options: http_options.Options) -> objects.Json:
    if call.request.content_type not in BODY_TYPES:
        raise unsupported_media()
    text = await call.body()
    row: resources.Resource = call.row
    try:
        body, duplicates = parsed(call, text)
    except ValueError as failure:
        raise errors.bad_request(_unreadable(row, str(failure))) from failure
    if not isinstance(body, dict):
        raise errors.bad_request(
            "couldn't get version/kind; json parse error: json: cannot unmarshal "
            f"{patches.go_type(body)} into Go value of type struct"
        )
    _check_kind(call, body)
    kind = _POSTED.get(call.target.subresource, (row.kind, ""))[0]
    checked, unknown = schemas.decoded(
        kind, body, refused=lambda why: errors.bad_request(_unreadable(row, why))
    )
    complaints = [*(f'unknown field "{path}"' for path in unknown), *duplicates]
    if options.field_validation == "Strict" and complaints:
        raise errors.bad_request(
            _unreadable(row, f"strict decoding error: {', '.join(complaints)}")
        )
    if options.field_validation != "Ignore":
        call.warnings.extend(complaints)
    return checked


def parsed(call: http_context.Call, text: bytes) -> tuple[objects.Json, list[str]]:
    """What is sent as YAML or else as JSON, and a complaint for every key given twice.

    Raises:
        ValueError: it is neither, in the real server's words.
    """
    if call.request.content_type == _YAML:
        return yamlbody.read(text)
    try:
        return schemas.parsed(text)
    except ValueError as failure:
        raise ValueError(schemas.go_complaint(text)) from failure


def _unreadable(row: resources.Resource, why: str) -> str:
    return f'{row.kind} in version "{row.version}" cannot be handled as a {row.kind}: {why}'


def _check_kind(call: http_context.Call, body: Object) -> None:
    row = call.row
    expected = _POSTED.get(call.target.subresource, (row.kind, row.api_version))
    kind, version = body.get("kind") or expected[0], body.get("apiVersion") or expected[1]
    if (kind, version) == expected or (kind == expected[0] and (kind, version) in _STILL_ACCEPTED):
        return
    group = f"{row.group}/" if row.group else "/"
    raise errors.bad_request(
        f"the API version in the data ({version}) does not match the expected API version "
        f"({row.api_version})"
        if version != row.api_version
        else f'{kind} in version "{row.version}" cannot be handled as a {row.kind}: no kind '
        f'"{kind}" is registered for the expected group {group}'
    )


async def _delete_options(call: http_context.Call) -> objects.Json:
    text = await call.body()
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as failure:
        raise errors.bad_request(schemas.go_complaint(text)) from failure


def _success(code: int) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": code,
    }


HANDLERS: dict[str, Callable[[http_context.Call], Awaitable[web.Response]]] = {
    "create": create,
    "update": replace,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
"""By verb."""
