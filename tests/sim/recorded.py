"""Replays a recorded story against a server and says where it differs.

The story's placeholders (`uid-1`, `rv-3`, `T+12`, generated names …) are unified with what the
server says: the same placeholder must stand for the same value everywhere, resourceVersions must
keep their order. Times are only compared in form, because a replay runs at its own pace.

What the recording script left unwritten (other nodes, kubelets' writes) is done by hooks, which a
test gives by the index of the exchange before which, or during which, they happen.
"""

import asyncio
import contextlib
import dataclasses
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

STORIES = Path(__file__).parent.parent / "recorded" / "kubernetes-1.36"
PLACEHOLDER = re.compile(
    r"\b(?:uid-(?:\d+|other)|rv-\d+|continue-\d+|hash-\d+)\b"
    r"|(?<![\w.:-])T[+-]\d+(?:\.\d+)?\b"
    r"|(?<=-)(?:pod|vol)\d\d\b|\bevent-\d+\b"
    r"|<(?!none>|invalid>|unknown>)[a-zA-Z]+(?:-\d+)?>"
)
FREE = {
    "<time>",
    "<age>",
    "<object>",
    "<host>",
    "<server>",
    "<gitCommit>",
    "<buildDate>",
    "<goVersion>",
}
FEWER_FIELDS = ("only gitVersion kept", "groups trimmed to name and preferredVersion")
"""Answers that were trimmed in their fields; others are in their lists."""
RECORDER = "contract-recorder"
"""What the recording script called itself, and so the manager of the fields it wrote."""
OTHER_UID = "00000000-0000-4000-8000-000000000000"

Hook = Callable[["Replay"], Awaitable[None]]


def story(name: str) -> dict[str, Any]:
    """One recorded file."""
    text = (STORIES / f"{name}.json").read_text(encoding="utf-8")
    # A cell holds an age that the recorder took for a text.
    text = re.sub(r" \(\d+s ago\)", " (<age> ago)", text)
    # The hash of a template is made by another rule here: what counts is which are equal.
    hashes = re.findall(r'"(?:controller-revision-hash|pod-template-hash)": "(\w+)"', text)
    for number, digest in enumerate(dict.fromkeys(hashes)):
        text = text.replace(digest, f"hash-{number}")
    return json.loads(text)


@dataclasses.dataclass(frozen=True)
class Difference:
    story: str
    exchange: int
    path: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        return (
            f"{self.story}[{self.exchange}] {self.path}: "
            f"recorded {_short(self.expected)}, got {_short(self.actual)}"
        )


@dataclasses.dataclass
class Deviation:
    """Differences that are known and meant, with the reason and how many there may be."""

    story: str
    path: str
    reason: str
    most: int
    exchanges: tuple[int, ...] = ()
    used: int = 0

    def covers(self, difference: Difference) -> bool:
        return (
            re.fullmatch(self.story, difference.story) is not None
            and (not self.exchanges or difference.exchange in self.exchanges)
            and re.fullmatch(self.path, difference.path) is not None
        )


def unlisted(differences: list[Difference], deviations: list[Deviation]) -> list[Difference]:
    """The differences no deviation covers; those that do are counted."""
    left = []
    for difference in differences:
        covering = [item for item in deviations if item.covers(difference)]
        for item in covering:
            item.used += 1
        if not covering:
            left.append(difference)
    return left


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 400 else text[:400] + "…"


