"""Show what percents cost, and the sales of groups."""
