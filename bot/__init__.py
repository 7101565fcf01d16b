"""flannel-bot: a Slack bot that keeps a cluster's flannel and kube-system healthy.

The packages below are layers, and imports point down only (the contracts stand in
`pyproject.toml`): `cli` and `demo` choose a world, `app` builds everything, `adapters` speak
to the outside, `flow` holds the verbs, `checks` and `runbooks` the judgements, `flannel` what
flannel does, `domain` the nouns. `sim` is a pretend outside that knows nothing of the bot.
"""

__version__ = "0.1.0"
