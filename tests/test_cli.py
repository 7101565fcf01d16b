"""The command line's own words: what is written before a command holds for it."""

import socket
import sys
from pathlib import Path

import pytest

from bot import app, cli, configuration, reloading

ZONE = "schedule: {timezone: Europe/Berlin}\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(ZONE)
    (tmp_path / "bad.yaml").write_text("schedul: {}\n")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "one.yaml", "config", "show"],
        ["config", "show", "--config", "one.yaml"],
        ["--config", "bad.yaml", "config", "show", "--config", "one.yaml"],
        ["--log-format", "json", "--config", "one.yaml", "config", "show"],
    ],
)
def test_where_an_option_stands_does_not_matter_and_the_commands_own_counts_most(
    written: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 0
    assert "timezone: Europe/Berlin" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check", "doctor", "unfreeze"])
def test_a_bad_file_before_any_command_is_told_as_after_it(
    written: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--config", "bad.yaml", command]) == 2
    before = capsys.readouterr().err
    assert cli.main([command, "--config", "bad.yaml"]) == 2
    assert capsys.readouterr().err == before
    assert "schedul" in before


def test_a_log_format_that_is_none_is_wrong_usage_in_either_place() -> None:
    assert cli.main(["--log-format", "xml", "config", "show"]) == 2
    assert cli.main(["run", "--log-format", "xml"]) == 2


@pytest.mark.parametrize("part", ["cluster", "slack"])
@pytest.mark.parametrize("fault", ["taken", "unwritable"])
def test_a_part_of_the_outside_that_cannot_start_names_the_option_in_one_line(
    part: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1] if fault == "taken" else 0
        nowhere = tmp_path / "nowhere" / "ready.json"
        more = [] if fault == "taken" else ["--ready-file", str(nowhere)]
        assert cli.main(["sim", part, "--port", str(port), *more]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("error: --port" if fault == "taken" else "error: --ready-file")
    assert str(port if fault == "taken" else nowhere) in line


def test_the_demo_refuses_a_ready_file_that_is_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else it would find out only when all is ready, and end in a traceback."""
    free = ["--page-port", "0", "--api-port", "0", "--health-port", "0"]
    assert cli.main(["demo", "--no-browser", "--ready-file", str(tmp_path), *free]) == 2
    assert capsys.readouterr().err == (
        f"error: --ready-file {tmp_path}: it is a directory; name a file\n"
    )


def test_the_ready_file_of_an_earlier_demo_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    """Whoever waits for it would talk to addresses that nobody listens at any more."""
    ready, file = tmp_path / "ready.json", tmp_path / "file"
    ready.write_text("{}")
    file.touch()
    asked = ["demo", "--no-browser", "--ready-file", str(ready), "--data-dir", str(file)]
    free = ["--page-port", "0", "--api-port", "0", "--health-port", "0"]
    assert cli.main([*asked, *free]) == 2
    assert not ready.exists()


def test_a_thread_that_judges_gives_way_to_the_loop_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, found = sys.getswitchinterval(), []

    async def ran(*_: object) -> None:
        found.append(sys.getswitchinterval())

    monkeypatch.setattr(configuration, "load", lambda *_: None)
    monkeypatch.setattr(configuration, "refuse_incomplete", lambda _: None)
    monkeypatch.setattr(app, "run", ran)
    monkeypatch.setattr(reloading, "Reloading", lambda *_: None)
    try:
        cli.run()
    finally:
        sys.setswitchinterval(usual)
    assert found == [pytest.approx(0.001)]
