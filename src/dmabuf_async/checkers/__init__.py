"""What is wrong: reads machine and events, and states findings."""
