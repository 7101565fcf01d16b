"""Whose a request is, by its token; and tokens that service accounts are given on request."""

from datetime import timedelta

from aiohttp import web

from bot.sim.cluster import (
    errors,
    http_access,
    http_context,
    http_forms,
    http_options,
    http_writes,
    objects,
    registry,
    servicetokens,
)

_HOUR = 3600
_SHORTEST = 600
_LONGEST = 1 << 32
_KEPT = ("name", "namespace", "uid")


def identified(context: http_context.Context, request: web.BaseRequest) -> http_access.Identity:
    """Whose request this is.

    Raises:
        errors.StatusError: 401.
    """

    def of_account(token: str) -> http_access.Identity | None:
        return context.issuer.identify(token, now=context.clock())

    return context.tokens.identify(request.headers.get("Authorization"), of_account)


async def request(call: http_context.Call) -> web.Response:
    """A TokenRequest: a token for a service account.

    Raises:
        errors.StatusError: 400, 404, 415, 422.
    """
    body = await http_writes.read_object(call)
    context, target = call.context, call.target
    account = context.registry.get("serviceaccounts", target.namespace, target.name)
    call.judge_posted(body, dry_run=http_options.Options(call, "CreateOptions").dry_run)
    spec = body.get("spec") or {}
    seconds = spec.get("expirationSeconds", _HOUR)
    _check(seconds)
    if spec.get("boundObjectRef"):
        # A token that outlived what it is bound to would be a lie.
        raise errors.bad_request("tokens that are bound to an object are not made here")
    audiences = spec.get("audiences") or [servicetokens.AUDIENCE]
    now = context.clock()
    token = context.issuer.issue(account, audiences=audiences, seconds=seconds, now=now)
    ends = registry.stamp(now + timedelta(seconds=seconds))
    answer: objects.Object = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            **{key: account["metadata"][key] for key in _KEPT},
            "creationTimestamp": context.registry.now(),
        },
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
        "status": {"token": token, "expirationTimestamp": ends},
    }
    return http_context.reply(http_forms.encode(answer), status=201)


def _check(seconds: int) -> None:
    if seconds < _SHORTEST:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST:
        why = "may not specify a duration larger than 2^32 seconds"
    else:
        return
    cause = ("FieldValueInvalid", f"Invalid value: {seconds}: {why}", "spec.expirationSeconds")
    raise errors.invalid("TokenRequest", "authentication.k8s.io", "", [cause])
