"""Slack: where people are told, and where they ask.

Listeners translate and call, views render, nobody else in the bot knows Slack. Only this package
imports slack_bolt and slack_sdk.

Asking: `app` owns the way by which Slack reaches us (`socket`, or `http`, which proves every
request by `signatures`); `inbox` acknowledges what arrives and gives the work to `errands`;
`callers` says who may ask; `grammar` reads what was typed; `commands` asks the desk; `actions`
answers clicks, `shortcuts` the menu of a message, `home` the app's own tab; `replies` brings the
answer back. Telling: `notifier` posts and
edits for the outbox. Both say pages (`prose`) that `cards`, `details` and `answers_view` make of
domain values with the sentences of `wording`; `blocks` turns a page into Block Kit within the
bounds of `limits`. `client` talks to the Web API; `faults` knows what its failures mean.

Laws. Text from a cluster never becomes markup: it goes into typed runs, which parse nothing, and
into escaped fallback text. Every message fits Slack's limits by construction, in `blocks` alone.
An acknowledgement comes before any work, and no click or command stays without an answer. Callers
are judged by user id and by what Slack says of them now, never by name. Nothing here decides
what is wrong with a cluster, or is retried: repeating a post is the outbox's business.
"""
