"""What is: the simulated hardware and the kernel's shared objects."""
