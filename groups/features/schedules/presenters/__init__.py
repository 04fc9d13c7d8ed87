"""Show planned changes: in the list, on the page of a group, as rows of their page, and as a calendar."""
