"""The story of the pretend cluster: made from looks at its truth, told once."""

from typing import Any

from bot.sim import story


def node(**changes: Any) -> dict[str, Any]:
    well = {"oom_kills": 0, "crash_looping": False, "flannel_running": True, "ready": True}
    return {**well, "last_error": None, **changes}


def truth(nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    same = {"scenario": "story", "speed": 10.0, "elapsed": 50.0, "bursts": 0, "next_burst": 120.0}
    return {**same, "nodes": nodes, **changes}


def texts(told: dict[str, Any]) -> list[str]:
    return [one["text"] for one in told["happenings"]]


class TestWhatHappened:
    def test_every_kill_is_told_once_also_those_between_two_looks(self) -> None:
        tale = story.Story()
        tale.observe(truth({"a": node()}), at=1.0)
        tale.observe(truth({"a": node(oom_kills=2)}), at=2.0)
        tale.observe(truth({"a": node(oom_kills=2)}), at=3.0)
        assert texts(tale.tell()) == [
            "flannel on a was OOM-killed",
            "flannel on a was OOM-killed (kill 2)",
        ]
        assert {one["at"] for one in tale.tell()["happenings"]} == {2.0}

    def test_a_crash_loop_is_told_with_its_reason_and_its_end(self) -> None:
        tale = story.Story()
        loops = node(crash_looping=True, flannel_running=False, last_error="no interface")
        tale.observe(truth({"a": loops}), at=1.0)
        tale.observe(truth({"a": node(crash_looping=True)}), at=2.0)
        tale.observe(truth({"a": node()}), at=3.0)
        assert texts(tale.tell()) == [
            "flannel on a crash-loops: no interface",
            "flannel on a runs again",
        ]

    def test_a_machine_that_was_never_seen_is_not_told_to_have_come_back(self) -> None:
        tale = story.Story()
        tale.observe(truth({"a": node()}), at=1.0)
        assert texts(tale.tell()) == []
        tale.observe(truth({"a": node(ready=False)}), at=2.0)
        tale.observe(truth({"a": node()}), at=3.0)
        assert texts(tale.tell()) == ["a is silent: its kubelet tells nothing", "a answers again"]

    def test_only_what_is_newer_than_asked_is_told(self) -> None:
        tale = story.Story()
        tale.note("fault", "broken", at=1.0)
        seen = tale.tell()["last"]
        tale.note("fault", "healed", at=2.0)
        assert texts(tale.tell(since=seen)) == ["healed"]
        assert texts(tale.tell(since=seen + 1)) == []


class TestWhatIsSo:
    def test_counts_and_states_come_from_the_last_look(self) -> None:
        tale = story.Story()
        nodes = {
            "a": node(),
            "b": node(oom_kills=3),
            "c": node(ready=False),
            "d": node(crash_looping=True, flannel_running=False),
            "e": node(flannel_running=False),
        }
        tale.observe(truth(nodes), at=1.0)
        told = tale.tell()
        assert told["nodes"] == {
            "a": "well", "b": "killed", "c": "silent", "d": "looping", "e": "down",
        }  # fmt: skip
        assert told["counts"] == {
            "nodes": 5, "ready": 4, "oom_kills": 3, "crash_looping": 1, "flannel_down": 2,
        }  # fmt: skip

    def test_what_comes_next_is_in_true_seconds(self) -> None:
        tale = story.Story()
        tale.observe(truth({}), at=1.0)
        assert tale.tell()["next"]["in_seconds"] == 7.0
        tale.observe(truth({}, elapsed=130.0), at=2.0)
        assert tale.tell()["next"]["in_seconds"] == 0.0
        tale.observe(truth({}, next_burst=None), at=3.0)
        assert tale.tell()["next"] is None

    def test_a_burst_is_told_when_it_has_come(self) -> None:
        tale = story.Story()
        tale.observe(truth({}), at=1.0)
        tale.observe(truth({}, bursts=1), at=2.0)
        [text] = texts(tale.tell())
        assert "every flannel lists all nodes" in text

    def test_nothing_is_claimed_before_the_first_look(self) -> None:
        told = story.Story().tell()
        assert told["scenario"] is None
        assert told["counts"]["nodes"] == 0
        assert told["next"] is None
