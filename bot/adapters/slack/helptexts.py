"""What each command is for, in one line; the part of `wording` that `help` lists."""

import sys

from bot.adapters.slack import catalogue

HELP = {
    "help": "What can be asked, or all about one command.",
    "status": "Everything at a glance.",
    "nics": "A node's NICs: which one flannel uses, and which it would choose if it restarted "
    "now. With --all, only the nodes where something is wrong.",
    "routes": "What flannel should have put into the kernel against what is there, with cause "
    "and cure. Without a node, the cluster as it was last seen; with --all, every node anew.",
    "memory": "flannel's memory against its limit: now, peak, OOM kills and forecast; of one "
    "node or of all.",
    "simulate": "What each node would choose with other flags. Changes nothing.",
    "logs": "Why flannel failed last on a node, in its own words, and what to do.",
    "verify": "NIC, announcement, device, routes, neighbours, forwarding, subnet.env and pod, "
    "each right or wrong; of one node or all.",
    "fix": "Propose what cures an incident: a plan that somebody else must approve. With "
    "--what-if nothing is asked for, here and below.",
    "raise-memory": "Propose another memory limit for flannel; without a quantity the one that "
    "evidence suggests.",
    "anchor-regex": "Propose flags that choose the same NICs and no pod's.",
    "raise-memory-and-anchor": "Propose both in one change, since each restarts flannel.",
    "drain": "Propose to move a node's containers off it, so that flannel can start there.",
    "evict-veth": "Propose to evict the one pod whose NIC flannel stumbles over.",
    "restart": "Propose to restart flannel on a node.",
    "plans": "What waits for approval, what runs, and whether changes are frozen.",
    "plan": "One plan: what it would do, who decided.",
    "withdraw": "Take your own request back.",
    "run": "One run: how far it is, or how it ended.",
    "cancel": "Stop a run; what can be undone is undone.",
    "wait": "Let a run wait as long again.",
    "undo": "Propose to take back what a run did.",
    "freeze": "Forbid all changes for a while, such as 2h or 3d.",
    "unfreeze": "Allow changes again.",
    "audit": "Who asked for, decided and did what, and where the chain of it ends.",
    "incidents": "What is wrong now, and what lately was.",
    "incident": "One incident: who is affected, why, what happened.",
    "ack": "Take an incident on.",
    "own": "Take it over from somebody.",
    "silence": "Tell nobody of what matches (check=oom_killed,node=~edge-.*) until it is worse.",
    "silences": "What is silenced, and how much that hides.",
    "unsilence": "End a silence.",
    "noise": "What called people in a month, and what came of it.",
    "handover": "What the next on duty has to know.",
    "check": "Judge the cluster now, one pass.",
    "doctor": "What the bot lacks or has in excess, each with its cure.",
    "schedule": "What the bot runs when, and how it went.",
}

sys.modules[__name__].__class__ = catalogue.Words
