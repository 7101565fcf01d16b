"""`make test-cluster`, tried on the pretend cluster, so that it works on the day it is needed."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.acceptance import processes

pytestmark = [pytest.mark.trial, pytest.mark.real("kubectl"), pytest.mark.timeout(240)]

IN_THE_CLUSTER = (
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
)


async def said(*words: str, **environment: str) -> str:
    running = await asyncio.create_subprocess_exec(
        *words, env={**os.environ, **environment}, cwd=processes.ROOT, stdout=PIPE
    )
    out, _ = await running.communicate()
    assert running.returncode == 0, out.decode()
    return out.decode()


async def test_it_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tests = Path(__file__).parent / "test_real_cluster.py"
    command = (sys.executable, "-m", "pytest", "-n0", "-m", "cluster", "-p", "no:cacheprovider")
    async with processes.outside(tmp_path, nodes=2, with_slack=False) as outside:
        kubeconfig = str(outside.kubeconfig)
        told = await said(*command, str(tests), KUBECONFIG=kubeconfig)
        assert "6 passed, 1 skipped" in told, "it serves no CRDs of the Prometheus operator"
        left = await said("kubectl", "get", IN_THE_CLUSTER, "-o", "name", KUBECONFIG=kubeconfig)
        assert "flannel-bot" not in left
