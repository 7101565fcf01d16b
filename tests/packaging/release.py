"""Builds a release into dist/: `python -m tests.packaging.release [DIRECTORY]`.

Wheel, sdist and packaged chart, with their checksums; nothing is fetched. Where a container engine
answers, the image too: then the base's digest is the one that its registry tells.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import helm_python
import yaml

import bot

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "helm" / "flannel-bot"


def versions() -> set[str]:
    """Every place that names the version."""
    told = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return {bot.__version__, told["version"], told["appVersion"]}


def build(target: Path) -> list[Path]:
    """Make the files anew and return them. Two runs on one commit make the same wheel."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **_moment()}, stdout=2)
    helm_python.package(str(CHART), destination=str(target))
    made = sorted(target.iterdir())
    sums = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in made]
    (target / "SHA256SUMS").write_text("".join(sums))
    return sorted(target.iterdir())


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _moment() -> dict[str, str]:
    moment = _git("log", "-1", "--format=%ct")
    return {"SOURCE_DATE_EPOCH": moment} if moment else {}


def engine() -> str:
    """A container engine that answers, not only its client; empty where there is none."""
    for name in ("docker", "podman"):
        found = shutil.which(name)
        asked = [found or "", "info"]
        if found and not subprocess.run(asked, capture_output=True, check=False).returncode:
            return found
    return ""


def base() -> str:
    """The base image, by tag, as the Dockerfile names it."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return next(line for line in lines if line.startswith("ARG BASE=")).removeprefix("ARG BASE=")


def image(found: str) -> str:
    """Build the image on the very base that the registry has now, and return its name."""
    subprocess.run([found, "pull", base()], check=True, stdout=2)
    asked = [found, "image", "inspect", "--format", "{{index .RepoDigests 0}}", base()]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    digest = told.partition("@")[2]
    if not digest.startswith("sha256:"):
        raise SystemExit(f"error: {found} tells no digest of {base()}, but {told!r}")
    name = f"flannel-bot:{bot.__version__}"
    given = {
        "DIGEST": f"@{digest}",
        "VERSION": bot.__version__,
        "REVISION": _git("rev-parse", "HEAD") or "unknown",
    }
    arguments = [word for key, value in given.items() for word in ("--build-arg", f"{key}={value}")]
    subprocess.run([found, "build", "-t", name, *arguments, str(ROOT)], check=True, stdout=2)
    return name


def main() -> None:
    if len(versions()) != 1:
        raise SystemExit(f"error: bot/__init__.py and Chart.yaml differ: {sorted(versions())}")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    lines = [f"{each}  {each.stat().st_size // 1024} KiB" for each in build(target)]
    if found := engine():
        lines.append(f"image {image(found)}")
    else:
        lines.append("no container engine answers here, so no image was built")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
