"""A page of a past state is exactly its part of that state."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.cluster import store

NAMES, NAMESPACES = ["a", "b", "c"], ["x", "x-y", "y"]
WRITES = st.lists(
    st.tuples(st.sampled_from(["put", "put", "remove"]), st.sampled_from(NAMES), st.sampled_from(NAMESPACES)),
    max_size=30,
)  # fmt: skip


@settings(max_examples=100)
@given(
    writes=WRITES,
    namespace=st.sampled_from([None, *NAMESPACES, "z"]),
    after=st.none() | st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(NAMES)),
)
def test_a_page_of_any_past_state_is_its_part(writes, namespace, after):
    memory = store.Store()
    for action, name, where in writes:
        metadata = {"name": name, "namespace": where, "resourceVersion": memory.next_revision()}
        if action == "put":
            memory.put("things", {"metadata": metadata})
        elif memory.get("things", where, name) is not None:
            memory.remove("things", {"metadata": metadata})
    for revision in range(1, memory.revision + 1):
        state = list(memory.list_at("things", revision))
        assert list(memory.list_at("things", revision, namespace, after=after)) == [
            obj
            for obj in state
            if namespace in (None, obj["metadata"]["namespace"])
            and (after is None or store.key_of(obj) > after)
        ]


@settings(max_examples=100)
@given(
    writes=st.lists(
        st.tuples(st.sampled_from(["put", "put", "remove"]), st.sampled_from(NAMES), st.sampled_from(["", "n1", "n2"])),
        max_size=30,
    )
)  # fmt: skip
def test_the_objects_of_a_node_are_all_told_at_any_past_state(writes):
    memory = store.Store()
    for action, name, node in writes:
        obj = {
            "metadata": {"name": name, "resourceVersion": memory.next_revision()},
            "spec": {"nodeName": node} if node else {},
        }
        if action == "put":
            memory.put("things", obj)
        elif memory.get("things", "", name) is not None:
            memory.remove("things", obj)
    for revision in range(1, memory.revision + 1):
        for node in ("n1", "n2"):
            there = [obj for obj in memory.list_at("things", revision) if of(obj) == node]
            told = memory.list_at("things", revision, node=node)
            assert [obj for obj in told if of(obj) == node] == there
    now = memory.list_at("things", memory.revision, node="n1")
    assert {of(obj) for obj in now} <= {"n1"}, "of other nodes nothing is even looked at"


def of(obj):
    return obj["spec"].get("nodeName", "")
