"""Leases as a lock, against what a real API server was recorded to answer."""

from tests.sim import api, recorded, stories


async def test_leases_are_guarded_and_their_times_read_as_recorded() -> None:
    async with api.serving() as server:
        replay = recorded.Replay(
            "08-leases",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
        )
        stories.check(await replay.run(), "08-leases")
