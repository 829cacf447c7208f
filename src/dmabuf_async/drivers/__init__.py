"""Exporters and importers, and their deliberate defects."""
