"""Scenarios: what a file may say, and how it becomes a program."""
