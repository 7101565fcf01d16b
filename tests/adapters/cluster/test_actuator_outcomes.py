"""What the bot makes of every answer to a write, and of none, over a real connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.cluster import actuator, client, failures
from bot.domain import errors, patch
from bot.domain.target import Target
from bot.flow import actuation
from tests.adapters.cluster import objects, scripted
from tests.adapters.cluster.conftest import Clock, Telemetry, World
from tests.adapters.cluster.scripted import Answer

FLANNEL = Target("test", "DaemonSet", "kube-system", "flannel")
CHANGE = (patch.Operation("test", "/metadata/uid", "u-1"),)
NODE = {"metadata": {"uid": "u-1", "annotations": {}}, "spec": {}}
POD = {"metadata": {"uid": "u-1"}, "spec": {"nodeName": "n"}}
DAEMONSET = {"metadata": {"uid": "u-1", "generation": 4, "annotations": {}}, "spec": {}}
GONE = objects.status(404, 'nodes "n" not found', "NotFound") | {"details": {"name": "n"}}


@dataclass
class Api:
    """Answers reads with objects that are there, and writes with what a test says."""

    answer: Answer | None = None
    """To writes; None closes the connection after the request was read."""
    reads: dict[str, Answer] = field(default_factory=dict)
    """By the last part of the path."""
    writes: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    hangs: bool = False
    once: Answer | None = None
    """Before `answer`, to the first write."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return self._read(request.path)
        body = await request.json()
        self.writes.append((request.method, request.path, dict(request.query), body))
        if self.hangs:
            await asyncio.sleep(60)
        answer = self.answer
        if self.once is not None:
            answer, self.once = self.once, None
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer.response()

    def _read(self, path: str) -> web.Response:
        kind, name = path.split("/")[-2:]
        if name in self.reads:
            return self.reads[name].response()
        found = {"nodes": NODE, "pods": POD, "daemonsets": DAEMONSET}[kind]
        return Answer(found).response()


@dataclass
class Hands:
    """An actuator, and what it talks to."""

    api: Api
    actuator: actuator.Actuator
    client: client.Client


