"""Server-side apply over HTTP: reading what is wanted, judging it, answering."""

from aiohttp import web

from bot.sim.cluster import (
    errors,
    fieldsets,
    http_context,
    http_options,
    objects,
    ownership,
    schemas,
    yamlbody,
)

Object = objects.Object
MEDIA_TYPE = "application/apply-patch+yaml"


async def apply(call: http_context.Call) -> web.Response:
    """PATCH with all that one manager wants of an object; creates it if it is not there.

    Raises:
        errors.StatusError: 400, 404, 409 (others' fields), 422, and 500 for unknown fields.
    """
    options = http_options.Options(call, "PatchOptions")
    if not call.query.get("fieldManager"):
        message = "Required value: is required for apply patch"
        raise http_options.invalid("PatchOptions", "FieldValueRequired", message, "fieldManager")
    row, target = call.row, call.target
    body, repeated = _read(await call.request.read())
    metadata = body.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise errors.bad_request("error decoding YAML: metadata is no object")
    if body.get("apiVersion") != row.api_version:
        raise errors.bad_request(
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{body.get('apiVersion') or '/'}, expected: {row.api_version}"
        )
    if body.get("kind") != row.kind:
        raise errors.bad_request(f"the kind in the patch is {body.get('kind')}, not {row.kind}")
    if metadata.get("managedFields") is not None:
        raise errors.bad_request("metadata.managedFields must be nil")
    metadata.setdefault("name", target.name)
    _check_typed(call, body)
    if repeated and options.field_validation == "Strict":
        lines = "".join(f"\n  {line}" for line in repeated)
        raise errors.bad_request(
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:"
            + lines
        )
    if options.field_validation != "Ignore":
        call.warnings.extend(repeated)
    force = call.query.get("force") in {"true", "1"}
    stored, new = call.registry.apply(
        row.plural,
        target.namespace,
        target.name,
        body,
        ownership.Writer(options.writer.name, "Apply", force=force),
        subresource=target.subresource,
        dry_run=options.dry_run,
    )
    return call.answer(stored, status=201 if new else 200)


def _read(text: bytes) -> tuple[Object, list[str]]:
    """The patch, and a complaint for every key given twice.

    Raises:
        errors.StatusError: 400.
    """
    try:
        body, repeated = yamlbody.read(text)
    except ValueError as failure:
        raise errors.bad_request(f"error decoding YAML: {failure}") from failure
    if not isinstance(body, dict):
        raise errors.bad_request("error decoding YAML: the patch is no object")
    return body, repeated


def _check_typed(call: http_context.Call, body: Object) -> None:
    """An apply with a field that nobody knows is refused in any case, and without a reason."""
    row, metadata = call.row, body["metadata"]
    about = f"{metadata.get('namespace', '')}/{metadata['name']}; {row.api_version}"
    prefix = f"failed to create typed patch object ({about}, Kind={row.kind}): "

    def refused(why: str) -> errors.StatusError:
        return errors.StatusError(500, "", prefix + why)

    _, unknown = schemas.decoded(row.kind, body, refused=refused)
    found = [f".{path}: field not declared in schema" for path in unknown]
    if row.kind in schemas.structs():
        found += fieldsets.faults(fieldsets.Node(body, row.kind))
    if found:
        raise refused(found[0] if len(found) == 1 else "errors:\n  " + "\n  ".join(found))
