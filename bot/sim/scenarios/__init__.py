"""What befalls a simulated cluster: each scenario is data, not code.

A scenario says how the cluster is set up (flags, limits, odd machines) and when the API server
closes its watches. Nothing here breaks anything by itself: what follows from the setting is the
simulation's business. No input or output, no clock; scenarios do not know each other.
"""