@pytest.fixture
async def hands(tmp_path: Path) -> AsyncIterator[Hands]:
    server = Api()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kubeconfig = tmp_path / "kubeconfig"
    scripted.write_kubeconfig(kubeconfig, f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        async with World(scripted.Server(), kubeconfig).client() as api:
            yield Hands(server, actuator.Actuator(api, clock=Clock()), api)
    finally:
        await runner.cleanup()


Write = Callable[[actuator.Actuator, bool], Awaitable[Any]]

WRITES: dict[str, Write] = {
    "patch_daemonset": lambda hand, dry: hand.patch_daemonset(
        FLANNEL, CHANGE, operation="RUN-3", dry_run=dry
    ),
    "cordon": lambda hand, dry: hand.cordon("n", uid="u-1", operation="RUN-3", dry_run=dry),
    "evict": lambda hand, dry: hand.evict("shop", "web", uid="u-1", dry_run=dry),
    "delete_pod": lambda hand, dry: hand.delete_pod("shop", "web", uid="u-1", dry_run=dry),
}

CAUSES = {"details": {"name": "x", "causes": [{"reason": "FieldValueInvalid", "message": "no"}]}}
FORBIDDEN = 'pods "x" is forbidden: User "bot" cannot patch resource "pods"'
BY_ADMISSION = 'pods "x" is forbidden: admission webhook denied the request'

ANSWERS: list[tuple[str, Answer | None, type[errors.BotError], str]] = [
    ("no answer", None, actuation.Unsettled, "without an answer"),
    (
        "etcd slow",
        Answer(objects.status(500, "etcdserver: request timed out", "InternalError"), 500),
        actuation.Unsettled,
        "etcdserver",
    ),
    ("gateway", Answer("<html>502</html>", 502), actuation.Unsettled, "HTML page"),
    (
        "server slow",
        Answer(objects.status(504, "Timeout", "Timeout"), 504),
        actuation.Unsettled,
        "Timeout",
    ),
    ("overloaded", Answer("upstream", 503), actuation.Unsettled, "503"),
    ("odd success", Answer(b"", 204), actuation.Unsettled, "204"),
    (
        "another's uid",
        Answer(objects.status(409, "the UID does not match", "Conflict"), 409),
        errors.Conflict,
        "UID",
    ),
    (
        "a test that fails",
        Answer(objects.status(422, "rejected", "Invalid") | {"details": {}}, 422),
        errors.Conflict,
        "not what the change expects",
    ),
    (
        "invalid",
        Answer(objects.status(422, "is invalid: no", "Invalid") | CAUSES, 422),
        errors.Refused,
        "is invalid",
    ),
    ("unprocessable by a proxy", Answer("no", 422), errors.Refused, "422"),
    (
        "forbidden by RBAC",
        Answer(objects.status(403, FORBIDDEN, "Forbidden"), 403),
        errors.Refused,
        r"hint: grant (patch|create|delete) on (daemonsets\.apps|nodes|pods(/eviction)?) to",
    ),
    (
        "forbidden by admission",
        Answer(objects.status(403, BY_ADMISSION, "Forbidden"), 403),
        errors.Refused,
        r"denied the request\)$",
    ),
    (
        "not understood",
        Answer(objects.status(400, "bad", "BadRequest"), 400),
        errors.Refused,
        "bad",
    ),
    ("no such resource", Answer("404 page not found", 404), errors.Refused, "404"),
    ("bad token", Answer(objects.status(401, "no", "Unauthorized"), 401), failures.Failure, "401"),
    (
        "busy for long",
        Answer(objects.status(429, "later", "TooManyRequests"), 429, {"Retry-After": "60"}),
        failures.Failure,
        "429",
    ),
]


@pytest.mark.parametrize(
    ("answer", "kind", "said"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_every_answer_tells_whether_it_was_done(
    hands: Hands, answer: Answer | None, kind: type[errors.BotError], said: str
) -> None:
    hands.api.answer = answer
    for name, write in WRITES.items():
        hands.api.writes.clear()
        with pytest.raises(kind, match=said) as caught:
            await write(hands.actuator, False)
        assert isinstance(caught.value, actuation.Unsettled) == (kind is actuation.Unsettled), name
        # What may have been done is not sent a second time. (aiohttp repeats a DELETE by itself;
        # its uid makes that harmless.)
        if kind is actuation.Unsettled and name != "delete_pod":
            assert len(hands.api.writes) == 1, name


@pytest.mark.parametrize("write", WRITES)
async def test_a_dry_run_that_is_not_answered_has_done_nothing(hands: Hands, write: str) -> None:
    with pytest.raises(errors.Unavailable) as caught:
        await WRITES[write](hands.actuator, True)
    assert not isinstance(caught.value, actuation.Unsettled)
    assert all(query.get("dryRun") == "All" for _, _, query, _ in hands.api.writes)


@pytest.mark.parametrize("write", WRITES)
async def test_a_webhook_that_makes_no_dry_runs_is_no_refusal(hands: Hands, write: str) -> None:
    text = 'admission webhook "old.example.com" does not support dry run'
    hands.api.answer = Answer(objects.status(400, text, "BadRequest"), 400)
    with pytest.raises(actuation.NoDryRun, match="does not support dry run"):
        await WRITES[write](hands.actuator, True)
    with pytest.raises(errors.Refused, match="does not support dry run"):
        await WRITES[write](hands.actuator, False)


@pytest.mark.parametrize("write", WRITES)
async def test_a_server_that_hangs_leaves_it_unsettled(
    hands: Hands, write: str, tmp_path: Path
) -> None:
    hands.api.hangs = True
    async with World(scripted.Server(), tmp_path / "kubeconfig").client(
        request_timeout=0.1
    ) as impatient:
        with pytest.raises(actuation.Unsettled, match="did not answer in time"):
            await WRITES[write](actuator.Actuator(impatient, clock=Clock()), False)


async def test_a_server_that_cannot_be_reached_has_done_nothing(tmp_path: Path) -> None:
    kubeconfig = scripted.write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    async with World(scripted.Server(), kubeconfig).client() as api:
        hand = actuator.Actuator(api, clock=Clock())
        with pytest.raises(errors.Unavailable, match="cannot connect") as caught:
            await hand.evict("shop", "web", uid="u-1")
    assert not isinstance(caught.value, actuation.Unsettled)


@pytest.mark.parametrize("write", WRITES)
async def test_a_server_that_asks_for_a_moment_is_asked_again(hands: Hands, write: str) -> None:
    busy = objects.status(429, "later", "TooManyRequests")
    hands.api.once = Answer(busy, 429, {"Retry-After": "0"})
    found = DAEMONSET if write == "patch_daemonset" else NODE
    hands.api.answer = Answer(found, 201 if write == "evict" else 200)
    await WRITES[write](hands.actuator, False)
    assert len(hands.api.writes) == 2


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ("The disruption budget web needs 3 healthy pods and has 3 currently", {}),
        ("The disruption budget web is still being processed by the server.", {"Retry-After": "0"}),
    ],
)
async def test_a_budget_that_says_no_is_named_and_not_asked_again(
    hands: Hands, message: str, headers: dict[str, str]
) -> None:
    cause = {"reason": "DisruptionBudget", "message": message}
    body = objects.status(429, "Cannot evict pod", "TooManyRequests")
    hands.api.answer = Answer(body | {"details": {"causes": [cause]}}, 429, headers)
    with pytest.raises(actuation.Blocked, match="budget web"):
        await hands.actuator.evict("shop", "web", uid="u-1")
    assert len(hands.api.writes) == 1


async def test_two_budgets_are_a_refusal_for_good(hands: Hands) -> None:
    text = (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
        "support."
    )
    hands.api.answer = Answer(objects.status(500, text, ""), 500)
    with pytest.raises(errors.Refused, match="more than one PodDisruptionBudget"):
        await hands.actuator.evict("shop", "web", uid="u-1")


@pytest.mark.parametrize("write", ["evict", "delete_pod"])
async def test_a_pod_that_is_gone_is_no_error(hands: Hands, write: str) -> None:
    hands.api.answer = Answer(GONE, 404)
    assert await WRITES[write](hands.actuator, False) is False


@pytest.mark.parametrize("write", ["patch_daemonset", "cordon"])
async def test_an_object_that_is_gone_is_a_conflict(hands: Hands, write: str) -> None:
    hands.api.answer = Answer(GONE, 404)
    with pytest.raises(errors.Conflict, match="not found"):
        await WRITES[write](hands.actuator, False)


@pytest.mark.parametrize(
    ("pod", "ends"),
    [
        (Answer({"metadata": {"uid": "u-1", "deletionTimestamp": "2026-01-01T00:00:00Z"}}), True),
        (Answer({"metadata": {"uid": "u-1"}}), failures.Failure),
        (Answer({"metadata": {"uid": "u-2"}}), errors.Conflict),
        (Answer(GONE, 404), False),
    ],
    ids=["terminating", "not yet", "another", "gone"],
)
async def test_in_a_namespace_that_goes_pods_are_waited_for(
    hands: Hands, pod: Answer, ends: bool | type[Exception]
) -> None:
    cause = {"reason": "NamespaceTerminating", "message": "namespace shop is being terminated"}
    body = objects.status(403, "unable to create", "Forbidden")
    hands.api.answer = Answer(body | {"details": {"name": "web", "causes": [cause]}}, 403)
    hands.api.reads["web"] = pod
    with contextlib.ExitStack() as stack:
        if not isinstance(ends, bool):
            stack.enter_context(pytest.raises(ends))
        assert await hands.actuator.evict("shop", "web", uid="u-1") is ends


async def test_a_good_answer_that_nobody_understands_leaves_it_unsettled(hands: Hands) -> None:
    hands.api.answer = Answer("<html>welcome</html>")
    with pytest.raises(actuation.Unsettled, match="cannot be understood"):
        await WRITES["patch_daemonset"](hands.actuator, False)
    with pytest.raises(errors.Unavailable) as caught:
        await WRITES["patch_daemonset"](hands.actuator, True)
    assert not isinstance(caught.value, actuation.Unsettled)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(GONE, 404), errors.Conflict),
        (Answer("404 page not found", 404), failures.Failure),
        (Answer(objects.status(403, "no", "Forbidden"), 403), errors.Refused),
        (Answer(objects.status(500, "no", "InternalError"), 500), failures.Failure),
        (Answer("{}"), failures.Failure),
    ],
)
async def test_what_is_read_before_a_write_is_known_or_nothing_is_written(
    hands: Hands, answer: Answer, kind: type[Exception]
) -> None:
    hands.api.reads |= {"n": answer, "flannel": answer}
    for write in ("patch_daemonset", "cordon"):
        with pytest.raises(kind) as caught:
            await WRITES[write](hands.actuator, False)
        assert type(caught.value) is kind
    assert not hands.api.writes


