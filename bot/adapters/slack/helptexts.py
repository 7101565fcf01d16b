"""What each command is for, in one line; the part of `wording` that `help` lists."""

HELP = {
    "help": "Tell what can be asked.",
    "status": "Everything at a glance.",
    "nics": "A node's NICs: which one flannel uses, and which it would choose if it restarted "
    "now. With --all, only the nodes where something is wrong.",
    "routes": "What flannel should have put into the kernel against what is there, with cause "
    "and cure. Without a node, the cluster as it was last seen; with --all, every node anew.",
    "simulate": "What every node would choose with other flags. Nothing is changed.",
    "logs": "Why flannel failed last on a node, in its own words, and what to do.",
    "verify": "NIC, announcement, device, routes, neighbours, forwarding, subnet.env and pod, "
    "each right or wrong; of one node or of all.",
    "incidents": "What is wrong now, and what lately was.",
    "incident": "One incident: who is affected, why, what happened.",
    "check": "Judge the cluster now, one pass.",
    "schedule": "What the bot runs when, and how it went.",
}
