"""Pictures: drawings as PNGs, by matplotlib in a short-lived child process.

matplotlib costs some 50 MiB and a second at its first use, and what it does with a strange input
nobody knows: it is imported by `child` alone, which ends with its picture. The bot's own process
knows only `painter`, which starts it, waits, and kills it when it takes too long.
"""
