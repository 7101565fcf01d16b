"""People and groups of people: the `users` and `usergroups` families."""

from typing import Any

from bot.sim.slack import calls, errors, people, shapes, world
from bot.sim.slack.methods import paging

Json = dict[str, Any]


def _shape(whole: world.World, person: people.Person) -> Json:
    shared = any(
        {person.id, people.BOT_USER} <= channel.members
        for channel in whole.space.channels.values()
        if not channel.is_im
    )
    return shapes.person(person, shares_a_channel=shared)


def _info(whole: world.World, call: calls.Call) -> Json:
    person = whole.space.people.get(call.need("user"))
    if person is None:
        raise errors.ApiError("user_not_found")
    return {"user": _shape(whole, person)}


def _list(whole: world.World, call: calls.Call) -> Json:
    part, cursor = paging.page(tuple(whole.space.people.values()), call)
    return {
        "members": [_shape(whole, person) for person in part],
        "cache_ts": 0,
        "response_metadata": {"next_cursor": cursor},
    }


def _groups(whole: world.World, call: calls.Call) -> Json:
    with_users = call.flag("include_users")
    groups = whole.space.groups.values()
    return {"usergroups": [shapes.group(group, with_users=with_users) for group in groups]}


def _group_users(whole: world.World, call: calls.Call) -> Json:
    group = whole.space.groups.get(call.need("usergroup"))
    if group is None:
        raise errors.ApiError("no_such_subteam")
    return {"users": list(group.users)}


_GROUPS = ("usergroups:read",)

METHODS = (
    calls.Method(name="users.info", run=_info, scopes=("users:read",), tier=4),
    calls.Method(name="users.list", run=_list, scopes=("users:read",), tier=2),
    calls.Method(name="usergroups.list", run=_groups, scopes=_GROUPS, tier=2),
    calls.Method(name="usergroups.users.list", run=_group_users, scopes=_GROUPS, tier=2),
)
