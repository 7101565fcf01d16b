"""Each promise names a test that exists and code that stands once; `make mutants` does the rest."""

import ast
from pathlib import Path

import pytest

from tests import mutants

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("promise", mutants.promises(), ids=lambda p: p.title)
def test_a_promise_names_its_test_and_the_code_it_hangs_on(promise: mutants.Promise) -> None:
    path, _, name = promise.test.partition("::")
    functions = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert name in functions
    assert (ROOT / promise.file).read_text().count(promise.before) == 1
    assert promise.before != promise.after