async def test_a_change_that_names_no_object_is_refused_unsent(hands: Hands) -> None:
    with pytest.raises(errors.Refused, match="which object"):
        await hands.actuator.patch_daemonset(
            FLANNEL, (patch.Operation("add", "/spec/x", 1),), operation="RUN-3"
        )
    assert not hands.api.writes


async def test_writes_say_who_they_are_and_that_they_are_meant_literally(hands: Hands) -> None:
    hands.api.answer = Answer(DAEMONSET)
    await WRITES["patch_daemonset"](hands.actuator, False)
    ((method, _, query, body),) = hands.api.writes
    assert method == "PATCH"
    assert query == {"fieldManager": "flannel-bot", "fieldValidation": "Strict"}
    mark = {"op": "add", "path": "/metadata/annotations/flannel-bot.io~1operation-id"}
    assert body[-1] == mark | {"value": "RUN-3"}


@pytest.mark.parametrize("kind", ["daemonset", "node"])
async def test_a_first_annotation_never_overwrites_one_that_comes_between(
    hands: Hands, kind: str
) -> None:
    bare = {"metadata": {"uid": "u-1", "generation": 1}, "spec": {}}
    hands.api.reads |= {"flannel": Answer(bare), "n": Answer(bare)}
    hands.api.answer = Answer(bare)
    await WRITES["patch_daemonset" if kind == "daemonset" else "cordon"](hands.actuator, False)
    ((*_, body),) = hands.api.writes
    assert [each["path"] for each in body[-3:-1]] == ["/metadata/annotations"] * 2
    assert [each["op"] for each in body[-3:]] == ["test", "add", "add"]
    assert body[-3]["value"] is None


