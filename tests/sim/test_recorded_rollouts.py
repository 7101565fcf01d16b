"""Rolling updates, write by write, against what a real cluster was recorded to do."""

import pytest

from tests.sim import api, conducted, recorded, stories


@pytest.mark.parametrize(
    "name",
    [
        "04a-rolling-update",
        "04b-rolling-update-with-unavailable-pods",
        "04c-bad-template-and-repair",
        "04d-on-delete",
    ],
)
async def test_a_rollout_is_told_and_watched_as_recorded(name: str) -> None:
    conductor = conducted.Conductor(name)
    async with api.serving(objects=conductor.objects) as server:
        with conductor.controllers():
            replay = recorded.Replay(
                name,
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                known=conductor.known,
                before=dict.fromkeys(range(len(conductor.exchanges)), conductor.before),
            )
            stories.check(await replay.run(), name)
