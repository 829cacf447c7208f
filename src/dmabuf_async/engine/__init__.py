"""Engines: one core that parks, chooses, applies and observes; inline, or hosted by asyncio and trio."""
