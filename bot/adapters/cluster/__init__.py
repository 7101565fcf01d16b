"""One Kubernetes cluster, seen from outside: listed, watched, and its logs read.

What belongs here: how the API server is reached (`kubeconfig`, `credentials`, `client`,
`failures`), what of its answers is decoded (`wire`, `kinds`, `frames`), how that becomes domain
values (`translate`, `templates`, `quantities`), and what keeps them fresh (`listing`, `watching`,
`shelf`, `discovery`, `mirror`), or reads them once (`reader`). `actuator` alone writes, with
`outcomes` to tell what became of it and `nodepods` to see whom it concerns.

Nothing here judges: an OOM kill is a container state like any other, and what could not be read
becomes a gap instead of an empty answer. Only raw requests are made, never those of the
library's typed classes, and answers are decoded into the few fields that somebody needs: the
official models cost seconds and hundreds of MiB at the sizes this has to bear. No other adapter
is known.

Out of reach of the API, and therefore of this package: flannel inside the k3s or RKE2 agent
process (no pod, only its node annotations are seen), flannel in etcd mode (no annotations), and
flannel on Windows nodes.
"""
