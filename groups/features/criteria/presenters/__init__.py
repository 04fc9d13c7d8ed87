"""Show the criteria, what they would move, and why."""
