"""Who lacks a role is told who could help."""

from typing import Any, cast

from bot.adapters.slack import blocks, rights
from bot.domain.access import Person, Role
from tests.adapters.slack import judge, samples

HELD = {Role.REQUESTER: ("U1", "U2"), Role.APPROVER: ("U2", "U3"), Role.ADMIN: ()}


class Few:
    async def somewhere(self, user: str) -> Person:
        return Person(user, frozenset({Role.VIEWER}))

    async def anybody(self, role: Role) -> tuple[str, ...]:
        return HELD[role]


async def refused(*roles: Role) -> str:
    able = rights.Rights(cast("Any", None), cast("Any", Few()), clock=samples.Clock(), ttl=60)
    page = await able.refusal("U9", roles, channel="D1", what="freeze changes")
    assert page is not None
    return judge.seen(blocks.render(page))


async def test_everybody_is_named_whose_role_would_do_and_nobody_twice() -> None:
    told = await refused(Role.REQUESTER, Role.APPROVER, Role.ADMIN)
    assert "Who may  U1, U2, U3" in told
    assert "Who may  U2, U3" in await refused(Role.APPROVER)


async def test_where_nobody_may_that_is_said() -> None:
    told = await refused(Role.ADMIN)
    assert "access.admins" in told
    assert "Who may" not in told
