"""The words of `bot.adapters.slack` in simplified Chinese (zh-CN).

One module for each that holds words, with the same name and the same public names in it; a test
compares the two. Names of objects, commands, settings and ids are arguments or stand between
backticks, and are never translated.
"""
