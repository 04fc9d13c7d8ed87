"""Read the sales of all clients, and keep their sums."""
