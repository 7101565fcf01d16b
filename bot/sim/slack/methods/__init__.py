"""The Web API's methods, one module for each family, each with a `METHODS` table.

A method is a function from (world, call) to the answer's fields. It raises `errors.ApiError` for
everything Slack would answer with `"ok": false`. Tokens, scopes, rate limits and injected faults
are judged before it is called (`webapi`), so nothing here repeats them.
"""
