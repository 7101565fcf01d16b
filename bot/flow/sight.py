"""What is known of a cluster's network: the nodes by the names people use, and looks at them."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from bot import checks
from bot.domain import errors, nearest, snapshot
from bot.flannel import discovery, inspection, recent, study
from bot.flow import network_answers as answers
from bot.flow import ports

T = TypeVar("T")

_BESIDE = 30
"""Judging more nodes than this is done in a thread: it takes a tenth of a second or more."""


class Sight:
    """One cluster, by its mirror and by deep looks.

    Args:
        mirror: what Kubernetes says of it.
        looks: deep looks at its nodes.
        limits: which looks still count.
        private: prefixes that announced addresses must be in; none for any.
        lately: who announced something else lately, and who left, as of a snapshot.
    """

    def __init__(
        self,
        mirror: ports.Mirror,
        looks: ports.Inspections,
        *,
        limits: checks.Limits,
        private: tuple[str, ...] = (),
        lately: Callable[[snapshot.Snapshot], recent.Recent] = lambda _: recent.Recent(),
    ) -> None:
        self._lately = lately
        self._mirror = mirror
        self._looks = looks
        self._limits = limits
        self._private = private

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self._mirror.cluster

    async def whole(self, *, nodes: bool = False) -> checks.Context:
        """What is known of the cluster without looking.

        With `nodes`, refuses where the list of nodes is not whole: what is missing from it would
        be taken for a route too many.
        """
        listed = self.listed(nodes=nodes)
        found = listed.flannels
        confs = {}
        for namespace in dict.fromkeys(one.namespace for one in found):
            conf = await self._looks.net_conf(namespace)
            if conf is not None:
                confs[namespace] = conf
        return replace(listed, net_confs=confs)

    def listed(self, *, nodes: bool = False) -> checks.Context:
        """What Kubernetes lists of the cluster, without asking it anything more.

        Raises Unavailable for `nodes` as `whole`, Refused where no flannel is seen.
        """
        taken = self._mirror.snapshot()
        if nodes:
            for gap in taken.gaps:
                if gap.covers("nodes", "", "") and not gap.name:
                    raise errors.Unavailable(
                        f"the nodes cannot be listed now, so nothing can be compared: {gap.reason}"
                    )
        found = discovery.find(taken)
        if not found:
            notes = discovery.out_of_reach(taken, found)
            raise errors.Refused(
                f"no flannel DaemonSet is seen in {self._mirror.cluster}", *notes,
                *(f"{gap.what}: {gap.reason}" for gap in taken.gaps[:2]),
            )  # fmt: skip
        return checks.Context(
            snapshot=taken,
            limits=self._limits,
            private_cidrs=self._private,
            recent=self._lately(taken),
        )

    def node(self, where: checks.Context, word: str) -> str:
        """Return the name of the node that is meant, if flannel serves it."""
        taken = where.snapshot
        also = {ip: one.name for one in taken.nodes.values() for ip in one.internal_ips}
        name = nearest.resolve(word, taken.nodes, also=also)
        if isinstance(name, nearest.Missing):
            gaps = [
                f"the list of nodes is not whole: {gap.reason}"
                for gap in taken.gaps
                if gap.covers("nodes", "", "")
            ]
            raise errors.Refused(name.sentence("node"), *gaps)
        if name not in where.flannel_on:
            raise errors.Refused(
                f"no flannel DaemonSet serves {name}",
                *_instead(name, where.flannel_on),
                *discovery.out_of_reach(taken, where.flannels),
            )
        return name

    def near(self, word: str) -> tuple[str, ...]:
        """Return the nodes that a word may have meant, none where none is like it."""
        found = nearest.resolve(word, self._mirror.snapshot().nodes)
        return found.near if isinstance(found, nearest.Missing) else (found,)

    def pod(self, where: checks.Context, name: str) -> snapshot.Pod:
        """Return flannel's pod on a node that it serves. Raises Refused where there is none."""
        pod = where.flannel_pods.get(name)
        if pod is None:
            raise self.without_pod(where, name)
        return pod

    def without_pod(self, where: checks.Context, name: str) -> errors.Refused:
        """Say of a node that it has no flannel pod now, and which nodes could have been meant."""
        return errors.Refused(
            f"node {name} has no flannel pod now", *_instead(name, where.flannel_pods)
        )

    async def one(
        self, where: checks.Context, word: str, *, max_age: timedelta
    ) -> tuple[str, inspection.Inspection, study.Study]:
        """Look at the node that is meant, not longer ago than that, and judge what is seen."""
        name = self.node(where, word)
        self.pod(where, name)
        seen = await self._looks.node(name, max_age=_since_change(where, max_age))
        judged = await beside(lambda: where.judged(seen), len(where.snapshot.nodes) // 20)
        return name, seen, judged

    async def everybody(
        self, max_age: timedelta, progress: ports.Progress | None, *, nodes: bool = False
    ) -> tuple[checks.Context, answers.Coverage]:
        """Look at every node that flannel serves, and return what is known then."""
        before = await self.whole(nodes=nodes)
        names, max_age = sorted(before.flannel_on), _since_change(before, max_age)
        found = await self._looks.nodes(names, max_age=max_age, progress=progress)
        # What nodes announce is taken after the looks, and with it who is there at all.
        after = await self.whole(nodes=nodes)
        seen, unseen = {}, {}
        for name, one in found.items():
            node = after.snapshot.nodes.get(name)
            if node is None or name not in after.flannel_on:
                continue
            if not isinstance(one, inspection.Inspection):
                unseen[name] = one
            elif one.taken_at < node.created_at:
                unseen[name] = "the node was made anew while it was looked at"
            else:
                seen[name] = one
        stamps = [one.taken_at for one in seen.values()]
        coverage = answers.Coverage(
            population=len(seen) + len(unseen),
            seen=len(seen),
            oldest=min(stamps, default=None),
            newest=max(stamps, default=None),
            ways=dict(Counter(one.way for one in seen.values())),
            unseen=dict(sorted(unseen.items())),
            problems=dict(_problems(after, seen).most_common()),
        )
        return replace(after, inspections=seen), coverage


def _since_change(where: checks.Context, max_age: timedelta) -> timedelta:
    """How old a look may be that has seen what all nodes had to follow last."""
    newest = where.recent.newest
    return max_age if newest is None else max(timedelta(0), min(max_age, where.now - newest))


def _instead(name: str, served: Iterable[str]) -> Iterator[str]:
    """Say which nodes could have been meant that flannel is on."""
    near = nearest.like(name, served)
    if near:
        yield f"the nearest that have one are {', '.join(near)}"


def _problems(where: checks.Context, seen: Mapping[str, inspection.Inspection]) -> Counter[str]:
    """Count what could not be seen of nodes; it often differs by the pod's name alone."""
    counted: Counter[str] = Counter()
    for name, one in seen.items():
        pod = where.flannel_pods.get(name)
        own = [name, *([pod.name] if pod else [])]
        for told in one.problems:
            problem = told
            # The longer name first: a pod's may hold its node's.
            for word in sorted(own, key=len, reverse=True):
                problem = re.sub(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", "…", problem)
            counted[problem] += 1
    return counted


async def beside(judged: Callable[[], T], nodes: int) -> T:
    """Judge so many nodes: beside the loop where it would stand still too long."""
    return await asyncio.to_thread(judged) if nodes > _BESIDE else judged()
