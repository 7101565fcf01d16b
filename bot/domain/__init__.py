"""The nouns of the bot: snapshot, finding, incident, notice.

Frozen values and pure functions over them, standard library only. Nothing here reads a clock,
a setting or a file, and nothing knows Kubernetes' JSON, Slack's blocks or SQL: adapters
translate at their door. `now` is always an argument.
"""
