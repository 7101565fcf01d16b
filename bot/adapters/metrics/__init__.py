"""Memory over time out of a Prometheus, by prometheus-api-client.

Only queries that are written here are asked, with names put in as escaped label values. What a
server answers is data: numbers that are none are left out, and errors' bodies are not repeated.
"""