@pytest.mark.parametrize(
    ("manager", "ours"), [("flannel-bot", True), ("kubectl-cordon", False), (None, True)]
)
async def test_a_cordon_that_somebody_made_anew_is_theirs(
    hands: Hands, manager: str | None, *, ours: bool
) -> None:
    """Our annotation outlives an uncordon by hand; the managed fields tell whose it is now."""
    entry = {"manager": manager, "fieldsV1": {"f:spec": {"f:unschedulable": {}}}}
    other = {"manager": "kubelet", "fieldsV1": {"f:status": {}}}
    node = {
        "metadata": {
            "uid": "u-1",
            "annotations": {actuator.OPERATION: "RUN-3"},
            "managedFields": [entry, other] if manager else [other],
        },
        "spec": {"unschedulable": True},
    }
    hands.api.reads["n"] = Answer(node)
    hands.api.answer = Answer(node)
    assert (await hands.actuator.node("n")).cordoned_by == ("RUN-3" if ours else "")
    assert await hands.actuator.uncordon("n", uid="u-1", operation="RUN-3") is ours
    assert bool(hands.api.writes) is ours


async def test_an_event_that_is_not_taken_stops_nothing(hands: Hands) -> None:
    for answer in (None, Answer(objects.status(403, "no", "Forbidden"), 403)):
        hands.api.answer = answer
        await hands.actuator.tell(FLANNEL, uid="u-1", reason="Patched", text="x" * 5_000)
    assert len(hands.api.writes[0][3]["message"]) == 1_024


async def test_every_write_is_among_the_rights_that_are_asked_for(hands: Hands) -> None:
    telemetry = Telemetry()
    async with client.Client(hands.client.options, clock=Clock(), telemetry=telemetry) as api:
        hand = actuator.Actuator(api, clock=Clock())
        hands.api.answer = Answer(DAEMONSET)
        for write in WRITES.values():
            await write(hand, False)
        await hand.tell(FLANNEL, uid="u-1", reason="Patched", text="done")
        await hand.pod("shop", "web")
    asked = {(verb, resource) for _, _, _, resource, verb in telemetry.counts}
    granted = {(right.verb, right.resource) for right in actuator.RIGHTS}
    assert asked <= granted
    assert granted - asked == {("list", "pods")}
