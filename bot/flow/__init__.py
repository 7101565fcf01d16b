"""The verbs: observe, judge, track, tell, deliver, answer.

Flow strings pure judgements together with the outside world, which it knows only through the
protocols in `ports`. It may use asyncio and structlog, and nothing else from outside.
"""
