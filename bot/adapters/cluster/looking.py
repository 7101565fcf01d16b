"""Looking deeply at a node: implements `bot.flow.ports.Looker`."""

import asyncio
from collections.abc import Sequence
from urllib import parse

import msgspec

from bot.adapters.cluster import client, execution, failures, script
from bot.flannel import netconf
from bot.flow import ports

_BIG = 65_536
"""More output than this is read in a thread: a thousand peers' tables take some tenths of a
second."""


_DIGITS = 12

CONFIG_MAP = "kube-flannel-cfg"
"""Where upstream manifests of all versions keep flannel's configuration."""

IFLINK = ("cat", "/sys/class/net/eth0/iflink")
"""All that is ever run in a pod that is not flannel's. For a veth it is the number of the other
end, in the host's own counting (Linux, Documentation/ABI/testing/sysfs-class-net)."""


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""


class _Container(msgspec.Struct, gc=False):
    name: str = ""


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    host_network: bool = False
    containers: list[_Container] | None = None


class _PodStatus(msgspec.Struct, gc=False):
    phase: str = ""
    podIP: str = ""  # noqa: N815  # as Kubernetes writes it


class _Pod(msgspec.Struct, gc=False):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


class _Continue(msgspec.Struct, gc=False):
    continue_: str | None = msgspec.field(default=None, name="continue")


class _Pods(msgspec.Struct, gc=False):
    metadata: _Continue
    items: list[_Pod] | None


class _ConfigMap(msgspec.Struct, gc=False):
    data: dict[str, str] | None = None


_PODS = msgspec.json.Decoder(_Pods)
_CONFIG_MAP = msgspec.json.Decoder(_ConfigMap)


class Looker:
    """One cluster's nodes, from inside."""

    def __init__(self, api: client.Client) -> None:
        self._api = api

    async def by_exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        touch: Sequence[str],
        within: float,
    ) -> ports.Look:
        """Run the script in a container of the host's network. Raises Unavailable."""
        ended = await execution.run(
            self._api, namespace, pod, container, script.command(touch), within=within
        )
        if ended.code != 0 and not ended.out:
            said = failures.short(ended.err) or "it said nothing"
            raise failures.Failure(
                f"the script in {namespace}/{pod} ended with exit code {ended.code}: {said}"
            )
        if len(ended.out) > _BIG:
            reading = await asyncio.to_thread(script.read, ended.out)
        else:
            reading = script.read(ended.out)
        return ports.Look(kernel=reading.kernel, problems=reading.problems)

    async def iflink(self, namespace: str, pod: str, container: str, *, within: float) -> int:
        """Return the number of the host's NIC that a pod's eth0 ends at. Raises Unavailable."""
        ended = await execution.run(
            self._api, namespace, pod, container, IFLINK, within=within, most=_BIG
        )
        told = ended.out.strip()
        if ended.code == 0 and told.isascii() and told.isdigit() and len(told) < _DIGITS:
            return int(told)
        said = failures.short(ended.err or ended.out) or "it said nothing"
        raise failures.Failure(
            f"`{' '.join(IFLINK)}` in {namespace}/{pod} ended with exit code {ended.code}: {said}"
        )

    async def pods_on(self, node: str) -> list[ports.PodAddress]:
        """Return the running pods of a node that have an address of their own."""
        found: list[ports.PodAddress] = []
        token = ""
        while True:
            query = [
                ("fieldSelector", f"spec.nodeName={node}"),
                ("limit", str(self._api.options.page_size)),
            ]
            body = await self._api.send(
                client.Ask(
                    verb="list",
                    resource="pods",
                    what=f"pods on node {node}",
                    grant="pods",
                    path="/api/v1/pods",
                    query=(*query, *((("continue", token),) if token else ())),
                )
            )
            try:
                page = _PODS.decode(body)
            except msgspec.DecodeError as exc:
                raise failures.Failure(f"cannot list pods on node {node}: odd answer") from exc
            found += [
                ports.PodAddress(
                    one.metadata.namespace,
                    one.metadata.name,
                    one.status.podIP,
                    tuple(each.name for each in one.spec.containers or ()),
                )
                for one in page.items or ()
                if one.status.podIP and not one.spec.host_network and one.status.phase == "Running"
            ]
            token = page.metadata.continue_ or ""
            if not token:
                return found

    async def net_conf(self, namespace: str) -> netconf.NetConf | None:
        """Return flannel's configuration; None where there is no ConfigMap of that name."""
        ask = client.Ask(
            verb="get",
            resource="configmaps",
            what=f"ConfigMap {CONFIG_MAP} in {namespace}",
            grant="configmaps",
            path=f"/api/v1/namespaces/{parse.quote(namespace, safe='')}/configmaps/{CONFIG_MAP}",
        )
        try:
            body = await self._api.send(ask)
        except failures.Failure as failure:
            if failure.status == 404:
                return None
            raise
        try:
            data = _CONFIG_MAP.decode(body).data or {}
        except msgspec.DecodeError as exc:
            raise failures.Failure(f"{ask.what} cannot be understood") from exc
        text = data.get("net-conf.json")
        return None if text is None else netconf.parse(text)
