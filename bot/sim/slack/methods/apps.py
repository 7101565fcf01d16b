"""Who am I, and how do I connect: `auth`, `api`, `apps`, `bots` and `team`."""

from typing import Any

from bot.sim.slack import calls, errors, people, shapes, world

Json = dict[str, Any]


def _api_test(_whole: world.World, call: calls.Call) -> Json:
    if call.text("error"):
        raise errors.ApiError(call.text("error"), {"args": dict(call.args)})
    return {"args": dict(call.args)}


def _auth_test(whole: world.World, call: calls.Call) -> Json:
    team = whole.space.teams[people.TEAM]
    answer: Json = {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "team_id": team.id,
        "is_enterprise_install": False,
    }
    if call.token == people.APP_TOKEN:
        return answer | {"app_id": people.APP, "app_name": "flannel-bot"}
    return answer | {
        "user": "flannel-bot",
        "user_id": people.BOT_USER,
        "bot_id": people.BOT,
    }


def _connections_open(whole: world.World, call: calls.Call) -> Json:
    ticket = whole.links.ticket()
    base = "ws" + call.base_url.removeprefix("http")
    return {"url": f"{base}/link/?ticket={ticket}&app_id={people.APP}"}


def _bots_info(_whole: world.World, call: calls.Call) -> Json:
    if call.text("bot", people.BOT) != people.BOT:
        raise errors.ApiError("bot_not_found")
    return {"bot": shapes.bot_profile() | {"user_id": people.BOT_USER}}


def _team_info(whole: world.World, call: calls.Call) -> Json:
    team = whole.space.teams.get(call.text("team", people.TEAM))
    if team is None:
        raise errors.ApiError("team_not_found")
    return {
        "team": {
            "id": team.id,
            "name": team.name,
            "domain": team.domain,
            "url": f"https://{team.domain}.slack.com/",
            "email_domain": "",
            "icon": {"image_default": True},
        }
    }


METHODS = (
    calls.Method(name="api.test", run=_api_test, by="anybody", tier=4),
    calls.Method(name="auth.test", run=_auth_test, by="either", tier=4),
    calls.Method(
        name="apps.connections.open",
        run=_connections_open,
        by="app",
        scopes=("connections:write",),
    ),
    calls.Method(name="bots.info", run=_bots_info, scopes=("users:read",)),
    calls.Method(name="team.info", run=_team_info, scopes=("team:read",)),
)
