"""Where the simulated API server differs from the recorded one, each with its reason.

One list for all stories, and it may only shrink: `MOST` is how many entries there are, and each
entry says how many differences it covers at most. No entry may reach what clients decide by:
status codes, reasons, the types and the order of watch events.
"""

from tests.sim.recorded import Deviation

MOST = 2
DEVIATIONS = [
    Deviation(
        "10-events-and-discovery",
        r"\$\.groups\[\d+\]",
        "groups without a resource that anybody here needs are not served",
        exchanges=(10,),
        most=13,
    ),
    Deviation(
        "10-events-and-discovery",
        r".*(sub)?resources\[\d+\]",
        "subresources that are not served: attach, ephemeralcontainers, finalize, "
        "portforward, proxy, resize",
        exchanges=(11, 12, 15),
        most=13,
    ),
]
