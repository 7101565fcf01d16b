"""What the bot says about itself."""

SELF_TEST = "flannel-bot tests whether it can be heard; this message is deleted at once."
