"""Who may do what, against what a real API server was recorded to answer.

Left out are the exchanges that make the rules: roles, bindings and tokens come from the server's
own settings here.
"""

import copy
from typing import Any

from bot.sim.cluster import http_access, policystatus
from tests.sim import api, parts, recorded, stories
from tests.sim.recorded import Replay

NAME = "09-access"
BOT = "system:serviceaccount:kube-system:flannel-bot"
READS = ("get", "list", "watch")
BOUND = (
    'RBAC: allowed by RoleBinding "flannel-bot/kube-system" of Role "flannel-bot" to '
    'ServiceAccount "flannel-bot/kube-system"'
)
RULES = http_access.Rules(
    http_access.Rule(READS, ("apps",), ("daemonsets",), "kube-system", reason=BOUND),
    http_access.Rule(
        ("patch",), ("apps",), ("daemonsets",), "kube-system", ("kube-flannel-ds-amd64",), BOUND
    ),
    http_access.Rule(READS, ("",), ("pods",), "kube-system", reason=BOUND),
    user=BOT,
)
MAKING_RULES = {1, 2, 3, 4}


async def test_who_may_what_is_answered_as_recorded() -> None:
    story = recorded.story(NAME)["exchanges"]
    objects = stories.NamesInOrder({})
    objects.create("namespaces", "", {"metadata": {"name": "shop"}})
    known = stories.leave(objects, _before(story[22]["response"]["body"]))
    clock = parts.StoppedClock()
    async with api.serving(objects=objects, authorizer=RULES) as server:

        async def its_token_is_made(replay: Replay) -> None:
            values = replay.bindings.values | {"uid-4": "5cc4e9b1-8a2c-4f7e-9d55-2f0f7d3f6a10"}
            replay.bindings.values = values
            groups = ("system:serviceaccounts", "system:serviceaccounts:kube-system")
            server.server.tokens.add(
                "bot",
                http_access.Identity(
                    BOT,
                    (*groups, "system:authenticated"),
                    uid=values["uid-1"],
                    credential=f"JTI={values['uid-4']}",
                ),
            )

        async def the_policy_is_looked_through(_: Replay) -> None:
            clock.run(2.0)

        async def its_controller_has_seen_it(_: Replay) -> None:
            status = story[34]["response"]["body"]["status"]
            place = ("daemonsets", "kube-system", "kube-flannel-ds-amd64")
            objects.patch(*place, {"status": status}, kind="merge", subresource="status")

        replay = Replay(
            NAME,
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
            tokens={BOT: "bot", "a bad token": "bad", "no token": None},
            known=known,
            before={
                5: its_token_is_made,
                30: the_policy_is_looked_through,
                34: its_controller_has_seen_it,
            },
            skip=MAKING_RULES,
        )
        # The recording script did not note who opened its watches.
        replay.exchanges[17]["request"]["identity"] = BOT
        with parts.controllers(objects, clock=clock, only=policystatus.PolicyStatus):
            stories.check(await replay.run(), NAME)


def _before(patched: dict[str, Any]) -> dict[str, Any]:
    """The DaemonSet before the dry run whose answer this is."""
    found = copy.deepcopy(patched)
    found["metadata"]["generation"] -= 1
    found["metadata"]["annotations"] = {"deprecated.daemonset.template.generation": "10"}
    found["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "80Mi"
    return found
