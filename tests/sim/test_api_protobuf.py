"""Bodies in protobuf, as newer clients send them, against the same body in JSON."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sim.cluster import protobuf, resources
from tests.sim import api

MAPS = "/api/v1/namespaces/default/configmaps"
PROTOBUF = {"Content-Type": protobuf.MEDIA_TYPE}


def varint(value: int) -> bytes:
    value %= 1 << 64
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def message(*fields: tuple[int, Any]) -> bytes:
    """Fields by their numbers: integers, texts, bytes and messages within."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(data)) + data
    return found


def enveloped(kind: str, version: str, *fields: tuple[int, Any]) -> bytes:
    about = message((1, version), (2, kind))
    return b"k8s\x00" + message((1, about), (2, message(*fields)), (3, ""), (4, ""))


def named(name: str) -> bytes:
    """Metadata as Go writes it: with all its empty texts, and no time at all."""
    labels = message((1, "app"), (2, "x"))
    return message((1, name), (2, ""), (3, ""), (7, 0), (8, b""), (11, labels))


CONFIG_MAP = enveloped(
    "ConfigMap",
    "v1",
    (1, named("m")),
    (2, message((1, "key"), (2, "value"))),
    (2, message((1, "empty"), (2, ""))),
    (3, message((1, "raw"), (2, b"\x00\xff"))),
)
PROBE = message((1, message((2, message((1, "/up"), (2, message((1, 1), (3, "http"))))))), (2, 7))
CONTAINER = message(
    (1, "main"),
    (2, "registry.example/app:1"),
    (4, "--a"),
    (4, ""),
    (8, message((1, message((1, "memory"), (2, message((1, "50Mi"))))))),
    (10, PROBE),
    (16, 0),
)
MAP_VOLUME = message((1, "cfg"), (2, message((19, message((1, message((1, "m"))), (3, 420))))))
POD = enveloped(
    "Pod",
    "v1",
    (1, named("p")),
    (2, message((1, MAP_VOLUME), (2, CONTAINER), (4, 30), (25, -5))),
    (3, b""),
)


def read(body: bytes) -> Any:
    return json.loads(protobuf.to_json(body))


def test_a_config_map_is_what_its_json_would_be() -> None:
    assert read(CONFIG_MAP) == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {
            "name": "m",
            "generation": 0,
            "creationTimestamp": None,
            "labels": {"app": "x"},
        },
        "data": {"key": "value", "empty": ""},
        "binaryData": {"raw": base64.b64encode(b"\x00\xff").decode()},
    }


def test_structs_that_go_embeds_lie_flat_and_numbers_may_be_negative() -> None:
    spec = read(POD)["spec"]
    assert spec["volumes"] == [{"name": "cfg", "configMap": {"name": "m", "defaultMode": 420}}]
    (container,) = spec["containers"]
    assert container["args"] == ["--a", ""]
    assert container["resources"] == {"limits": {"memory": "50Mi"}}
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/up", "port": "http"},
        "initialDelaySeconds": 7,
    }
    assert spec["priority"] == -5


