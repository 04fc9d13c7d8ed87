"""Hold writes against limits, keep what goes beyond them, and let other users decide on that."""
