"""Look after an installation: its workers, their threads, and its state."""
