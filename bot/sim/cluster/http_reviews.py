"""Reviews of oneself: what one may do, and who one is. Asked and answered, never stored."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sim.cluster import http_context, http_forms, http_writes


async def who(call: http_context.Call) -> web.Response:
    """A SelfSubjectReview: who the server takes the caller for.

    Raises:
        errors.StatusError: 400, 415, 422.
    """
    await http_writes.read_object(call)
    body = {
        "kind": call.row.kind,
        "apiVersion": call.row.api_version,
        "metadata": {"creationTimestamp": call.context.registry.now()},
        "status": {"userInfo": call.identity.told()},
    }
    return http_context.reply(http_forms.encode(body), status=201)


HANDLERS: dict[str, Callable[[http_context.Call], Awaitable[web.Response]]] = {
    "selfsubjectaccessreviews": http_writes.review,
    "selfsubjectrulesreviews": http_writes.rules_review,
    "selfsubjectreviews": who,
}
"""By resource."""
