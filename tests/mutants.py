"""Break each promise's code once and see its test fail: `make mutants`."""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("bot", "tests", "pyproject.toml", "config", "helm", "docs", "README.md", "Makefile")


@dataclass(frozen=True)
class Promise:
    title: str
    test: str
    file: str
    before: str
    after: str


def promises() -> list[Promise]:
    text = (ROOT / "tests" / "promises.md").read_text()
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        test = re.search(r"^tests/\S+", rest, re.MULTILINE)
        diff = re.search(r"^```diff (\S+)\n(.*?)^```", rest, re.MULTILINE | re.DOTALL)
        assert test, f"{title}: names no test"
        assert diff, f"{title}: has no mutation"
        lines = diff.group(2).splitlines()
        before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        found.append(Promise(title, test.group(), diff.group(1), before, after))
    return found


def survives(promise: Promise) -> bool:
    """Whether the test passes although the code is broken."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy(source, copy / name)
        file = copy / promise.file
        text = file.read_text()
        assert text.count(promise.before) == 1, (
            f"{promise.title}: the code to be broken stands {text.count(promise.before)} times "
            f"in {promise.file}"
        )
        file.write_text(text.replace(promise.before, promise.after))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", promise.test],
            cwd=copy, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
        return done.returncode == 0


def main() -> int:
    failures = 0
    for promise in promises():
        alive = survives(promise)
        failures += alive
        sys.stdout.write(f"{'SURVIVED' if alive else 'caught  '}  {promise.title}\n")
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
