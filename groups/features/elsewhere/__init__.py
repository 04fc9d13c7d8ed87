"""Changes that were not made here: a worker finds them, and writes them into the history."""
