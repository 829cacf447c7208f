"""Drawn importers: random programs that keep every rule, so that whatever is found is the exporter's fault."""
