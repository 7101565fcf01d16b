"""`flannel-bot check`: one read-only look, with exit codes for scripts."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("check")]


async def test_a_healthy_cluster_is_0_and_the_json_stands_alone_on_stdout(tmp_path: Path) -> None:
    async with processes.outside(
        tmp_path, nodes=10, scenario="healthy", with_slack=False
    ) as outside:
        code, out, err = await processes.finished(
            "check", "--kubeconfig", str(outside.kubeconfig), "--output", "json", cwd=tmp_path
        )
        report = json.loads(out)
        assert code == 0, (report, err)
        assert report["schema"] == 1
        assert report["health"] == "healthy"
        assert report["findings"] == []
        assert report["gaps"] == []
        flannel = [f for f in report["flannel"] if f["daemonset"] == "kube-flannel-ds-amd64"]
        assert flannel == [
            {
                "namespace": "kube-system",
                "daemonset": "kube-flannel-ds-amd64",
                "version": "v0.12.0",
                "backend": "vxlan",
                "flags": flannel[0]["flags"],
            }
        ]
        assert any("--iface" in flag for flag in flannel[0]["flags"])
        assert {request["method"] for request in await outside.requests()} == {"GET"}
        code, out, err = await processes.finished(
            "check", environment={"KUBECONFIG": str(outside.kubeconfig)}, cwd=tmp_path
        )
        assert code == 0, err
        assert "nothing is wrong" in out


async def test_findings_are_1_and_carry_proof_and_cure(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=12, speed=50, with_slack=False) as outside:
        await outside.fault("flannel_crash")

        async def looping() -> bool:
            return bool((await outside.truth())["summary"]["crash_looping_nodes"])

        await processes.until(looping, what="a crash loop")

        async def found() -> dict | None:
            code, out, _ = await processes.finished(
                "check", "--kubeconfig", str(outside.kubeconfig), "-o", "json", cwd=tmp_path
            )
            report = json.loads(out) if code == 1 else {"findings": []}
            looping = [one for one in report["findings"] if one["check"] == "crash_loop"]
            return looping[0] if looping else None

        finding = await processes.until(found, what="a crash loop that is told")
        assert set(finding) == {
            "check", "severity", "fingerprint", "target", "summary", "evidence", "cure",
        }  # fmt: skip
        assert set(finding["target"]) == {"cluster", "kind", "namespace", "name", "node"}
        assert finding["evidence"]
        assert finding["cure"]
        code, out, _ = await processes.finished(
            "check", "--kubeconfig", str(outside.kubeconfig), cwd=tmp_path
        )
        assert code == 1
        assert "crash_loop" in out


async def test_what_only_a_look_shows_is_found_unless_looks_are_switched_off(
    tmp_path: Path,
) -> None:
    async with processes.outside(
        tmp_path, nodes=6, scenario="healthy", with_slack=False
    ) as outside:
        await outside.fault("route_missing", nodes=["vm-1"])
        await outside.fault("exec_hangs", nodes=["phys-2"])
        asked = ("check", "--kubeconfig", str(outside.kubeconfig), "-o", "json")
        environment = {"FLANNEL_BOT_INSPECTION__WITHIN": "1"}
        code, out, told = await processes.finished(*asked, cwd=tmp_path, environment=environment)
        report = json.loads(out)
        assert set(report) == {
            "schema", "taken_at", "cluster", "health", "flannel", "findings", "gaps",
        }  # fmt: skip
        found = {(one["check"], one["target"]["node"]): one for one in report["findings"]}
        assert code == 1
        assert set(found) == {("node_routes", "vm-1"), ("node_unseen", "phys-2")}
        assert "did not end within 1 s" in found["node_unseen", "phys-2"]["evidence"][0]
        assert "--no-looks" not in told
        code, out, told = await processes.finished(*asked, "--no-looks", cwd=tmp_path)
        report = json.loads(out)
        assert (code, report["findings"], report["gaps"]) == (0, [], [])
        assert any("node_routes" in line and "--no-looks" in line for line in told.splitlines())
        assert {request["method"] for request in await outside.requests()} == {"GET"}


async def test_what_cannot_be_seen_is_2_and_named(tmp_path: Path) -> None:
    async with processes.outside(
        tmp_path, nodes=5, scenario="healthy", with_slack=False
    ) as outside:
        await outside.fault("bad_object", params={"resource": "pods"})
        code, out, _ = await processes.finished(
            "check", "--kubeconfig", str(outside.kubeconfig), "-o", "json", cwd=tmp_path
        )
        report = json.loads(out)
        assert code == 2
        assert report["health"] == "unknown"
        assert report["gaps"]
        assert set(report["gaps"][0]) == {"what", "reason", "since"}
        gone = tmp_path / "gone"
        gone.write_text(
            re.sub(
                r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:9", outside.kubeconfig.read_text()
            )
        )
        code, out, err = await processes.finished("check", "--kubeconfig", str(gone), cwd=tmp_path)
        assert code == 2
        assert "Traceback" not in err
        assert "127.0.0.1:9" in err


WRONG = [
    (["--kubeconfig", "/does/not/exist"], "/does/not/exist"),
    (["--output", "xml"], "xml"),
    (["--cluster", "nope"], "nope"),
    (["--nonsense"], "--nonsense"),
    (["--config", "/does/not/exist.yaml"], "/does/not/exist.yaml"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG, ids=[told for _, told in WRONG])
async def test_wrong_usage_is_2_and_one_sentence(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    code, out, err = await processes.finished(
        "check", *arguments, cwd=tmp_path, environment={"HOME": str(tmp_path)}
    )
    assert code == 2
    assert told in err
    assert out == ""
    assert "Traceback" not in err
