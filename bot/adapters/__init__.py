"""Proper names: one package for each outside system.

An adapter translates between the outside and domain values, in both directions, and decides
nothing. Adapters implement the protocols of `bot.flow.ports`, declare a frozen `Options` each,
read no settings, and do not know one another: what one needs of another comes through a port.
"""
