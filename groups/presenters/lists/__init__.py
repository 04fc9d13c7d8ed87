"""Show the list of groups: its rows, its filters, its search and its charts."""
