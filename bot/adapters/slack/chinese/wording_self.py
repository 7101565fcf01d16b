"""`wording_self` in Chinese."""

SELF_TEST = "flannel-bot 正在测试消息能否送达；此消息会立即删除。"
