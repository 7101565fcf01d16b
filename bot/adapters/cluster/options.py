"""How one cluster is reached and how patiently it is read."""

from dataclasses import dataclass
from pathlib import Path

import bot


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one cluster's adapter. Every duration is in seconds."""

    name: str
    """What people call the cluster."""

    kubeconfig: Path | None = None
    """None: the pod's service account if there is one, else $KUBECONFIG or ~/.kube/config."""

    context: str | None = None
    """None: the kubeconfig's current context."""

    namespaces: tuple[str, ...] = ("kube-system", "kube-flannel")
    """Mirrored always; one that does not exist is empty. Discovery adds to them."""

    discover: bool = True
    """Look for flannel's DaemonSets in all namespaces. Needs list on daemonsets cluster-wide."""

    discovery_interval: float = 300.0

    page_size: int = 500
    """Objects a page of a list: 500 pods are about 5 MB in flight."""

    request_timeout: float = 30.0
    """For one answer, one page, or the first byte of a watch."""

    connect_timeout: float = 10.0

    concurrent_requests: int = 8
    """Requests in flight to one API server; established watches do not count."""

    watch_timeout: tuple[float, float] = (240.0, 300.0)
    """A watch is asked to end after a random time in this range, so that watches spread out."""

    watch_grace: float = 15.0
    """How much longer than asked a watch may stay before we end it ourselves."""

    silence_after: float = 150.0
    """A watch without event or bookmark for so long is resumed; if silent again, re-listed.

    API servers send a bookmark about once a minute, but promise none.
    """

    settle_after: float = 1.0
    """A watch that stays open so long, or brings an event, counts as working.

    One that ends sooner, twice in a row, is backed off from: an instantly ending stream would
    otherwise be asked for a thousand times a second.
    """

    backoff: tuple[float, float] = (1.0, 30.0)
    """First and longest wait between failing attempts; doubled each time, jittered by half."""

    retry_after_cap: float = 120.0
    """Longest wait that a server's Retry-After is granted."""

    gap_after: float = 5.0
    """A resource that fails for less than this is not yet a gap."""

    pulse: float = 1.0
    """How often gaps and ages are looked at."""

    stalled_after: float = 5.0
    """Having not run for so long (stopped, suspended, starved), the bot trusts nothing it knows
    until the server has been heard again."""

    probe_after: float = 20.0
    """After so long without a byte on any watch, ask whether the server still answers.

    A server that hangs closes nothing: without this, it would look quiet until `silence_after`.
    """

    credentials_interval: float = 60.0
    """How often kubeconfig, CA, certificates and token files are looked at for changes."""

    reload_pause: float = 5.0
    """Credentials that stay refused are not reloaded more often: many watches share a plugin."""

    exec_timeout: float = 30.0
    """For a kubeconfig's exec plugin."""

    proxy: str = ""
    """HTTP proxy for the API server. The environment's proxies are not used: their exceptions
    know no CIDR, so the API server's own service address would go through them."""

    strict_tls: bool = True
    """Off for cluster CAs that lack an authority key identifier (Python 3.13 refuses them)."""

    compress: bool = False
    """Ask for gzip. Off, since unpacking costs more CPU than a cluster's own network does."""

    log_bytes: int = 1_048_576
    """Most bytes of a container's log to take in."""

    line_limit: int = 32 * 1_048_576
    """Longest watch event taken in."""

    user_agent: str = f"flannel-bot/{bot.__version__}"
