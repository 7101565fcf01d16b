"""What the API server fills in: defaults of a kind, and the metadata only it may write.

All functions change the object they are given, which is the registry's own fresh copy.
"""

from typing import Any

from bot.sim.cluster import objects, policyspecs, quantities, resources

Object = dict[str, Any]


def apply(kind: str, obj: Object) -> None:
    """Fill in the defaults of a kind, as the answer of a POST shows them."""
    default = _BY_KIND.get(kind)
    if default is not None:
        default(obj)


def fresh_status(kind: str, obj: Object) -> None:
    """Set the status a new object of the kind begins with; whatever was sent is dropped.

    A Node keeps the status it came with: a kubelet registers with it.
    """
    if kind == "Pod":
        obj["status"] = {"phase": "Pending", "qosClass": quantities.qos_class(obj["spec"])}
    elif kind == "DaemonSet":
        obj["status"] = {
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        }
    elif kind in {"Deployment", "ValidatingAdmissionPolicy"}:
        obj["status"] = {}
    elif kind == "ReplicaSet":
        obj["status"] = {"replicas": 0}
    elif kind == "Namespace":
        obj["status"] = {"phase": "Active"}
    elif kind == "Service":
        obj["status"] = {"loadBalancer": {}}
    elif kind == "PodDisruptionBudget":
        obj["status"] = {
            "disruptionsAllowed": 0,
            "currentHealthy": 0,
            "desiredHealthy": 0,
            "expectedPods": 0,
        }


def pod_spec(spec: Object) -> None:
    """Defaults of a pod, alike in a Pod and in a template."""
    for container in objects.containers(spec):
        _container(container, host_network=bool(spec.get("hostNetwork")))
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Object, *, host_network: bool) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if "imagePullPolicy" not in container:
        last = container.get("image", "").rpartition("/")[2]
        latest = last.endswith(":latest") or (":" not in last and "@" not in last)
        container["imagePullPolicy"] = "Always" if latest else "IfNotPresent"
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if host_network and port.get("containerPort"):
            port.setdefault("hostPort", port["containerPort"])
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _probe(container[name])
    resources = container["resources"]
    limits = resources.get("limits") or {}
    if limits:
        # A limit without a request is the request too.
        requests = resources.setdefault("requests", {})
        for name, amount in limits.items():
            requests.setdefault(name, amount)


def _probe(probe: Object) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _volume(volume: Object) -> None:
    for name in ("configMap", "secret", "downwardAPI", "projected"):
        if name in volume:
            volume[name].setdefault("defaultMode", 0o644)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


def _template(obj: Object) -> None:
    template = obj["spec"].setdefault("template", {})
    template.setdefault("metadata", {})
    pod_spec(template.setdefault("spec", {}))


def _pod(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)


def _daemon_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _template(obj)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        strategy["rollingUpdate"] = rolling
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)


def _deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    _template(obj)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        strategy["rollingUpdate"] = rolling
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _replica_set(obj: Object) -> None:
    obj.setdefault("spec", {}).setdefault("replicas", 1)
    _template(obj)


def _node(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    # Go leaves out what is empty, and a reader must not tell `false` from absent.
    if not spec.get("unschedulable"):
        spec.pop("unschedulable", None)
    if not spec.get("taints"):
        spec.pop("taints", None)


def _namespace(obj: Object) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")


def _role(obj: Object) -> None:
    obj.setdefault("rules", None)


def _binding(obj: Object) -> None:
    obj.setdefault("roleRef", {}).setdefault("apiGroup", resources.ACCESS)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", resources.ACCESS)


def _event(obj: Object) -> None:
    obj.setdefault("source", {})
    for name in ("firstTimestamp", "lastTimestamp", "eventTime"):
        obj.setdefault(name, None)
    obj.setdefault("reportingComponent", "")
    obj.setdefault("reportingInstance", "")


_BY_KIND = {
    "Pod": _pod,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "Node": _node,
    "Namespace": _namespace,
    "Service": _service,
    "Secret": _secret,
    "Role": _role,
    "ClusterRole": _role,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "Event": _event,
    "ValidatingAdmissionPolicy": policyspecs.complete_policy,
    "ValidatingAdmissionPolicyBinding": policyspecs.complete_binding,
}