def concrete(value: Any, known: Mapping[str, str] | None = None) -> Any:
    """A recorded value with its placeholders filled in; times count from now."""
    if isinstance(value, dict):
        return {key: concrete(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [concrete(item, known) for item in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        name = match.group(0)
        if not name.startswith("T"):
            return (known or {})[name]
        moment = datetime.now(UTC) + timedelta(seconds=float(name[1:]))
        if "." in name:
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    return PLACEHOLDER.sub(fill, value)


def _unmanaged(value: Any) -> Any:
    """An answer as the recordings have it: without the fields' managers."""
    if isinstance(value, dict):
        return {key: _unmanaged(item) for key, item in value.items() if key != "managedFields"}
    if isinstance(value, list):
        return [_unmanaged(item) for item in value]
    return value


class Bindings:
    """Which value each placeholder stands for."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self.values: dict[str, str] = {"uid-other": OTHER_UID, **(known or {})}

    def copy(self) -> "Bindings":
        return Bindings(self.values)

    def bind(self, placeholder: str, value: str) -> bool:
        """Let a placeholder stand for a value; False if that contradicts what is known."""
        if placeholder in FREE:
            return True
        if placeholder.startswith("T"):
            digits = len(placeholder.partition(".")[2])
            fraction = rf"\.\d{{{digits}}}" if digits else ""
            return re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d{fraction}Z", value) is not None
        if placeholder in self.values:
            return self.values[placeholder] == value
        if placeholder.startswith("rv-"):
            if not value.isdigit():
                return False
            if not self._keeps_order(int(placeholder[3:]), int(value)):
                return False
        elif value in self.values.values() and placeholder.startswith("uid-"):
            return False
        self.values[placeholder] = value
        return True

    def _keeps_order(self, number: int, value: int) -> bool:
        for placeholder, known in self.values.items():
            if placeholder.startswith("rv-") and known.isdigit():
                other = int(placeholder[3:])
                if (other < number) != (int(known) < value) or int(known) == value:
                    return False
        return True


def _identity(item: Any) -> str | None:
    """By what an entry of a list is known, if that is not a placeholder."""
    if not isinstance(item, dict):
        return None
    own = [item.get(key) for key in ("name", "resource", "subresource")]
    own.append((item.get("metadata") or {}).get("name"))
    names = [name for name in own if isinstance(name, str) and not PLACEHOLDER.search(name)]
    return names[0] if names else None


class Comparison:
    """One answer held against the recorded one."""

    def __init__(self, bindings: Bindings, *, subset: bool, fewer_fields: bool = False) -> None:
        self.bindings = bindings
        self.subset = subset
        self.fewer_fields = fewer_fields
        self.found: list[tuple[str, Any, Any]] = []

    def compare(self, path: str, expected: Any, actual: Any) -> None:
        if isinstance(expected, dict) and isinstance(actual, dict):
            self._objects(path, expected, actual)
        elif isinstance(expected, list) and isinstance(actual, list):
            self._lists(path, expected, actual)
        elif isinstance(expected, str) and isinstance(actual, str):
            if not self._texts(expected, actual):
                self.found.append((path, expected, actual))
        elif type(expected) is not type(actual) or expected != actual:
            self.found.append((path, expected, actual))

    def _objects(self, path: str, expected: dict[str, Any], actual: dict[str, Any]) -> None:
        expected = {self._named(key): value for key, value in expected.items()}
        # Names first: they carry placeholders that texts further down repeat.
        for key, value in sorted(expected.items(), key=lambda item: item[0] != "metadata"):
            if key not in actual:
                self.found.append((f"{path}.{key}", value, "absent"))
            else:
                self.compare(f"{path}.{key}", value, actual[key])
        for key, value in actual.items():
            if key not in expected and not self.fewer_fields:
                self.found.append((f"{path}.{key}", "absent", value))

    def _named(self, key: str) -> str:
        """A key with those of its placeholders filled in that are known."""
        return PLACEHOLDER.sub(lambda m: self.bindings.values.get(m.group(0), m.group(0)), key)

    def _lists(self, path: str, expected: list[Any], actual: list[Any]) -> None:
        left = list(range(len(actual)))
        for position, item in enumerate(expected):
            best: tuple[int, int, Comparison] | None = None
            # In the recorded order first; then any, since generated names sort by chance.
            order = [position, *left] if position in left else left
            if _identity(item) is not None:
                order = [place for place in order if _identity(actual[place]) == _identity(item)]
            for candidate in dict.fromkeys(order):
                trial = Comparison(
                    self.bindings.copy(), subset=self.subset, fewer_fields=self.fewer_fields
                )
                trial.compare(f"{path}[{position}]", item, actual[candidate])
                if best is None or len(trial.found) < best[0]:
                    best = (len(trial.found), candidate, trial)
                if not trial.found or not isinstance(item, dict):
                    break
            if best is None:
                self.found.append((f"{path}[{position}]", item, "absent"))
                continue
            left.remove(best[1])
            self.found.extend(best[2].found)
            self.bindings.values = best[2].bindings.values
        if not self.subset:
            self.found.extend((f"{path}[+]", "absent", actual[place]) for place in left)

    def _texts(self, expected: str, actual: str) -> bool:
        names = PLACEHOLDER.findall(expected)
        if not names:
            return expected == actual
        pieces = PLACEHOLDER.split(expected)
        if len(names) > 12:
            names, pieces = names[:12], pieces[:13]
        pattern = "(.+?)".join(re.escape(piece) for piece in pieces)
        match = re.fullmatch(pattern, actual, re.DOTALL)
        if match is None:
            return False
        trial = self.bindings.copy()
        for name, value in zip(names, match.groups(), strict=True):
            if not trial.bind(name, value):
                return False
        self.bindings.values = trial.values
        return True


class Replay:
    """One story, replayed.

    Args:
        name: of the story.
        url: of the server.
        authority: PEM of its certificate authority.
        token: an administrator's.
        tokens: of others, by what the story calls them; None sends no token, and a placeholder
            the one that the server made.
        known: placeholders whose values are given.
        scale: how many seconds of the replay a second of the story takes, for timeouts.
        before, during: hooks by the index of an exchange; `during` runs while its watch is open.
        patient: exchanges that a controller may still be working towards: asked again until they
            agree or `patience` seconds are over.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str,
        authority: bytes,
        token: str,
        tokens: Mapping[str, str | None] | None = None,
        known: Mapping[str, str] | None = None,
        scale: float = 0.1,
        before: Mapping[int, Hook] | None = None,
        during: Mapping[int, Hook] | None = None,
        patient: set[int] | None = None,
        patience: float = 3.0,
    ) -> None:
        self.name = name
        self.story = story(name)
        self.exchanges = self.story["exchanges"]
        self.bindings = Bindings(known)
        self.differences: list[Difference] = []
        self._url = url
        self._tls = ssl.create_default_context(cadata=authority.decode())
        self._token = token
        self._tokens = {"": token, **(tokens or {})}
        self._scale = scale
        self._before = dict(before or {})
        self._during = dict(during or {})
        self._patient = (patient or set()) | {
            index
            for index, exchange in enumerate(self.exchanges)
            if "a moment later" in exchange["name"]
        }
        self._patience = patience
        self._session: aiohttp.ClientSession
        self._watches: dict[int, asyncio.Task[None]] = {}
        self.position = 0
        """The exchange that comes next, for hooks."""

    async def run(self) -> list[Difference]:
        """All exchanges in order; returns what differs."""
        connector = aiohttp.TCPConnector(ssl=self._tls)
        async with aiohttp.ClientSession(connector=connector) as session:
            self._session = session
            try:
                for index in range(len(self.exchanges)):
                    self.position = index
                    await self._watches_before(index - 1)
                    if index in self._before:
                        await self._before[index](self)
                    await self._exchange(index)
                for task in self._watches.values():
                    await asyncio.wait_for(task, self._patience)
            finally:
                for task in self._watches.values():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
        return self.differences

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """A request the recording does not have, for hooks; anything but success is an error."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": content_type,
            "User-Agent": RECORDER,
        }
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method, self._url + path, params=query, data=data, headers=headers
        ) as response:
            text = await response.text()
            assert response.status < 300, f"{method} {path}: {response.status} {text}"
            return json.loads(text)

    async def _exchange(self, index: int) -> None:
        recorded = self.exchanges[index]
        await self._bind_unseen_revisions(recorded["request"])
        if "events" in recorded["response"]:
            await self._watch(index)
            return
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            comparison = await self._ask(index)
            late = asyncio.get_running_loop().time() > deadline
            if not comparison.found or index not in self._patient or late:
                break
            await asyncio.sleep(0.02)
        self._settle(index, comparison)

    def _settle(self, index: int, comparison: Comparison) -> None:
        self.bindings.values |= comparison.bindings.values
        self.differences.extend(
            Difference(self.name, index, path, expected, actual)
            for path, expected, actual in comparison.found
        )

    async def _bind_unseen_revisions(self, request: Mapping[str, Any]) -> None:
        """A revision that only a request names was seen in an unwritten list: take the newest."""
        text = json.dumps([request["path"], request["query"], request.get("body")])
        for name in PLACEHOLDER.findall(text):
            if name.startswith("rv-") and name not in self.bindings.values:
                newest = await self.send("GET", "/api/v1/nodes", query={"limit": "1"})
                self.bindings.values[name] = newest["metadata"]["resourceVersion"]

    def concrete(self, value: Any) -> Any:
        """A recorded value with its placeholders filled in."""
        return concrete(value, self.bindings.values)

    def _request(self, index: int) -> tuple[str, str, dict[str, str], dict[str, str], Any]:
        request = self.exchanges[index]["request"]
        headers = {
            "Accept": request["headers"].get("accept", "application/json"),
            "User-Agent": RECORDER,
        }
        token = self._tokens[request.get("identity", "")]
        if token is not None:
            headers["Authorization"] = f"Bearer {self.concrete(token)}"
        if "content-type" in request["headers"]:
            headers["Content-Type"] = request["headers"]["content-type"]
        query = self.concrete(request["query"])
        if "timeoutSeconds" in query:
            query["timeoutSeconds"] = str(float(query["timeoutSeconds"]) * self._scale)
        data = request.get("body_text")
        if "body" in request:
            data = json.dumps(self.concrete(request["body"]))
        url = self._url + self.concrete(request["path"])
        return request["method"], url, query, headers, data

    async def _ask(self, index: int) -> Comparison:
        recorded = self.exchanges[index]
        method, url, query, headers, data = self._request(index)
        comparison = Comparison(
            self.bindings.copy(),
            subset="trimmed" in recorded,
            fewer_fields=recorded.get("trimmed") in FEWER_FIELDS,
        )
        async with self._session.request(
            method, url, params=query, headers=headers, data=data
        ) as response:
            text = await response.text()
            self._head(comparison, recorded["response"], response)
        if "body" in recorded["response"]:
            try:
                body = _unmanaged(json.loads(text))
            except ValueError:
                comparison.found.append(("$", recorded["response"]["body"], text))
            else:
                comparison.compare("$", recorded["response"]["body"], body)
        else:
            comparison.compare("$text", recorded["response"].get("body_text", ""), text)
        return comparison

    def _head(
        self, comparison: Comparison, recorded: Mapping[str, Any], response: aiohttp.ClientResponse
    ) -> None:
        comparison.compare("status", recorded["status"], response.status)
        for name in ("content-type", "retry-after", "warning"):
            expected = recorded["headers"].get(name)
            actual: Any = response.headers.getall(name, [])
            if not isinstance(expected, list):
                actual = actual[0] if len(actual) == 1 else actual or None
            comparison.compare(f"headers.{name}", expected, actual)

    async def _watch(self, index: int) -> None:
        recorded = self.exchanges[index]
        begun = asyncio.Event()
        task = asyncio.create_task(self._follow(index, begun), name=f"{self.name}[{index}]")
        self._watches[index] = task
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if index in self._during:
            await self._during[index](self)
        if recorded["ended"] == "closed" or self._answers_later(index):
            return
        await task
        del self._watches[index]

    async def _watches_before(self, index: int) -> None:
        """Let watches end that have seen what they stayed open for."""
        for number, task in list(self._watches.items()):
            if number < index and self.exchanges[number]["ended"] != "closed":
                await task
                del self._watches[number]

    def _answers_later(self, index: int) -> bool:
        """Whether the watch saw what a later exchange did, so that it must stay open for it."""
        events = json.dumps(self.exchanges[index]["response"]["events"])
        seen = {name for name in PLACEHOLDER.findall(events) if name.startswith("rv-")}
        if index + 1 >= len(self.exchanges):
            return False
        following = self.exchanges[index + 1]
        if following["request"]["method"] == "GET":
            return False
        answer = set(PLACEHOLDER.findall(json.dumps(following["response"])))
        return bool(seen & answer)

    async def _follow(self, index: int, begun: asyncio.Event) -> None:
        recorded = self.exchanges[index]
        method, url, query, headers, _ = self._request(index)
        expected = recorded["response"]["events"]
        events: list[Any] = []
        ended = "closed"
        async with self._session.request(method, url, params=query, headers=headers) as response:
            head = Comparison(self.bindings, subset=False)
            self._head(head, recorded["response"], response)
            begun.set()
            while recorded["ended"] != "closed" or len(events) < len(expected):
                try:
                    line = await asyncio.wait_for(response.content.readline(), self._patience)
                except TimeoutError:
                    break
                if not line:
                    ended = "timeout"
                    break
                events.append(_unmanaged(json.loads(line)))
                if events[-1]["type"] == "ERROR":
                    ended = "error"
                    break
        comparison = Comparison(self.bindings, subset=False)
        for number, event in enumerate(expected):
            if number < len(events):
                comparison.compare(f"events[{number}]", event, events[number])
            else:
                comparison.found.append((f"events[{number}]", event, "absent"))
        comparison.found.extend(
            (f"events[{len(expected) + number}]", "absent", event)
            for number, event in enumerate(events[len(expected) :])
        )
        comparison.compare("ended", recorded["ended"], ended)
        comparison.found[:0] = head.found
        self._settle(index, comparison)
