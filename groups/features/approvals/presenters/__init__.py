"""Show the limits, the requests, and what a form says that goes beyond the limits."""
