"""Tests in a real browser, and the script that makes the README's pictures."""
