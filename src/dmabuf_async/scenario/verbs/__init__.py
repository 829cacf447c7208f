"""What the steps of a scenario file may do: one frozen struct a verb, its docstring the reference."""
