"""Who may do what, against what a real API server was recorded to answer."""

import copy
from typing import Any

from bot.sim.cluster import policystatus, rbac
from tests.sim import accounts, api, parts, recorded, stories
from tests.sim.recorded import Replay

NAME = "09-access"
BOT = "system:serviceaccount:kube-system:flannel-bot"


async def test_who_may_what_is_answered_as_recorded() -> None:
    story = recorded.story(NAME)["exchanges"]
    objects = stories.NamesInOrder({})
    objects.create("namespaces", "", {"metadata": {"name": "shop"}})
    known = stories.leave(objects, _before(story[22]["response"]["body"]))
    clock = parts.StoppedClock()
    accounts.begin(objects)
    authorizer = rbac.Authorizer(objects.store)
    async with api.serving(objects=objects, authorizer=authorizer) as server:

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
            tokens={BOT: "<token-1>", "a bad token": "bad", "no token": None},
            known=known,
            before={30: the_policy_is_looked_through, 34: its_controller_has_seen_it},
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
