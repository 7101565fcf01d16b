"""Asking as somebody else, as `kubectl --as` does: whether one may, and whose rights count then.

Source: apiserver's pkg/endpoints/filters/impersonation.go. Extra attributes of users are not kept
here, and so cannot be asked for.
"""

from collections.abc import Iterator

from aiohttp import web

from bot.sim.cluster import errors, http_access, http_context, http_paths, http_questions

_USER, _GROUP, _UID = "Impersonate-User", "Impersonate-Group", "Impersonate-Uid"
_EXTRA = "impersonate-extra-"
_ACCOUNT = "system:serviceaccount:"
_ACCOUNTS = "system:serviceaccounts"
_IN, _OUT = "system:authenticated", "system:unauthenticated"


def acting(
    context: http_context.Context, identity: http_access.Identity, request: web.BaseRequest
) -> http_access.Identity:
    """Whose rights count for a request that somebody makes.

    Raises:
        errors.StatusError: 400, 403 (may not ask as that one), 500 (as a group of nobody).
    """
    headers = request.headers
    if any(name.lower().startswith(_EXTRA) for name in headers):
        raise errors.bad_request("extra attributes of users cannot be asked for here")
    user, uid = headers.get(_USER, ""), headers.get(_UID, "")
    groups = headers.getall(_GROUP, [])
    if not user:
        if groups or uid:
            why = "requested groups or a uid without impersonating a user"
            text = f'Internal Server Error: "{request.path}": {why}'
            raise errors.StatusError(500, "InternalError", text, details={})
        return identity
    for target in _targets(user, groups, uid):
        question = http_access.Question(identity, "impersonate", request.path, target)
        if not context.authorizer(question):
            raise http_access.forbidden(context.authorizer, question)
    return http_access.Identity(user, _groups(user, groups), uid=uid)


def _targets(user: str, groups: list[str], uid: str) -> Iterator[http_paths.Target]:
    """Everything that one must be allowed to impersonate."""
    account = _account(user)
    if account is not None:
        yield http_paths.Target(http_questions.row("", "serviceaccounts"), *account)
    else:
        yield http_paths.Target(http_questions.row("", "users"), name=user)
    for group in groups:
        yield http_paths.Target(http_questions.row("", "groups"), name=group)
    if uid:
        yield http_paths.Target(http_questions.row("authentication.k8s.io", "uids"), name=uid)


def _account(user: str) -> tuple[str, str] | None:
    """Namespace and name of the service account that a user is."""
    namespace, colon, name = user.removeprefix(_ACCOUNT).partition(":")
    known = user.startswith(_ACCOUNT) and colon and namespace and name and ":" not in name
    return (namespace, name) if known else None


def _groups(user: str, asked: list[str]) -> tuple[str, ...]:
    account = _account(user)
    groups = asked
    if account is not None and not asked:
        groups = [_ACCOUNTS, f"{_ACCOUNTS}:{account[0]}"]
    if {_IN, _OUT} & set(groups):
        return tuple(groups)
    return (*groups, _OUT if user == http_access.ANONYMOUS.user else _IN)