@pytest.mark.parametrize(
    ("sent", "value"), [(message((1, 0), (2, 3)), 3), (message((1, 1), (3, "9%")), "9%")]
)
def test_a_number_or_a_text_stays_what_it_is(sent: bytes, value: object) -> None:
    strategy = message((2, message((1, sent))))
    found = read(enveloped("DaemonSet", "apps/v1", (2, message((3, strategy)))))
    assert found["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == value


def test_times_are_told_in_utc_and_in_the_digits_of_their_kind() -> None:
    stamp = message((1, 1767323045), (2, 466360000))
    lease = read(
        enveloped(
            "Lease",
            "coordination.k8s.io/v1",
            (1, message((8, stamp))),
            (2, message((3, stamp))),
        )
    )
    assert lease["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert lease["spec"]["acquireTime"] == "2026-01-02T03:04:05.466360Z"


def test_whose_field_is_whose_is_read_too() -> None:
    """A client that writes back what it has read sends this along."""
    fields = message((1, json.dumps({"f:data": {}})))
    entry = message((1, "kubectl"), (2, "Update"), (3, "v1"), (6, "FieldsV1"), (7, fields))
    found = read(enveloped("ConfigMap", "v1", (1, message((1, "m"), (17, entry)))))
    (told,) = found["metadata"]["managedFields"]
    assert told["fieldsV1"] == {"f:data": {}}
    assert told["manager"] == "kubectl"


def test_every_kind_that_can_be_created_can_be_read() -> None:
    assert {row.kind for row in resources.ALL} <= protobuf.kinds()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", r"does not appear to be a protobuf message, expected prefix \[107 56 115 0\]"),
        (enveloped("Job", "batch/v1"), 'no kind "Job" is registered for protobuf'),
        (enveloped("Pod", "v1", (99, "x")), "field 99 of Pod is not known in protobuf here"),
        (enveloped("Pod", "v1", (1, 5)), "wrong wireType = 0"),
        (enveloped("Pod", "v1", (2, message((4, "x")))), "wrong wireType = 2"),
        (enveloped("Pod", "v1", (1, message((8, message((1, 1 << 62)))))), "out of range"),
        (POD[:-1], "unexpected EOF"),
        (b"k8s\x00\x0d1234", "wrong wireType = 5"),
        (b"k8s\x00" + b"\xff" * 11, "integer overflow"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_in_words(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        protobuf.to_json(body)


@given(st.binary(max_size=60), st.integers(0, len(POD)))
def test_any_bytes_are_an_object_or_refused(noise: bytes, at: int) -> None:
    for body in (b"k8s\x00" + noise, POD[:at] + noise, POD[:at] + noise + POD[at + len(noise) :]):
        try:
            read(body)
        except ValueError:
            continue


async def test_an_object_sent_as_protobuf_is_created_and_answered_as_json() -> None:
    async with api.serving() as server:
        accept = {"Accept": f"{protobuf.MEDIA_TYPE},application/json"}
        async with server.request("POST", MAPS, CONFIG_MAP, headers=PROTOBUF | accept) as answer:
            assert (answer.status, answer.content_type) == (201, "application/json")
            created = await answer.json()
        assert created["data"] == {"key": "value", "empty": ""}
        assert "generation" not in created["metadata"]
        assert server.registry.get("configmaps", "default", "m")["metadata"]["labels"] == {
            "app": "x"
        }


async def test_a_pod_sent_as_protobuf_gets_the_defaults_of_one_sent_as_json() -> None:
    async with api.serving() as server:
        pods = "/api/v1/namespaces/default/pods"
        by_json = read(POD) | {"metadata": {"name": "q", "labels": {"app": "x"}}}
        _, first = await server.ask("POST", pods, by_json)
        code, second = await server.ask("POST", pods, POD, headers=PROTOBUF)
        assert code == 201
        (sent,), (told,) = first["spec"]["containers"], second["spec"]["containers"]
        # The volume of the token has a name of chance.
        assert sent | {"volumeMounts": []} == told | {"volumeMounts": []}


async def test_deletion_is_told_its_options_in_protobuf() -> None:
    async with api.serving() as server:
        server.registry.create("configmaps", "default", {"metadata": {"name": "m"}})
        other = enveloped("DeleteOptions", "v1", (2, message((1, "another"))))
        code, refusal = await server.ask("DELETE", f"{MAPS}/m", other, headers=PROTOBUF)
        assert (code, refusal["reason"]) == (409, "Conflict")
        assert (await server.ask("DELETE", f"{MAPS}/m", enveloped("DeleteOptions", "v1")))[0] == 400
        sent = enveloped("DeleteOptions", "v1")
        assert (await server.ask("DELETE", f"{MAPS}/m", sent, headers=PROTOBUF))[0] == 200


@pytest.mark.parametrize(
    ("media", "body", "code", "reason"),
    [
        (protobuf.MEDIA_TYPE, b"no protobuf", 400, "BadRequest"),
        (protobuf.MEDIA_TYPE, enveloped("Secret", "v1"), 400, "BadRequest"),
        ("application/cbor", b"\xa0", 415, "UnsupportedMediaType"),
        ("text/html", b"<p>", 415, "UnsupportedMediaType"),
    ],
)
async def test_a_body_in_the_wrong_form_is_refused(media, body, code, reason) -> None:
    async with api.serving() as server:
        got, refusal = await server.ask("POST", MAPS, body, headers={"Content-Type": media})
        assert (got, refusal["reason"]) == (code, reason)
        assert server.store.list("configmaps") == []


async def test_who_accepts_nothing_but_protobuf_is_told_what_there_is() -> None:
    async with api.serving() as server:
        only = {"Accept": protobuf.MEDIA_TYPE}
        for path, more in ((MAPS, {}), (MAPS, {"watch": "true"}), ("/openapi/v3/api/v1", {})):
            code, refusal = await server.ask("GET", path, headers=only, **more)
            assert (code, refusal["reason"]) == (406, "NotAcceptable"), path
