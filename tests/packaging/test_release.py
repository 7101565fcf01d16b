"""`make release`: what is in the files."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging import chart, release


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = release.build(tmp_path_factory.mktemp("release") / "dist")
    return {each.name.partition("-")[0] + each.suffix: each for each in made}


def test_the_versions_agree() -> None:
    assert release.versions() == {release.bot.__version__}


def test_the_wheel_holds_the_whole_bot(files: dict[str, Path]) -> None:
    held = set(zipfile.ZipFile(files["flannel_bot.whl"]).namelist())
    root = chart.ROOT
    tracked = subprocess.run(
        ["git", "ls-files", "bot"], cwd=root, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= held
    assert not [name for name in held if not name.startswith(("bot/", "flannel_bot-"))]


def test_the_packaged_chart_is_the_chart(files: dict[str, Path], tmp_path: Path) -> None:
    packed = next(path for name, path in files.items() if path.suffix == ".tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    loaded = chart.helm.Chart.load(str(tmp_path / "flannel-bot"))
    rendered = loaded.render(dict(chart.LEAST), name="flannel-bot", namespace=chart.NAMESPACE)
    own = chart._loaded().render(dict(chart.LEAST), name="flannel-bot", namespace=chart.NAMESPACE)
    assert rendered == own


def test_each_file_has_its_checksum(files: dict[str, Path]) -> None:
    sums = next(path for path in files.values() if path.name == "SHA256SUMS")
    done = subprocess.run(
        ["sha256sum", "-c", sums], cwd=sums.parent, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert len(sums.read_text().splitlines()) == 3
