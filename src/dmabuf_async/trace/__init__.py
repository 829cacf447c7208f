"""What an execution leaves behind: events, findings, schedules."""
