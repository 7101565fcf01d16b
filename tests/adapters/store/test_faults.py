"""What a driver's errors are called, so that nobody retries what only a person can mend."""

import sqlite3

import pytest

from bot.adapters.store import faults, location
from bot.domain import errors

HERE = location.parse("sqlite:////data/x.db")
THERE = location.parse("postgresql://u:s3cret@h/d")


def of_sqlite(name: str, text: str = "it says") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    return error


class Told(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("it says")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("name", "later", "at_start"),
    [
        ("SQLITE_BUSY", errors.Unavailable, errors.Unavailable),
        ("SQLITE_BUSY_SNAPSHOT", errors.Unavailable, errors.Unavailable),
        ("SQLITE_FULL", faults.NoRoom, faults.NoRoom),
        ("SQLITE_IOERR_WRITE", faults.NoRoom, faults.NoRoom),
        ("SQLITE_CANTOPEN", errors.Unavailable, errors.Misconfigured),
        ("SQLITE_READONLY_DIRECTORY", errors.Unavailable, errors.Misconfigured),
        ("SQLITE_NOTADB", errors.Misconfigured, errors.Misconfigured),
        ("SQLITE_CORRUPT_INDEX", errors.Misconfigured, errors.Misconfigured),
    ],
)
def test_trouble_with_a_file(name, later, at_start):
    for starting, kind in ((False, later), (True, at_start)):
        found = faults.of_driver(of_sqlite(name), HERE, starting=starting)
        assert type(found) is kind
        assert "/data/x.db" in str(found)


def test_a_missing_table_is_mended_by_an_upgrade():
    found = faults.of_driver(
        of_sqlite("SQLITE_ERROR", "no such table: incidents"), HERE, starting=False
    )

    assert isinstance(found, errors.Misconfigured)
    assert "flannel-bot db upgrade" in str(found)


def test_a_mistake_in_a_statement_stays_what_it_is():
    mistake = of_sqlite("SQLITE_ERROR", 'near "SELCT": syntax error')

    with pytest.raises(sqlite3.OperationalError), faults.translated(HERE):
        raise mistake
    with pytest.raises(Told), faults.translated(THERE):
        raise Told("42601")


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("28P01", errors.Misconfigured),
        ("3D000", errors.Misconfigured),
        ("42501", errors.Misconfigured),
        ("42P01", errors.Misconfigured),
        ("55P03", errors.Unavailable),
        ("53100", faults.NoRoom),
        ("53200", errors.Unavailable),
        ("57P01", errors.Unavailable),
        ("08006", errors.Unavailable),
        ("25006", errors.Unavailable),
        ("23505", errors.Conflict),
    ],
)
def test_trouble_with_a_server(state, kind):
    with pytest.raises(kind) as caught, faults.translated(THERE):
        raise Told(state)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), TimeoutError(), OSError("dns")]
)
def test_a_server_that_cannot_be_reached_is_unavailable(error):
    with (
        pytest.raises(errors.Unavailable, match=r"cannot be reached: .+"),
        faults.translated(THERE),
    ):
        raise error


def test_our_own_errors_pass_as_they_are():
    with pytest.raises(errors.Conflict, match=r"^mine$"), faults.translated(HERE):
        raise errors.Conflict("mine")
