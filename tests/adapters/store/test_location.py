"""Reading `database.url`."""

import pytest

from bot.adapters.store import location
from bot.domain import errors


@pytest.mark.parametrize(
    ("url", "driver", "path"),
    [
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite", "/var/lib/x.db"),
        ("sqlite+aiosqlite:////var/lib/x.db", "sqlite+aiosqlite", "/var/lib/x.db"),
        ("postgres://u@h/d", "postgresql+asyncpg", None),
        ("postgresql://u@h/d", "postgresql+asyncpg", None),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg", None),
    ],
)
def test_the_usual_ways_to_write_a_url_are_understood(url, driver, path):
    found = location.parse(url)

    assert found.url.drivername == driver
    assert (str(found.path) if found.path else None) == path


def test_a_relative_file_is_where_the_bot_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert location.parse("sqlite:///data/x.db").path == tmp_path / "data" / "x.db"


def test_the_home_directory_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert location.parse("sqlite:///~/x.db").path == tmp_path / "x.db"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "cannot be read"),
        ("s3cret", "cannot be read"),
        ("postgresql://u:s3cret@h:notaport/d", "cannot be read"),
        ("mysql://u:s3cret@h/d", "'mysql' is not supported"),
        ("sqlite+pysqlcipher:///x?key=s3cret", "not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "needs a file"),
        ("postgresql://u:s3cret@h", "names no database"),
    ],
)
def test_a_url_that_cannot_serve_is_told_without_repeating_it(url, says):
    with pytest.raises(errors.Misconfigured, match=says) as caught:
        location.parse(url)

    assert "database.url" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_name_shows_no_password():
    assert "s3cret" not in location.parse("postgresql://u:s3cret@h/d").name


def test_what_postgresql_calls_sslmode_reaches_the_driver():
    found = location.parse("postgresql://u@h/d?sslmode=verify-full&application_name=x")

    assert dict(found.url.query) == {"ssl": "verify-full", "application_name": "x"}


MOUNTS = """\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
31 22 0:27 / /data rw,relatime - nfs4 server:/export rw,vers=4.2
32 31 259:2 / /data/local rw,relatime - xfs /dev/nvme1n1 rw
33 22 0:28 / /with\\040space rw - cifs //server/share rw
34 22 0:29 / /over rw - ext4 /dev/a rw
35 34 0:30 / /over rw - fuse.sshfs host: rw
a line that makes no sense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/x.db", None),
        ("/data/x.db", "nfs4"),
        ("/data/deep/er/x.db", "nfs4"),
        ("/data/local/x.db", None),
        ("/database/x.db", None),
        ("/with space/x.db", "cifs"),
        ("/over/x.db", "fuse.sshfs"),
    ],
)
def test_sqlite_on_a_network_file_system_is_refused(path, kind):
    place = location.Path(path)
    if kind is None:
        location.refuse_network_filesystem(place, MOUNTS)
        return
    with pytest.raises(errors.Misconfigured, match=f"network file system \\({kind}\\)"):
        location.refuse_network_filesystem(place, MOUNTS)


def test_where_nothing_is_known_of_mounts_nothing_is_refused():
    location.refuse_network_filesystem(location.Path("/data/x.db"), "")
