"""What `watch` shows: panels are pure functions from a snapshot to a renderable."""
