"""Images that cannot be had: pulls that fail, and pulls that may not be tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sim.cluster import podstatus

if TYPE_CHECKING:
    from bot.sim.cluster import podworker

NOTICE = 1.0
"""Seconds after which a failed pull is told as a back-off."""

RESYNC = 10.0
"""Seconds after which the kubelet looks again for an image that it may not pull."""


def not_present(worker: podworker.Worker, container: podstatus.Container) -> None:
    """The image is not on the node, and the pull policy is Never."""
    image = container.spec["image"]
    why = f'Container image "{image}" is not present with pull policy of Never'
    container.state = {"waiting": {"reason": "ErrImageNeverPull", "message": why}}
    worker.event(container, "ErrImageNeverPull", why, warning=True)
    worker.event(container, "Failed", "Error: ErrImageNeverPull", warning=True)
    worker.report()
    worker.kubelet.after(RESYNC, lambda: worker.again(container), what=f"{worker.name} image")


def failed(worker: podworker.Worker, container: podstatus.Container) -> None:
    """A pull has failed: say so, and try again after a back-off."""
    image = container.spec["image"]
    why = (
        f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
        "dial tcp: lookup registry: i/o timeout"
    )
    container.ready = False
    container.state = {"waiting": {"reason": "ErrImagePull", "message": why}}
    worker.event(container, "Failed", f'Failed to pull image "{image}": {why}', warning=True)
    worker.event(container, "Failed", "Error: ErrImagePull", warning=True)
    now = worker.kubelet.ctx.clock.elapsed()
    container.failed_at = now
    container.pulls.tried(now, now)
    worker.report()

    def back_off() -> None:
        if container.waiting != "ErrImagePull" or worker.terminating:
            return
        text = f'Back-off pulling image "{image}": ErrImagePull: {why}'
        container.state = {"waiting": {"reason": "ImagePullBackOff", "message": text}}
        worker.event(container, "BackOff", f'Back-off pulling image "{image}"')
        worker.report()

    def again() -> None:
        if container.waiting == "ImagePullBackOff" and container.failed_at == now:
            worker.again(container)

    worker.kubelet.after(NOTICE, back_off, what=f"{worker.name} image back-off")
    worker.kubelet.after(container.pulls.delay, again, what=f"{worker.name} image")
