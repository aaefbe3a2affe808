"""gdb's remote serial protocol as bytes, packets and values; it knows nothing of guests."""
