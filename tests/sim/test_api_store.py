"""The store against a model: whatever was written, the past can be told or is refused."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.cluster import registry, store


def _object(name: str, namespace: str, revision: int, value: int) -> store.Object:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": str(revision)}
    return {"metadata": metadata, "value": value}


class _Latent:
    """A state that is built whenever it is asked for."""

    node = ""

    def __init__(self, obj: store.Object) -> None:
        self._obj = obj
        self.key = store.key_of(obj)

    def built(self) -> store.Object:
        return dict(self._obj)


_WRITES = st.lists(
    st.tuples(
        st.sampled_from(["put", "latent", "remove"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["x", "x-y", "y"]),
        st.integers(0, 3),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(writes=_WRITES, window=st.integers(1, 60))
def test_every_past_state_is_told_exactly_or_refused(writes, window) -> None:
    memory = store.Store(window=window)
    states = {memory.revision: []}
    for action, name, namespace, value in writes:
        revision = memory.next_revision()
        fresh = _object(name, namespace, revision, value)
        if action != "remove":
            memory.put("things", fresh if action == "put" else _Latent(fresh))
        elif memory.get("things", namespace, name) is not None:
            memory.remove("things", _object(name, namespace, revision, -1))
        states[memory.revision] = memory.list("things")
    for revision, state in states.items():
        if revision < memory.oldest("things"):
            with pytest.raises(store.Compacted):
                memory.list_at("things", revision)
            with pytest.raises(store.Compacted):
                memory.history("things", revision)
        else:
            assert list(memory.list_at("things", revision)) == state


@settings(max_examples=100)
@given(writes=_WRITES)
def test_a_list_is_sorted_and_a_namespace_is_exactly_its_part(writes) -> None:
    memory = store.Store()
    for action, name, namespace, value in writes:
        if action != "remove":
            memory.put("things", _object(name, namespace, memory.next_revision(), value))
    everything = memory.list("things")
    assert [store.key_of(obj) for obj in everything] == sorted(map(store.key_of, everything))
    for namespace in ("x", "x-y", "y", "z"):
        own = [obj for obj in everything if obj["metadata"]["namespace"] == namespace]
        assert memory.list("things", namespace) == own


def test_a_subscriber_that_writes_does_not_change_the_order_others_see() -> None:
    memory = store.Store()
    seen: list[int] = []

    def echo(change: store.Change) -> None:
        if change.revision < 5:
            memory.put("echoes", _object("e", "", memory.next_revision(), 0))

    memory.subscribe(echo)
    memory.subscribe(lambda change: seen.append(change.revision))
    memory.put("things", _object("a", "", memory.next_revision(), 0))
    assert seen == [2, 3, 4, 5]


def test_a_subscriber_that_fails_hides_nothing_from_the_others_and_is_told_to_the_writer() -> None:
    memory = store.Store()
    seen: list[store.Change] = []

    def fail(_: store.Change) -> None:
        raise RuntimeError("broken")

    memory.subscribe(fail)
    stop = memory.subscribe(seen.append)
    with pytest.raises(ExceptionGroup, match="subscribers"):
        memory.put("things", _object("a", "", memory.next_revision(), 0))
    assert [change.type for change in seen] == ["ADDED"]
    stop()
    stop()
    with pytest.raises(ExceptionGroup):
        memory.put("things", _object("a", "", memory.next_revision(), 1))
    assert len(seen) == 1


def test_compaction_of_one_resource_leaves_the_others_their_past() -> None:
    memory = store.Store()
    begin = memory.revision
    for resource in ("things", "others"):
        memory.put(resource, _object("a", "", memory.next_revision(), 0))
    memory.compact(memory.revision, resource="things")
    with pytest.raises(store.Compacted):
        memory.history("things", begin)
    assert len(memory.history("others", begin)) == 1
    memory.compact(10**9)
    assert memory.history("others", memory.revision) == []
    with pytest.raises(store.Compacted):
        memory.history("others", begin)


def test_the_same_seed_makes_the_same_names_and_uids() -> None:
    def made(seed: int) -> list[tuple[str, str]]:
        objects = registry.Registry(store.Store(), rng=random.Random(seed))
        pod = {
            "metadata": {"generateName": "p-"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
        pods = [objects.create("pods", "default", pod) for _ in range(3)]
        return [(pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in pods]

    assert made(1) == made(1) != made(2)
