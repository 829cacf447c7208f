"""Panels of what is, and of what has happened: pure functions from a snapshot to lines of text.

``width`` is in cells; ``rows`` is the most lines that a panel may have, None for as
many as it needs. An empty list: there is nothing of the kind.
"""
