"""How the tables came to be, step by step: alembic's environment and its scripts.

Run by `bot.adapters.store.migrate` only, on a connection whose transaction is open already, so
that an upgrade happens whole or not at all, on SQLite too. There is no `alembic.ini`.
"""
