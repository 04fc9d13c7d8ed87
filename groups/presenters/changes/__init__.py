"""Show changes: old and new values, warnings before, a line afterwards, and the feed."""
