"""What is in memory, how it came there, what gives way, and what an operator sees of it."""
