"""The servers that the bot is measured against, each a process of its own.

`python -m tests.bench.servers cluster DIRECTORY` serves API servers of generated objects,
`... slack` a pretend Slack. Both say READY and then obey lines of JSON on stdin; a write is
stamped the moment it is in the server's memory, before anybody was told of it.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.sim.cluster import certificates, http, http_access, objects, registry, store
from bot.sim.slack import people, serve, workspace
from tests.bench import objects as made

TOKEN = "bench-token"
_TICK = 0.02


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Recalling(http.ApiServer):
    """Answers each GET from the bytes of its first answer: what is left is sending."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._answers: dict[tuple[str, str], tuple[bytes, str]] = {}
        """Body and Content-Type, in which kubectl reads what form of discovery it was given."""

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        key = (request.path_qs, request.headers.get("Accept", ""))
        known = self._answers.get(key)
        if known is not None:
            body, form = known
            return web.Response(body=body, headers={"Content-Type": form})
        answer = await super()._handle(request)
        if isinstance(answer, web.Response) and answer.status == 200 and answer.body:
            self._answers[key] = bytes(answer.body), answer.headers["Content-Type"]
        return answer


class Cluster:
    """One API server full of generated objects, without anything behind it."""

    def __init__(
        self, pair: certificates.Certificates, *, nodes: int, deployments: int, recall: bool
    ) -> None:
        self.store = store.Store(window=20_000)
        api = registry.Registry(self.store, rng=random.Random(1))
        for resource, obj in made.cluster(nodes, deployments=deployments):
            self.put(resource, obj)
        self.nodes, self.beaten, self.churned = nodes, 0, 0
        self._single = [
            obj for obj in self.store.list("pods") if obj["metadata"]["name"].startswith("service-")
        ]
        self.server = (Recalling if recall else http.ApiServer)(
            api,
            certificates=pair,
            tokens=http_access.Tokens({TOKEN: http_access.ADMIN}),
        )

    def put(self, resource: str, obj: dict[str, Any]) -> None:
        version = str(self.store.next_revision())
        metadata = {**obj["metadata"], "resourceVersion": version}
        self.store.put(resource, objects.Stored({**obj, "metadata": metadata}))

    def kill(self, number: int) -> tuple[str, float]:
        """Write that a single pod was OOM-killed; return its workload and when that was written."""
        pod = self._single[number]
        struck = made.killed(pod, at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        at = time.time()
        self.put("pods", struck)
        return pod["metadata"]["labels"]["app"], at

    def beat(self) -> None:
        """Write one node's status as its kubelet does though nothing has changed."""
        name = made.node_name(self.beaten % self.nodes)
        self.beaten += 1
        node = self.store.get("nodes", "", name)
        assert node is not None
        beat = made.conditions(beat=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.put("nodes", {**node, "status": {**node["status"], "conditions": beat}})

    def churn(self) -> None:
        """Write a change that must be judged: a pod's readiness turns."""
        self.churned += 1
        pods = self.store.list("pods", made.SYSTEM)
        pod = pods[self.churned * 7919 % len(pods)]
        told = pod["status"]["containerStatuses"]
        turned = [{**told[0], "ready": not told[0]["ready"]}, *told[1:]]
        self.put("pods", {**pod, "status": {**pod["status"], "containerStatuses": turned}})


class Load:
    """Something written again and again at a steady rate, in small batches."""

    def __init__(self, write: Callable[[], None]) -> None:
        self._write, self._task = write, None

    def at(self, rate: float) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if rate:
            self._task = asyncio.create_task(self._run(rate))

    async def _run(self, rate: float) -> None:
        began, done = time.monotonic(), 0
        while True:
            await asyncio.sleep(_TICK)
            due = int((time.monotonic() - began) * rate)
            # A held-up loop does not write all that it missed at once.
            began += max(0.0, (due - done - rate)) / rate
            for _ in range(min(due - done, int(rate) or 1)):
                self._write()
                done += 1


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _obey(obey: Callable[[dict[str, Any]], None]) -> None:
    """Do what stdin says until it ends or SIGTERM comes."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    reader = await _stdin()

    async def listen() -> None:
        async for line in reader:
            obey(json.loads(line))
        over.set()

    listening = asyncio.create_task(listen())
    await over.wait()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening


async def serve_clusters(given: argparse.Namespace) -> None:
    pair = certificates.issue()
    clusters = [
        Cluster(pair, nodes=given.nodes, deployments=given.deployments, recall=given.recall)
        for _ in range(given.clusters)
    ]
    files = []
    for number, one in enumerate(clusters):
        await one.server.start()
        file = Path(given.directory) / f"cluster-{number}.json"
        file.write_text(json.dumps(one.server.kubeconfig(TOKEN)))
        files.append(str(file))
    beats = [Load(one.beat) for one in clusters]
    churns = [Load(one.churn) for one in clusters]

    def obey(told: dict[str, Any]) -> None:
        if told["do"] == "kill":
            workload, at = clusters[told["cluster"]].kill(told["number"])
            say(workload=workload, at=at)
        elif told["do"] == "load":
            for each in beats:
                each.at(told.get("beats", 0))
            for each in churns:
                each.at(told.get("churns", 0))
            say(beaten=sum(c.beaten for c in clusters), churned=sum(c.churned for c in clusters))
        elif told["do"] == "written":
            say(beaten=sum(c.beaten for c in clusters), churned=sum(c.churned for c in clusters))

    try:
        say(kubeconfigs=files)
        await _obey(obey)
    finally:
        for one in clusters:
            await one.server.stop()


async def serve_slack(given: argparse.Namespace) -> None:
    async with serve.SimulatedSlack(serve.SlackOptions(port=0)) as slack:
        space = slack.world.space
        channels = [f"C0BENCH{number:02d}" for number in range(given.channels)]
        for name in channels:
            space.channels[name] = people.Channel(
                id=name, name=name.lower(), members=people.STAFF | {people.BOT_USER}
            )

        def heard(change: workspace.Change) -> None:
            message = change.message
            if change.kind == "posted" and message is not None and message.user == people.BOT_USER:
                say(
                    heard="posted",
                    at=float(message.ts),
                    channel=change.channel,
                    thread=message.thread_ts is not None,
                    text=json.dumps([message.text, message.blocks]),
                )

        if given.channels:
            space.listen(heard)
        say(**slack.ready(), bench_channels=channels)
        await _obey(lambda _: None)


def main() -> None:
    parser = argparse.ArgumentParser()
    parts = parser.add_subparsers(required=True)
    cluster = parts.add_parser("cluster")
    cluster.add_argument("directory")
    cluster.add_argument("--clusters", type=int, default=1)
    cluster.add_argument("--nodes", type=int, default=20)
    cluster.add_argument("--deployments", type=int, default=0)
    cluster.add_argument("--recall", action="store_true")
    cluster.set_defaults(run=serve_clusters)
    slack = parts.add_parser("slack")
    slack.add_argument("--channels", type=int, default=0)
    slack.set_defaults(run=serve_slack)
    given = parser.parse_args()
    asyncio.run(given.run(given))


if __name__ == "__main__":
    main()
