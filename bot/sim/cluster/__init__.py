"""A simulated Kubernetes cluster.

The lower half is an API server: `store` (memory and revisions), `registry` (what a write means:
defaults, validation, generation, deletion), and the HTTP side (`http` and its parts). The upper
half, built on the registry, is what moves in it: controllers, kubelets, flannel, faults.

The API server is held against recordings of a real one. It keeps no disk, runs on one event
loop and is deterministic but for time: randomness comes from a given generator. Field managers
are kept for clients only (`ownership`). The lower half must not know the upper one; what it needs
of it (logs) comes through a protocol.
"""
