"""The shape of the code is a promise too: purity, sizes, seams."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

# One process for all: each reads every module, and reading is what costs.
pytestmark = pytest.mark.xdist_group("architecture")

ROOT = Path(__file__).parent.parent
BOT = ROOT / "bot"
PURE = ["domain", "flannel", "checks", "guards", "runbooks"]
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "sleep"}
SEAMS = {
    "bot/flow/granting.py": 1,  # a wish that meets a mistake is answered, and others go on
    "bot/flow/judge.py": 1,
    "bot/flow/sender.py": 1,
    "bot/adapters/schedule.py": 1,
    "bot/adapters/cluster/mirror.py": 1,
    "bot/adapters/slack/home.py": 1,
    "bot/adapters/slack/inbox.py": 3,
    "bot/adapters/slack/shortcuts.py": 1,
}


def modules(*parts: str) -> list[Path]:
    return sorted(path for part in parts for path in (BOT / part).rglob("*.py"))


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(_tree(path)))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def id_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_pure_rooms_use_the_standard_library_only() -> None:
    foreign = {
        (id_of(path), name)
        for path in modules(*PURE)
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names and name.split(".")[0] != "bot"
    }
    assert foreign == {("bot/flannel/regex.py", "re2")}


def _reads_a_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr not in CLOCKS:
        return False
    holder = ast.unparse(node.func.value).split(".")[-1]
    return holder in {"datetime", "date", "time"}


def test_pure_rooms_have_no_clock_no_environment_no_log_and_no_async() -> None:
    outside = {"time", "logging", "asyncio", "os", "socket", "random", "uuid"}
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    found = [(id_of(path), name) for path in modules(*PURE) for name in imported(path) & outside]
    found += [
        (id_of(path), ast.unparse(node))
        for path in modules(*PURE)
        for node in _nodes(path)
        if isinstance(node, waiting) or _reads_a_clock(node)
    ]
    assert found == []


def test_no_file_outgrows_its_ceiling() -> None:
    long = {
        id_of(path): lines
        for path in modules(".")
        if "migrations" not in path.parts
        and (lines := len(path.read_text().splitlines()))
        > (300 if "adapters/slack" in str(path) else 500)
    }
    assert long == {}


def test_importing_does_nothing() -> None:
    """No call that acts stands at module level; definitions, constants and registries do."""
    allowed = ("log = ", "_log = ", "cli.", "sim.", "db.", "config.")
    acting = [
        (id_of(path), text)
        for path in modules(".")
        if "migrations" not in path.parts
        for node in _tree(path).body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and not (text := ast.unparse(node)).startswith(allowed)
    ]
    assert acting == []


def test_every_package_opens_with_its_charter() -> None:
    for path in BOT.rglob("__init__.py"):
        if "migrations" in path.parts:
            continue
        doc = ast.get_docstring(_tree(path))
        assert doc, path
        assert len(doc) > 60, f"{path} says too little"


def test_nothing_is_left_behind() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error")
    for path in [*BOT.rglob("*.py"), *BOT.rglob("*.js"), ROOT / "Makefile"]:
        words = set(path.read_text().replace("(", " ").replace(":", " ").split())
        assert not words & set(marks), path


def test_broad_excepts_stand_at_named_seams_only() -> None:
    """One check, one task, one job, one envelope: elsewhere a fault must say which it is."""
    found: dict[str, int] = {}
    for path in BOT.rglob("*.py"):
        if "sim" in path.relative_to(BOT).parts:
            continue
        for node in _nodes(path):
            if isinstance(node, ast.ExceptHandler) and ast.unparse(node.type or node) in {
                "Exception",
                "BaseException",
            }:
                reraises = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                if not reraises:
                    name = str(path.relative_to(ROOT))
                    found[name] = found.get(name, 0) + 1
    assert found == SEAMS


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
