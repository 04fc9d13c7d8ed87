"""Plan changes of groups, carry them out, and find those that need a person."""
