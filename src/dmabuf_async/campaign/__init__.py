"""What outlives one campaign: failing schedules in a folder, which the next campaign replays first."""
