"""Show what depends on a group, the loyalty scheme, what percents cost, and the sales of groups."""
