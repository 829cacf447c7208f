"""Explorations: a strategy on an engine within a budget, and the verdict."""
