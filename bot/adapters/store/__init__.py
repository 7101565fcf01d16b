"""What the bot remembers: incidents, the ledger of restarts, the outbox, marks, the timeline.

Two implementations of `bot.flow.ports.Store` live here and pass one contract suite: `sql`, over
SQLite (one writer, one file) or PostgreSQL (several replicas), and `memory`, for one pass of
`check` and for tests of the flow. Statements are portable; what differs between the two servers
stands in `engine` (how a transaction begins) and `faults` (how trouble is told), nowhere else.

A unit is one transaction, and every write is serialised with every other writer: in this process
by a lock that is waited for in order, between processes by the database. A cancelled task never
interrupts the driver: the statement under way is finished, then the unit is rolled back.

No SQL row passes this door, and no statement is built outside it. Nothing here decides what is
worth telling or when. Alembic is imported by `migrate` alone, inside the function that needs it,
because the bot runs it in a process of its own.
"""
