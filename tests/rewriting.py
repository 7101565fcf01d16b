"""What pytest makes of the asserts in test modules, made by all cores before anybody collects.

It keeps what it has made, but in a fresh clone each worker would make all of it for itself: ten
seconds of CPU each. The private functions of pytest are those that its own import hook calls.
"""

import multiprocessing
import os
import sys
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

HERE = Path(__file__).parent


def prepare(config: pytest.Config) -> None:
    """Rewrite every test module whose rewritten form is missing or old."""
    if sys.dont_write_bytecode or config.getoption("assertmode") != "rewrite":
        return
    stale = [
        path for path in HERE.rglob("test_*.py") if rewrite._read_pyc(path, _kept(path)) is None
    ]
    # The longest first, so that all cores end at the same time.
    stale.sort(key=lambda path: path.stat().st_size, reverse=True)
    if len(stale) > (os.cpu_count() or 1):
        with multiprocessing.get_context("fork").Pool(
            initializer=_begin, initargs=[config]
        ) as pool:
            pool.map(_rewrite, stale, chunksize=1)


_configs: list[pytest.Config] = []


def _begin(config: pytest.Config) -> None:
    _configs.append(config)


def _kept(path: Path) -> Path:
    return rewrite.get_cache_dir(path) / (path.stem + rewrite.PYC_TAIL)


def _rewrite(path: Path) -> None:
    (config,) = _configs
    told, code = rewrite._rewrite_test(path, config)
    kept = _kept(path)
    rewrite.try_makedirs(kept.parent)
    rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, told, kept)
