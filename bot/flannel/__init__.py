"""What flannel does, by version: knowledge, without a cluster at hand.

Which DaemonSet is flannel, what its flags mean, which version an image is, which NIC it would
choose, what it leaves in a node's kernel. Facts about flannel live here and nowhere else, each
with its source; judgements about a cluster live in `bot.checks`, changes to it in
`bot.runbooks`. Pure: the standard library and `bot.domain` only, no clock, no environment, no
I/O; `regex` alone imports one library more, flannel's own regular expressions.
"""
