"""One file for each step, never changed once released.

A new step is numbered after the last one, names it as its `down_revision`, and is added to
`bot.adapters.store.revision.KNOWN`. It spells its columns out and imports nothing of the bot:
the tables of today are not what it was written for. Tests upgrade from every older step and
compare the result with `tables`.
"""
