"""Show clients: of a group, of the account, their number, and those that a move touches."""
