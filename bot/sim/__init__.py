"""The pretend outside: what the bot talks to, when there is no real one.

Every part speaks only its wire protocol (HTTP, WebSocket) and knows nothing of the bot: nothing
here imports from the rest of `bot`, and what is the same on both sides is written twice on
purpose, since both are held against the same recordings. Nothing here is for production.
"""
