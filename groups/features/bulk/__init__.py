"""Many groups changed at once: typed in one table or read from a file, and a plan before it is sent."""
