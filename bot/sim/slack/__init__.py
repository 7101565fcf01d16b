"""A Slack-compatible server in one process, and the page on which people look at it.

It speaks what a Slack app sees of Slack: the Web API with its limits and errors, Socket Mode,
signed HTTP requests, `response_url`, and the payloads of commands, clicks and events. All state
is in memory and ends with the process. Pretend people act through `/_sim/` (loopback only), where
tests can also break things on purpose; the page in `page/` is one more client of the same doors.

Belongs here: how Slack behaves, including how it misbehaves. Forbidden here: any import from the
rest of `bot`, anything that would make the server kinder than Slack is, and any knowledge of
flannel beyond the words in the texts that pass through.

Reading order: `people` (who exists), `workspace` (what was said), `blocks` and its neighbours
(what may be said), `methods/` behind `webapi` (what an app can ask), `links` and `webhooks` (how
an app is told), `interactions` (what people do), `control` (the doors for tests), `serve`.
"""
