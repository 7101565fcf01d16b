"""Measurements of the bot against the goals that the project has set itself: `make bench`.

Here belong the benchmarks, one module a family, the servers and clients they measure with, and
the goals as literals beside the rows that are held to them. Everything measured runs in processes
of its own, so that nothing of the measuring is measured. A number counts against its goal only at
full size: anything smaller is reported with a reason in `skipped` and neither passes nor fails.
Nothing here may be imported by the bot, and no test asserts on a time measured here.
"""
