"""What could be done: a finding and a snapshot in, a plan or a reason for none out.

A runbook is pure: it drafts, it never acts, and it knows neither checks nor Slack.
"""
