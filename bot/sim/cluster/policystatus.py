"""The controller that has looked through new admission policies, and writes so in their status."""

from __future__ import annotations

from collections.abc import Hashable

from bot.sim.cluster import context, policies, store


class PolicyStatus:
    """Looks after every policy.

    The real one compares the types of what expressions name; here they are read when they are
    stored, and nothing more is found.
    """

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._queue = context.Queue(ctx.clock, self._sync, what="policy")

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        if change.resource == policies.PLURAL and change.type != "DELETED":
            self._queue.add(change.object["metadata"]["name"])

    def _sync(self, key: Hashable) -> None:
        assert isinstance(key, str)
        policy = self._ctx.api.store.get(policies.PLURAL, "", key)
        if policy is None:
            return
        generation = policy["metadata"]["generation"]
        if policy["status"].get("observedGeneration") == generation:
            return
        status = {"observedGeneration": generation, "typeChecking": {}}
        self._ctx.api.replace(
            policies.PLURAL, "", key, policy | {"status": status}, subresource="status"
        )
