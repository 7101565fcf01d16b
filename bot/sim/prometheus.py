"""A configuration by which a real Prometheus scrapes the pretend cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.sim.cluster import serve

_KUBE_STATE = "/api/v1/namespaces/kube-system/services/kube-state-metrics:8080/proxy/metrics"


def config(cluster: serve.SimulatedCluster, directory: Path, *, every: str = "1s") -> Path:
    """Write a configuration, with token and authority beside it; return its path.

    Kubelets are scraped through the API server's proxy and, as with kube-prometheus, told by
    `instance`; kube-state-metrics through its Service.

    Args:
        cluster: to be scraped; it must listen.
        directory: where the files go.
        every: between two scrapes, as Prometheus writes durations.
    """
    authority, token = directory / "ca.crt", directory / "token"
    authority.write_bytes(cluster.api.certificates.authority)
    token.touch(mode=0o600)
    token.write_text(cluster.token)
    target = urlsplit(cluster.url).netloc
    access = {
        "scheme": "https",
        "tls_config": {"ca_file": str(authority)},
        "authorization": {"credentials_file": str(token)},
    }

    def job(name: str, path: str, labels: dict[str, str]) -> dict[str, Any]:
        static: Sequence[dict[str, Any]] = [{"targets": [target], "labels": labels}]
        return {"job_name": name, "metrics_path": path, "static_configs": static, **access}

    written = {
        "global": {"scrape_interval": every, "scrape_timeout": every},
        "scrape_configs": [
            job("kube-state-metrics", _KUBE_STATE, {}),
            *(
                job(
                    f"cadvisor/{node}",
                    f"/api/v1/nodes/{node}/proxy/metrics/cadvisor",
                    {"instance": node},
                )
                for node in cluster.world.kubelets
            ),
        ],
    }
    path = directory / "prometheus.yml"
    path.write_text(json.dumps(written))  # JSON is YAML, too
    return path
