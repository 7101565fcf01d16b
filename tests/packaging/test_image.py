"""The Dockerfile: linted, its steps done without an engine, and built where there is one."""

import asyncio
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance import processes

ROOT = Path(__file__).parent.parent.parent
HADOLINT = Path(sys.executable).parent / "hadolint"
PLACE = "/opt/flannel-bot"


def instructions() -> list[list[tuple[str, str]]]:
    """The stages, each a list of (instruction, rest); comments gone, lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: list[list[tuple[str, str]]] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        if word and stages:
            stages[-1].append((word, rest.strip()))
    return stages


def engine() -> str:
    """A container engine that answers, not only its client."""
    for name in ("docker", "podman", "buildah"):
        found = shutil.which(name)
        if (
            found
            and not subprocess.run([found, "info"], capture_output=True, check=False).returncode
        ):
            return found
    return ""


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint has no wheel for this machine")
def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_stage_compiles_nothing_and_runs_as_nobody() -> None:
    first, last = instructions()
    assert ("USER", "65532:65532") in last, "by number: Kubernetes cannot check names"
    words = " ".join(rest for _, rest in last)
    assert not re.search(r"apt|gcc|build-essential|curl|wget|pip install", words)
    (installing,) = [rest for word, rest in first if word == "RUN" and "pip" in rest]
    assert "--require-hashes --only-binary :all: -r requirements.lock" in installing
    assert last.index(("USER", "65532:65532")) > max(
        i for i, (word, _) in enumerate(last) if word in {"RUN", "COPY"}
    )


def test_no_digest_is_written_down() -> None:
    assert not re.search(r"sha256:[0-9a-f]", (ROOT / "Dockerfile").read_text())


def test_what_the_engine_is_given_is_what_is_copied() -> None:
    copied = {
        source
        for stage in instructions()
        for word, rest in stage
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


@pytest.mark.trial
@pytest.mark.timeout(300)
async def test_its_steps_make_a_bot_that_answers_its_health_check(tmp_path: Path) -> None:
    """The same commands in clean environments; the megabytes it comes to are bounded."""
    outer, target, build = tmp_path / "outer", tmp_path / "opt", tmp_path / "build"
    subprocess.run([sys.executable, "-m", "venv", outer], check=True)
    build.mkdir()
    environment = {"PATH": f"{outer / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_"))}
    for word, rest in instructions()[0]:
        if word == "COPY":
            *sources, where = rest.split()
            for source in sources:
                subprocess.run(["cp", "-r", ROOT / source, build / where], check=True)
        if word == "RUN":
            command = rest.replace(PLACE, str(target))
            subprocess.run(["sh", "-e", "-c", command], cwd=build, env=environment, check=True)
    assert not list(target.glob("bin/pip*"))
    packed = subprocess.run(["tar", "-C", target, "-cz", "lib"], capture_output=True, check=True)
    assert len(packed.stdout) < 120 * 1_048_576, "with its base it must stay below 200 MB"

    program = str(target / "bin/flannel-bot")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SLACK_BOT_TOKEN": "xoxb-none",
        "SLACK_APP_TOKEN": "xapp-none",
        "FLANNEL_BOT_SLACK__CHANNEL": "C0ALERTS",
        "FLANNEL_BOT_SLACK__API_URL": "http://127.0.0.1:9/",
        "FLANNEL_BOT_HTTP__PORT": str(_free()),
        "KUBECONFIG": str(_nowhere(tmp_path)),
    }
    last = dict(instructions()[1])
    _, _, check = last["HEALTHCHECK"].partition("CMD ")
    probe = [word.replace(PLACE, str(target)) for word in shlex.split(_words(check))]
    bot = await asyncio.create_subprocess_exec(program, "run", cwd=tmp_path, env=environment)
    try:

        async def healthy() -> bool:
            asked = await asyncio.create_subprocess_exec(
                *probe, env=environment, stderr=asyncio.subprocess.DEVNULL
            )
            return await asked.wait() == 0

        await processes.until(healthy, what="health")
    finally:
        bot.terminate()
        await bot.wait()
    assert not await healthy()


def _words(listed: str) -> str:
    return shlex.join(json.loads(listed))


def _free() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _nowhere(directory: Path) -> Path:
    file = directory / "kubeconfig"
    file.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: x, user: {}}]\n"
        "contexts: [{name: x, context: {cluster: x, user: x}}]\n"
    )
    return file


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_it_is_built_for_real_where_an_engine_is(tmp_path: Path) -> None:
    found = engine()
    if not found:
        pytest.skip("no container engine answers here")
    subprocess.run([found, "build", "-t", "flannel-bot:test", ROOT], check=True)
    said = subprocess.run(
        [found, "run", "--rm", "--read-only", "--tmpfs", "/tmp", "flannel-bot:test", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.startswith("flannel-bot ")
